// What counts as an alert or as a test event that came in: with a credential, by the webhook and by the stream.
import { describe, expect, it } from 'vitest';
import type { Arrival } from '../../../src/decide/silence.ts';
import { handle } from '../../../src/detect/stream/delivery.ts';
import { Pace } from '../../../src/detect/stream/pace.ts';
import { readAlert } from '../../../src/detect/stream/read-alert.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { falcoLine, sidekick } from './recorded.ts';
import { message } from './stream/fakes.ts';
import { alert, RECEIVED_AT, RecordingIntake, RecordingLog, WebhookBench } from './support.ts';

const TEST_EVENT = sidekick('04-test-event').request?.body ?? '';
const REAL = falcoLine('B2-app-runs-dropped__die-binary-drift-executed');
const OWN = alert({}, { source: 'die-operator' });
const INTERNAL = alert({}, { source: 'internal', rule: 'Falco internal: syscall event drop' });
const OF_THE_NODE = alert({ 'container.id': 'host', 'k8s.pod.uid': null, 'k8s.pod.name': null });

const CASES: [string, string | object, Arrival[]][] = [
  ['the recorded test event', TEST_EVENT, ['Test']],
  ['a recorded alert of Falco', REAL, ['Alert']],
  ['an alert about the node', OF_THE_NODE, ['Alert']],
  ['our own event, sent back', OWN, []],
  ['an event about Falco itself', INTERNAL, []],
  ['what is no alert', { rule: 'x' }, []],
  ['what is no JSON', '{', []],
];
const textOf = (body: string | object) => (typeof body === 'string' ? body : JSON.stringify(body));

describe('what comes by the webhook', () => {
  const heard = (): [Arrival[], WebhookBench] => {
    const arrivals: Arrival[] = [];
    return [arrivals, new WebhookBench({ onArrival: (arrival) => void arrivals.push(arrival) })];
  };

  it.each(CASES)('is noted for what it is: %s', async (_what, body, expected) => {
    const [arrivals, bench] = heard();
    await bench.post(textOf(body));
    expect(arrivals).toEqual(expected);
  });

  it.each([TEST_EVENT, REAL])('never counts without a good credential', async (body) => {
    const [arrivals, bench] = heard();
    for (const authorization of [undefined, 'Bearer another-token-of-some-length', 'Basic YTpi'])
      expect((await bench.post(body, { authorization })).statusCode).toBe(401);
    expect(arrivals).toEqual([]);
  });

  it('counts though it could not be kept: it came', async () => {
    const [arrivals, bench] = heard();
    bench.intake.answer = () => ({ accepted: false, reason: 'too many alerts wait' });
    expect((await bench.post(REAL)).statusCode).toBe(503);
    expect(arrivals).toEqual(['Alert']);
  });
});

describe('what comes by the stream', () => {
  it.each<[number, Arrival[]]>([
    [1, ['Alert']],
    [2, []],
  ])('counts once, not when it is handed out again: delivery %d', async (deliveries, expected) => {
    const arrivals: Arrival[] = [];
    const clock = new VirtualClock();
    await handle(message({ deliveries }), {
      intake: new RecordingIntake(),
      clock,
      random: () => 0,
      log: new RecordingLog(),
      detection: () => {},
      onArrival: (arrival) => void arrivals.push(arrival),
      pace: new Pace(clock),
      lastDelivery: 5,
      setAside: async () => {},
      stopping: new AbortController().signal,
    });
    expect(arrivals).toEqual(expected);
  });

  it.each(CASES)('is noted for what it is: %s', (_what, body, expected) => {
    const arrivals: Arrival[] = [];
    readAlert(Buffer.from(textOf(body)), RECEIVED_AT, (arrival) => void arrivals.push(arrival));
    expect(arrivals).toEqual(expected);
  });
});
