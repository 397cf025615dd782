// Whether somebody leads, by the Lease; and the wrong ways to call `die-operator uninstall`.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { leaderNow } from '../../../src/commands/uninstall/leader.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { runProgram } from '../../support/printed.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

let clock: VirtualClock;
let version: number;
let spec: object | undefined;
let waits: number[];

beforeEach(() => {
  clock = new VirtualClock();
  version = 1;
  spec = { holderIdentity: 'responder-1', leaseDurationSeconds: 15 };
  waits = [];
});
afterEach(() => {
  process.exitCode = undefined;
});

const client = {
  get: async () => {
    if (!spec) throw new KubeError('no such Lease', { status: 404, reason: 'NotFound', hasDetails: true });
    const metadata = { name: 'x', uid: 'u', resourceVersion: String(version), creationTimestamp: '' };
    return { apiVersion: 'v1', kind: 'Lease', metadata, spec } as KubeObject;
  },
} as unknown as KubeClient;

/** The answer, and after how many milliseconds it came. */
async function asked(): Promise<{ leader: string | undefined; tookMs: number }> {
  const answers: (string | undefined)[] = [];
  const start = clock.elapsed();
  void leaderNow({ client, clock }, 'x', (seconds) => void waits.push(seconds)).then((leader) =>
    answers.push(leader),
  );
  while (answers.length === 0) await clock.advance(500);
  return { leader: answers[0], tookMs: clock.elapsed() - start };
}

describe('nobody leads', () => {
  test.for<[what: string, spec: object | undefined]>([
    ['without a Lease', undefined],
    ['by one that was given back', { holderIdentity: '', leaseDurationSeconds: 1 }],
  ])('%s, which is known at once', async ([, given]) => {
    spec = given;
    const { leader, tookMs } = await asked();
    expect({ leader, waits }).toEqual({ leader: undefined, waits: [] });
    expect(tookMs).toBeLessThanOrEqual(500);
  });

  test.for<[what: string, spec: object, ms: number]>([
    ['for as long as it is good', { holderIdentity: 'responder-1', leaseDurationSeconds: 15 }, 16_000],
    ['half a minute, whatever it says', { holderIdentity: 'r', leaseDurationSeconds: 86_400 }, 31_000],
    ['though it does not say for how long', { holderIdentity: 'r' }, 16_000],
    ['nor who holds it, as where people emptied it', { leaseDurationSeconds: 15 }, 16_000],
  ])('by one that nobody touched %s', async ([, given, ms]) => {
    spec = given;
    const { leader, tookMs } = await asked();
    expect(leader).toBeUndefined();
    expect(waits).toEqual([ms / 1000]);
    expect(tookMs).toBeGreaterThanOrEqual(ms);
    expect(tookMs).toBeLessThanOrEqual(ms + 1_500);
  });

  test('by one that is given back or deleted meanwhile', async () => {
    clock.after(2_500, () => (spec = undefined));
    const { leader, tookMs } = await asked();
    expect(leader).toBeUndefined();
    expect(tookMs).toBeLessThan(5_000);
  });
});

describe('somebody leads', () => {
  test('who renews it', async () => {
    clock.after(9_500, () => (version = 2));
    expect((await asked()).leader).toBe('responder-1');
  });

  test('who has just taken it', async () => {
    spec = { leaseDurationSeconds: 15 };
    clock.after(2_500, () => {
      spec = { holderIdentity: 'responder-2', leaseDurationSeconds: 15 };
      version = 2;
    });
    expect((await asked()).leader).toBe('responder-2');
  });
});

describe('is wrong usage', () => {
  test.for<[args: string[], message: string]>([
    [['--check', '--clear'], 'give --check or --clear, not both'],
    [['--yes'], '--yes is for --clear'],
    [['-o', 'xml'], 'Allowed choices are text, json'],
    [['--kubeconfig', '/nonexistent/kubeconfig'], '/nonexistent/kubeconfig'],
  ])('%o', async ([args, message]) => {
    const { out, err, code } = await runProgram('uninstall', ...args);
    expect({ out, code }).toEqual({ out: '', code: 2 });
    expect(err).toContain(message);
  });
});
