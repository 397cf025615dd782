// What becomes of one message.
import { beforeEach, describe, expect, it } from 'vitest';
import type { OutcomeName } from '../../../../src/detect/outcome.ts';
import type { Submission } from '../../../../src/detect/intake.ts';
import { handle, type DeliveryContext } from '../../../../src/detect/stream/delivery.ts';
import { Pace } from '../../../../src/detect/stream/pace.ts';
import type { Rejection } from '../../../../src/detect/stream/read-alert.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { alert, RecordingIntake, RecordingLog } from '../support.ts';
import { message } from './fakes.ts';

const LAST = 5;

class Bench implements DeliveryContext {
  readonly intake = new RecordingIntake();
  readonly clock = new VirtualClock();
  readonly log = new RecordingLog();
  readonly pace = new Pace(this.clock);
  readonly lastDelivery = LAST;
  readonly counted: OutcomeName[] = [];
  readonly aside: Rejection[] = [];
  readonly stop = new AbortController();
  readonly stopping = this.stop.signal;
  copy: () => Promise<void> = async () => {};
  readonly random = () => 0;
  readonly detection = (outcome: OutcomeName) => void this.counted.push(outcome);
  readonly setAside = async (_message: unknown, rejection: Rejection) => {
    this.aside.push(rejection);
    await this.copy();
  };

  accept(durable: Promise<unknown>): void {
    this.intake.answer = () => ({
      accepted: true,
      outcome: Promise.resolve({ outcome: 'Opened', message: 'opened' }),
      durable: durable.then(() => {}),
    });
  }

