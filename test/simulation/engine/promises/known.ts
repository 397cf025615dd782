// What the sender of a write knew when it sent it: whether it looked first is judged by its own requests.
import type { Served } from '../server-log.ts';
import type { Stage } from '../stage.ts';

/** From the first look to the act lie three requests of at most 10 s each. */
const FRESH_MS = 30_000;

/** Answers that the sender of a write had received when it sent it, and that are fresh. */
export function known(stage: Stage, write: Served, what: (entry: Served) => boolean): Served[] {
  const stood = stage.history.faults.map((fault) => (fault.kind === 'Stop' ? fault.forMs : 0));
  const oldest = write.sentAt - FRESH_MS - Math.max(0, ...stood);
  return stage.log.served.filter(
    (entry) =>
      entry.replica === write.replica &&
      entry.life === write.life &&
      entry.receivedAt !== undefined &&
      entry.receivedAt <= write.sentAt &&
      entry.servedAt >= oldest &&
      what(entry),
  );
}
