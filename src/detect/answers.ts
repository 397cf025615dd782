// What a sender is told about the alerts in its request: about one by itself, or about each of several.
import type { Detection } from '../api/detection.ts';
import type { FalcoResult } from './falco.ts';
import type { Problem } from './json.ts';
import type { OutcomeName } from './outcome.ts';
import type { Answer } from './prompt.ts';
import { tellArrival, type OnArrival } from './silence.ts';

/** An answer: taken in, with what became of it; refused for what it is (400), or because it could not be kept safe (503). */
export type Told = { status: 202; body: object } | { status: 400 | 503; problem: Problem };

/** What an answer is made with. */
export interface AnswerParts {
  handOver: (detection: Detection) => Promise<Answer>;
  metrics: {
    detection(outcome: OutcomeName): void;
    rejected(status: number): void;
  };
  /** Told that it came. */
  onArrival?: OnArrival | undefined;
}

const QUEUED = { outcome: 'Queued', message: 'kept in the journal; the outcome is not known yet' };

/**
 * Hands one alert over.
 * @param body what it was read from, to know a test event by
 */
export async function answerTo(
  result: FalcoResult,
  { handOver, metrics, onArrival }: AnswerParts,
  body?: unknown,
): Promise<Told> {
  tellArrival(onArrival, result.kind, body);
  if (result.kind === 'Invalid')
    return { status: 400, problem: { path: result.path, message: result.message } };
  if (result.kind !== 'Detection') {
    metrics.detection(result.kind);
    return { status: 202, body: { outcome: result.kind, message: result.message } };
  }
  const answer = await handOver(result.detection);
  if (answer.kind === 'Refused') {
    const message = `was not accepted: ${answer.reason}; send it again`;
    return { status: 503, problem: { path: 'body', message } };
  }
  return { status: 202, body: answer.kind === 'Queued' ? QUEUED : answer.outcome };
}

/**
 * Hands several over: `{outcomes}` has one entry for each, in their order; that of an alert that is not one is `{error}`. All
 * have to be sent again if one could not be kept safe, which does no harm: each counts once. All bad is 400.
 */
export async function answerToAll(results: readonly FalcoResult[], parts: AnswerParts): Promise<Told> {
  const all = await Promise.all(results.map((result) => answerTo(result, parts)));
  const unsafe = all.find(({ status }) => status === 503);
  if (unsafe) return unsafe;
  const bad = all.flatMap((told, index) =>
    told.status === 202 ? [] : [{ ...told.problem, path: `[${index}].${told.problem.path}` }],
  );
  if (bad[0] && bad.length === all.length) return { status: 400, problem: bad[0] };
  for (const _ of bad) parts.metrics.rejected(400);
  const outcomes = all.map((told) => (told.status === 202 ? told.body : { error: told.problem }));
  return { status: 202, body: { outcomes } };
}