  refuse(reason = 'too many alerts wait'): void {
    this.intake.answer = (): Submission => ({ accepted: false, reason });
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('a good alert', () => {
  it('is acknowledged when it is safe', async () => {
    const one = message();
    expect(await handle(one, bench)).toBe('Acknowledged');
    expect(one.answers).toEqual(['ack']);
    expect(bench.intake.detections.map(({ summary }) => summary.rule)).toEqual(['DIE Binary Drift Executed']);
  });

  it('was received when the stream took it, however late it is handed out', async () => {
    await handle(message({ deliveries: 4 }), bench);
    expect(bench.intake.detections[0]?.summary.receivedAt).toBe('2026-11-22T18:01:31.000Z');
  });

  it('is not acknowledged before', async () => {
    const safe = Promise.withResolvers<undefined>();
    bench.accept(safe.promise);
    const one = message();
    const result = handle(one, bench);
    await bench.clock.advance(60_000);
    expect(one.answers).toEqual([]);
    safe.resolve(undefined);
    expect(await result).toBe('Acknowledged');
  });

  it('is counted by the intake, and by nobody else', async () => {
    await handle(message(), bench);
    expect(bench.counted).toEqual([]);
  });

  it.each([
    ['says nothing', () => Promise.reject(new Error('timeout'))],
    ['was answered before', () => Promise.resolve(false)],
  ])('is unconfirmed if the server %s', async (_what, confirm) => {
    expect(await handle(message({ confirm }), bench)).toBe('Unconfirmed');
  });

  it('is unconfirmed if the connection is closed', async () => {
    expect(await handle(message({ closed: true }), bench)).toBe('Unconfirmed');
  });
});

describe('an alert that needs no incident', () => {
  it.each([
    ['Ignored', alert({}, { rule: 'Test rule' })],
    ['NotAPod', alert({ 'container.id': 'host' })],
  ] as const)('is counted as %s and acknowledged', async (outcome, body) => {
    const one = message({ body });
    expect(await handle(one, bench)).toBe('Acknowledged');
    expect(bench.counted).toEqual([outcome]);
    expect(one.answers).toEqual(['ack']);
    expect(bench.intake.detections).toEqual([]);
  });
});

describe('without room', () => {
  it('comes again later, and this receiver pauses', async () => {
    bench.refuse();
    const one = message({ deliveries: 3 });
    expect(await handle(one, bench)).toBe('NoRoom');
    expect(one.answers).toEqual(['nak 4000']);
    expect(bench.pace.trying).toBe(true);
  });

  it('is set aside when its deliveries run out, with the reason', async () => {
    bench.refuse();
    const one = message({ deliveries: LAST });
    expect(await handle(one, bench)).toBe('SetAside');
    expect(bench.aside).toEqual([
      {
        reason: 'TooManyDeliveries',
        problem: {
          path: 'body',
          message: 'was delivered 5 times; at last it was refused: too many alerts wait',
        },
      },
    ]);
    expect(one.answers).toEqual([`term TooManyDeliveries: body ${bench.aside[0]?.problem.message}`]);
  });

  it('stays in hand when this receiver stops, also the last time', async () => {
    bench.refuse('this receiver stops');
    bench.stop.abort();
    const one = message({ deliveries: LAST });
    expect(await handle(one, bench)).toBeUndefined();
    expect(one.answers).toEqual([]);
    expect(bench.aside).toEqual([]);
  });

  it('does no harm on a connection that is closed', async () => {
    bench.refuse();
    expect(await handle(message({ closed: true }), bench)).toBe('NoRoom');
    expect(bench.log.lines).toEqual([]);
  });
});

describe('an alert that could not be kept safe', () => {
  beforeEach(() => bench.accept(Promise.reject(new Error('the disk is full'))));

  it('comes again later, and this receiver pauses', async () => {
    const one = message();
    expect(await handle(one, bench)).toBe('NotDurable');
    expect(one.answers).toEqual(['nak 1000']);
    expect(bench.pace.trying).toBe(true);
  });

  it('is set aside when its deliveries run out', async () => {
    expect(await handle(message({ deliveries: LAST }), bench)).toBe('SetAside');
    expect(bench.aside[0]?.problem.message).toMatch(/at last it was refused: the disk is full$/);
  });
});

it('frees the pace when an alert is safe', async () => {
  bench.refuse();
  await handle(message(), bench);
  bench.accept(Promise.resolve());
  await handle(message(), bench);
  expect(bench.pace.trying).toBe(false);
});

describe('poison', () => {
  it('is copied first, then ended', async () => {
    const order: string[] = [];
    const one = message({ body: '{' });
    const copied = Promise.withResolvers<undefined>();
    bench.copy = async () => {
      order.push(`copied after ${one.answers.length} answers`);
      await copied.promise;
    };
    const result = handle(one, bench);
    await bench.clock.advance(60_000);
    expect(one.answers).toEqual([]);
    copied.resolve(undefined);
    expect(await result).toBe('SetAside');
    expect(order).toEqual(['copied after 0 answers']);
    expect(one.answers).toEqual(['term Unreadable: body is not valid JSON']);
  });

  it('comes again if it could not be copied, however often', async () => {
    bench.copy = () => Promise.reject(new Error('no such stream'));
    for (const deliveries of [1, LAST, LAST + 1, 1_000]) {
      const one = message({ body: '{', deliveries });
      expect(await handle(one, bench)).toBe('NotSetAside');
      expect(one.answers).toEqual([expect.stringMatching(/^nak \d+$/)]);
    }
  });

  it('reaches neither the intake nor the counts of outcomes', async () => {
    await handle(message({ body: '{' }), bench);
    expect(bench.intake.detections).toEqual([]);
    expect(bench.counted).toEqual([]);
  });
});

describe('a message that came too often', () => {
  it('is tried as long as there are deliveries', async () => {
    expect(await handle(message({ deliveries: LAST }), bench)).toBe('Acknowledged');
  });

  it('is set aside untried after that: it may be what ended the receivers before', async () => {
    const one = message({ deliveries: LAST + 1 });
    expect(await handle(one, bench)).toBe('SetAside');
    expect(bench.intake.detections).toEqual([]);
    expect(bench.aside[0]?.reason).toBe('TooManyDeliveries');
  });
});

describe('a defect of ours', () => {
  beforeEach(() => {
    bench.intake.answer = () => {
      throw new TypeError('undefined is not a function');
    };
  });

  it('is logged, and the message comes again', async () => {
    const one = message();
    expect(await handle(one, bench)).toBe('Failed');
    expect(one.answers).toEqual(['nak 1000']);
    expect(bench.log.lines).toMatchObject([{ level: 'error', fields: { sequence: 7 } }]);
  });

  it('does not go round for ever', async () => {
    expect(await handle(message({ deliveries: LAST }), bench)).toBe('SetAside');
    expect(bench.aside[0]?.problem.message).toMatch(/an error inside die-operator/);
  });
});
