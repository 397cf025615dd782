// How long a sender waits for its answer, and what it is told.
import { describe, expect, it } from 'vitest';
import type { Intake, Submission } from '../../../src/detect/intake.ts';
import type { DetectionOutcome } from '../../../src/detect/outcome.ts';
import { promptly, type Answer } from '../../../src/detect/prompt.ts';
import { VirtualClock, drain } from '../../support/virtual-clock.ts';
import { detection } from './support.ts';

const OPENED: DetectionOutcome = { outcome: 'Opened', message: 'opened' };

/** An intake with one set of promises for each detection. */
function bench() {
  const clock = new VirtualClock();
  const submissions: {
    outcome: PromiseWithResolvers<DetectionOutcome>;
    durable: PromiseWithResolvers<undefined>;
  }[] = [];
  const intake: Intake = {
    submit: (): Submission => {
      const made = {
        outcome: Promise.withResolvers<DetectionOutcome>(),
        durable: Promise.withResolvers<undefined>(),
      };
      submissions.push(made);
      return { accepted: true, outcome: made.outcome.promise, durable: made.durable.promise };
    },
  };
  const handOver = promptly(intake, clock);
  const start = (id: number) => {
    const handed: { answer?: Answer; after?: number } = {};
    const began = clock.now();
    void handOver(detection(id)).then((answer) =>
      Object.assign(handed, { answer, after: clock.now() - began }),
    );
    return handed;
  };
  return { clock, submissions, start };
}

describe('the answer', () => {
  it('is the outcome when that is known soon', async () => {
    const { clock, submissions, start } = bench();
    const handed = start(1);
    await clock.advance(100);
    submissions[0]?.outcome.resolve(OPENED);
    await drain();
    expect(handed).toEqual({ answer: { kind: 'Outcome', outcome: OPENED }, after: 100 });
  });

  it('is Queued after 250 ms when the detection is safe', async () => {
    const { clock, submissions, start } = bench();
    const handed = start(1);
    submissions[0]?.durable.resolve(undefined);
    await clock.advance(300);
    expect(handed).toEqual({ answer: { kind: 'Queued' }, after: 250 });
  });

  it('asks to send it again when the journal cannot take it, and says why', async () => {
    const { clock, submissions, start } = bench();
    const handed = start(1);
    submissions[0]?.durable.reject(new Error('the journal is full'));
    await clock.advance(300);
    expect(handed).toEqual({ answer: { kind: 'Refused', reason: 'the journal is full' }, after: 250 });
  });

  it('does not wait for a disk that hangs', async () => {
    const { clock, start } = bench();
    const handed = start(1);
    await clock.advance(5_000);
    expect(handed).toMatchObject({ answer: { kind: 'Refused' }, after: 1_250 });
  });

  it('is the outcome when that comes while the disk is awaited', async () => {
    const { clock, submissions, start } = bench();
    const handed = start(1);
    await clock.advance(600);
    submissions[0]?.outcome.resolve(OPENED);
    submissions[0]?.durable.resolve(undefined);
    await drain();
    expect(handed).toMatchObject({ answer: { kind: 'Outcome', outcome: OPENED } });
  });
});

describe('while outcomes are slow', () => {
  it('only the first sender waits for one; the others are answered when their alert is safe', async () => {
    const { clock, submissions, start } = bench();
    start(1);
    submissions[0]?.durable.resolve(undefined);
    await clock.advance(250);
    for (const id of [2, 3]) {
      const handed = start(id);
      await clock.advance(3);
      submissions[id - 1]?.durable.resolve(undefined);
      await drain();
      expect(handed).toEqual({ answer: { kind: 'Queued' }, after: 3 });
    }
  });

  it('ends with the first quick outcome', async () => {
    const { clock, submissions, start } = bench();
    start(1);
    await clock.advance(250);
    start(2);
    submissions[1]?.durable.resolve(undefined);
    submissions[1]?.outcome.resolve(OPENED);
    await drain();
    const handed = start(3);
    submissions[2]?.durable.resolve(undefined);
    await clock.advance(20);
    expect(handed.answer).toBeUndefined();
    submissions[2]?.outcome.resolve(OPENED);
    await drain();
    expect(handed).toEqual({ answer: { kind: 'Outcome', outcome: OPENED }, after: 20 });
  });
});
