// How far the own clock is from that of the API server is read from the date of whatever it answers.
import { describe, expect, test } from 'vitest';
import { readSkew, skewOf } from '../../../src/kube/server-clock.ts';
import type { Transport } from '../../../src/kube/transport.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const NOW = Date.parse('2026-11-22T10:00:00.400Z');
const dateAt = (ms: number) => new Date(ms).toUTCString();

describe('the date of an answer', () => {
  test.each([
    ['of the same second', 0, 0],
    ['that comes a moment later', 1_000, 600],
    ['far ahead', 3_600_000, 3_599_600],
    ['far behind', -3_600_000, -3_599_400],
  ])('%s tells how far the clocks are apart at the least', (_what, ahead, skew) => {
    expect(skewOf(dateAt(NOW + ahead), { sent: NOW, received: NOW })).toBe(skew);
  });

  test('says nothing of a difference that the way may have made', () => {
    expect(skewOf(dateAt(NOW + 3_000), { sent: NOW, received: NOW + 5_000 })).toBe(0);
    expect(skewOf('', { sent: NOW, received: NOW })).toBeNaN();
  });
});

describe('asking the API server', () => {
  const stop = new AbortController();
  const answer =
    (status: number, headers: Record<string, string>): Transport =>
    ({ method, path }) => {
      expect(`${method} ${path}`).toBe('GET /version');
      return Promise.resolve({ status, headers, body: (async function* () {})() });
    };

  test('needs no right: a refusal has a date, too', async () => {
    const clock = new VirtualClock();
    const date = dateAt(clock.now() + 3_600_000);
    expect(await readSkew({ transport: answer(403, { date }), clock }, stop.signal)).toBeGreaterThan(
      3_598_000,
    );
    expect(clock.pending).toBe(0);
  });

  test('fails where there is no date, or no answer', async () => {
    const clock = new VirtualClock();
    const asked = (transport: Transport) => readSkew({ transport, clock }, stop.signal);
    await expect(asked(answer(200, {}))).rejects.toThrow('cannot get /version: the answer has no date');
    await expect(asked(() => Promise.reject(new Error('refused')))).rejects.toThrow('cannot get /version');
    const silent = asked(() => new Promise(() => {})).catch((error: unknown) => error);
    await clock.advance(10_000);
    expect(await silent).toMatchObject({ message: expect.stringContaining('no answer within') as string });
  });
});
