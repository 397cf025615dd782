// What an alert that came in says of the way that it came: that alerts come through, or test events do.
import { z } from 'zod';
import type { Arrival } from '../decide/silence.ts';
import type { FalcoResult } from './falco.ts';

/** Told of each alert and each test event, at once, once its sender's credential was accepted. Must not throw. */
export type OnArrival = (arrival: Arrival) => void;

// Falcosidekick makes it for `POST /test`, whatever was posted: test/fixtures/falcosidekick/04-test-event.json.
const TestEventSchema = z.object({ rule: z.literal('Test rule') });

/** Tells of what was read, if it says anything: our own events come without anybody's drift, and so do Falco's own. */
export function tellArrival(tell: OnArrival | undefined, kind: FalcoResult['kind'], body: unknown): void {
  const arrival = arrivalOf(kind, body);
  if (arrival !== undefined) tell?.(arrival);
}

function arrivalOf(kind: FalcoResult['kind'], body: unknown): Arrival | undefined {
  if (kind === 'Detection' || kind === 'NotAPod') return 'Alert';
  return kind === 'Ignored' && TestEventSchema.safeParse(body).success ? 'Test' : undefined;
}
