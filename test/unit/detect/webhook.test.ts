import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DetectionOutcome } from '../../../src/detect/outcome.ts';
import { DurableIntake } from '../../../src/detect/intake.ts';
import { drain } from '../../support/virtual-clock.ts';
import { RecordingLog, TOKEN, WebhookBench, alert } from './support.ts';

const body = (fields: object = {}, rest: object = {}) => JSON.stringify(alert(fields, rest));

describe('an alert', () => {
  it('is answered with its outcome', async () => {
    const bench = new WebhookBench();
    const response = await bench.post(body());
    expect(response.statusCode).toBe(202);
    expect(response.json()).toEqual({ outcome: 'Opened', incident: 'shop/cart-0-1', message: 'opened' });
    expect(bench.intake.detections[0]?.summary.receivedAt).toBe('2026-11-22T00:00:00.000Z');
    expect(bench.clock.pending).toBe(0);
  });

  it('that is safe is answered as queued after 250 ms, and its outcome still comes', async () => {
    const bench = new WebhookBench();
    const slow = Promise.withResolvers<DetectionOutcome>();
    bench.intake.answer = () => ({ accepted: true, outcome: slow.promise, durable: Promise.resolve() });
    let answered: string | undefined;
    const response = bench.post(body()).then((answer) => (answered = answer.body));
    await bench.clock.advance(249);
    expect(answered).toBeUndefined();
    await bench.clock.advance(1);
    expect(JSON.parse(await response)).toEqual({
      outcome: 'Queued',
      message: expect.stringContaining('kept in the journal'),
    });
    slow.resolve({ outcome: 'Opened', message: 'late' });
    await drain();
    expect(bench.clock.pending).toBe(0);
  });

  it('that comes within 249 ms of work is answered with its outcome', async () => {
    const bench = new WebhookBench();
    const slow = Promise.withResolvers<DetectionOutcome>();
    bench.intake.answer = () => ({ accepted: true, outcome: slow.promise, durable: new Promise(() => {}) });
    const response = bench.post(body());
    await bench.clock.advance(249);
    slow.resolve({ outcome: 'NoPolicy', message: 'no policy' });
    expect((await response).json()).toEqual({ outcome: 'NoPolicy', message: 'no policy' });
  });

  it('is refused with 503 and Retry-After when there is no room', async () => {
    const bench = new WebhookBench();
    bench.intake.answer = () => ({ accepted: false, reason: 'too many alerts wait' });
    const response = await bench.post(body());
    expect(response.statusCode).toBe(503);
    expect(response.headers['retry-after']).toBe('1');
    expect(response.json()).toEqual({
      error: { path: 'body', message: expect.stringContaining('too many alerts') },
    });
    expect(bench.counted).toEqual([503]);
  });

  it('that is not safe is refused with 503 and what to do', async () => {
    const bench = new WebhookBench();
    const outcome = new Promise<DetectionOutcome>(() => {});
    const durable = Promise.reject(new Error('the disk of the journal is full'));
    durable.catch(() => {});
    bench.intake.answer = () => ({ accepted: true, outcome, durable });
    const response = bench.post(body());
    await bench.clock.advance(250);
    expect((await response).statusCode).toBe(503);
    expect((await response).json()).toEqual({
      error: { path: 'body', message: 'was not accepted: the disk of the journal is full; send it again' },
    });
  });

  it('about the node or from ourselves is answered and counted without the intake', async () => {
    const bench = new WebhookBench();
    const host = await bench.post(body({ 'container.id': 'host' }));
    const own = await bench.post(body({}, { source: 'die-operator' }));
    expect([host.json(), own.json()]).toMatchObject([{ outcome: 'NotAPod' }, { outcome: 'Ignored' }]);
    expect([host.statusCode, own.statusCode]).toEqual([202, 202]);
    expect(bench.counted).toEqual(['NotAPod', 'Ignored']);
    expect(bench.intake.detections).toEqual([]);
  });

  it('that comes 5,000 times is worked on once', async () => {
    let handled = 0;
    const bench = new WebhookBench();
    const outcomes: string[] = [];
    const queue = new DurableIntake({
      handle: async () => {
        handled++;
        return { outcome: 'Opened', message: 'opened' };
      },
      clock: bench.clock,
      random: () => 0,
      log: bench.log,
      onOutcome: ({ outcome }) => void outcomes.push(outcome),
    });
    bench.intake.submit = (detection) => queue.submit(detection);
    const copies = Array.from({ length: 5000 }, (_, index) =>
      bench.post(body({}, { uuid: `copy-${index}` })),
    );
    for (const response of await Promise.all(copies)) expect(response.statusCode).toBe(202);
    expect(handled).toBe(1);
    expect(outcomes.filter((outcome) => outcome === 'Duplicate')).toHaveLength(4999);
  });

  it('with a command line of 200 kB and control characters is taken, without them', async () => {
    const bench = new WebhookBench();
    const hostile = `\u001b]0;owned\u0007\u202E\n${'A'.repeat(200_000)}`;
    for (const field of ['proc.cmdline', 'proc.exepath']) {
      expect((await bench.post(body({ [field]: hostile }))).statusCode).toBe(202);
    }
    expect(bench.intake.detections[1]?.summary.executable).toHaveLength(512);
    expect(JSON.stringify(bench.intake.detections)).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('with a character cut in the middle is taken', async () => {
    const bench = new WebhookBench();
    const [before, after] = body({ 'proc.exepath': '/tmp/CUT' }).split('CUT');
    const bytes = Buffer.concat([
      Buffer.from(before ?? ''),
      Buffer.from([0xf0, 0x9f, 0x98]),
      Buffer.from(after ?? ''),
    ]);
    expect((await bench.post(bytes)).statusCode).toBe(202);
    expect(bench.intake.detections[0]?.summary.executable).toBe('/tmp/\uFFFD');
  });
});

describe('the log', () => {
  it('tells of refusals, each kind once in 10 s, and holds neither bodies nor tokens', async () => {
    const bench = new WebhookBench();
    const secret = 'hunter2-is-my-password';
    for (let round = 0; round < 20; round++) {
      await bench.post(body(), { authorization: `Bearer ${secret}` });
      await bench.post(`{"${secret}`);
      await bench.post(body({ x: secret }, { priority: secret }));
      await bench.post(body({ 'proc.cmdline': secret }));
    }
    const statuses = bench.log.lines.map(({ fields }) => (fields as { status: number }).status);
    expect(statuses).toEqual([401, 400]);
    expect(bench.log.text).not.toContain(secret);
    expect(bench.log.text).not.toContain(TOKEN);
    expect(bench.counted).toHaveLength(60);
    await bench.clock.advance(10_000);
    await bench.post(body(), { authorization: 'x' });
    expect(bench.log.lines).toHaveLength(3);
  });

  it('tells of our own errors, which the sender sees as 500 without detail', async () => {
    const log = new RecordingLog();
    const intake = {
      submit: () => {
        throw new Error('a bug with details');
      },
    };
    const bench = new WebhookBench({ intake, log });
    const response = await bench.post(body());
    expect(response.statusCode).toBe(500);
    expect(response.body).not.toContain('details');
    expect(log.lines).toContainEqual(
      expect.objectContaining({ level: 'error', fields: { err: expect.any(Error) } }),
    );
    expect(bench.counted).toEqual([500]);
  });
});

describe('whatever is posted', () => {
  it('is answered with a documented status and form, and accepted only when it is an alert', async () => {
    const bench = new WebhookBench();
    const anyBody = fc.oneof(
      fc.json({ maxDepth: 4 }),
      fc.string({ unit: 'binary' }),
      fc.record({ fields: fc.object(), rest: fc.object() }).map(({ fields, rest }) => body(fields, rest)),
    );
    const anyType = fc.constantFrom(
      'application/json',
      'application/json; charset=utf-8',
      'text/plain',
      undefined,
    );
    await fc.assert(
      fc.asyncProperty(anyBody, anyType, async (payload, type) => {
        const response = await bench.post(payload, { 'content-type': type });
        expect([202, 400, 415]).toContain(response.statusCode);
        expect(Object.keys(response.json<object>())).toContain(
          response.statusCode === 202 ? 'outcome' : 'error',
        );
      }),
      { numRuns: 300 },
    );
  });
});
