// When running pods are compared with their images: never two on a node, in each interval one of a workload, not all at once.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PodFacts } from '../../../src/api/pod.ts';
import {
  candidateOf,
  MAX_COMPARISONS,
  needsNode,
  planComparisons,
  type Candidate,
  type ComparisonState,
} from '../../../src/decide/comparison.ts';
import { validateSpec } from '../../../src/decide/validate.ts';
import { aContribution, anIncident, aPod, NOW, someSettings } from '../../support/builders.ts';
import { rulebookOf, UNPROTECTED } from '../../support/matched.ts';
import { policy } from './builders.ts';

const HOUR = 3_600_000;
const POD: Candidate = {
  namespace: 'shop',
  name: 'web-1',
  uid: 'u1',
  node: 'n1',
  createdAt: 0,
  workload: 'w1',
  intervalMs: HOUR,
  seed: 's',
  expectedWrites: [],
};
const IDLE: ComparisonState = {
  last: new Map(),
  since: NOW,
  running: new Set(),
  busy: new Set(),
  now: NOW,
};

const candidates = fc
  .array(
    fc.record({
      node: fc.constantFrom('n1', 'n2', 'n3', 'n4'),
      workload: fc.constantFrom('w1', 'w2', 'w3', 'w4', 'w5'),
      intervalMs: fc.constantFrom(HOUR / 6, HOUR),
    }),
    { maxLength: 20 },
  )
  .map((all) => all.map((one, index) => ({ ...POD, ...one, uid: `u${index}` })));
const nodes = fc.subarray(['n1', 'n2', 'n3', 'n4']).map((all) => new Set(all));

test('no node has two at a time, nor the cluster more than its number, and what responses need is left to them', () => {
  const state = fc.record({
    last: fc.constant(new Map([['w1', NOW - 10 * HOUR]])),
    since: fc.constantFrom(NOW - 10 * HOUR, NOW),
    running: nodes.filter((some) => some.size <= MAX_COMPARISONS),
    busy: nodes,
    now: fc.integer({ min: NOW, max: NOW + 5 * HOUR }),
  });
  fc.assert(
    fc.property(candidates, state, (pods, given) => {
      const { start } = planComparisons(pods, given);
      const used = [...start.map(({ node }) => node), ...given.running];
      expect(new Set(used).size).toBe(used.length);
      expect(used.length).toBeLessThanOrEqual(MAX_COMPARISONS);
      expect(start.filter(({ node }) => given.busy.has(node))).toEqual([]);
      expect(new Set(start.map(({ workload }) => workload)).size).toBe(start.length);
    }),
  );
});

interface Begun {
  workload: string;
  uid: string;
  at: number;
}

/** Lets time pass from one plan to the next; each comparison takes `tookMs`. At some times a new leader takes over. */
function live(
  pods: readonly Candidate[],
  hours: number,
  leaders: readonly number[] = [],
  tookMs = 10_000,
): Begun[] {
  const begun: Begun[] = [];
  let last = new Map<string, number>();
  let since = NOW;
  let running = new Map<string, number>();
  const changes = leaders.map((at) => NOW + at).toSorted((a, b) => a - b);
  for (let now = NOW; now < NOW + hours * HOUR;) {
    if (changes[0] !== undefined && changes[0] <= now) {
      changes.shift();
      [last, since, running] = [new Map(), now, new Map()];
    }
    running = new Map([...running].filter(([, end]) => end > now));
    const plan = planComparisons(pods, {
      last,
      since,
      running: new Set(running.keys()),
      busy: new Set(),
      now,
    });
    for (const { workload, uid, node } of plan.start) {
      begun.push({ workload, uid, at: now });
      last.set(workload, now);
      running.set(node, now + tookMs);
    }
    now = Math.max(now + 1, Math.min(plan.next ?? Infinity, ...running.values(), now + 30_000));
  }
  return begun;
}

describe('a workload', () => {
  const workloads = fc.integer({ min: 1, max: 6 }).map((count) =>
    Array.from({ length: 3 * count }, (_, n) => ({
      ...POD,
      uid: `u${n}`,
      node: `n${n % 4}`,
      workload: `w${n % count}`,
    })),
  );

  test('has one comparison in each interval, whoever leads', () => {
    const changes = fc.array(fc.integer({ min: 1, max: 12 * HOUR }), { maxLength: 4 });
    fc.assert(
      fc.property(workloads, changes, (pods, leaders) => {
        const begun = live(pods, 12, leaders);
        for (const [, all] of Map.groupBy(begun, ({ workload }) => workload)) {
          const slots = all.map(({ at }) => Math.floor(at / HOUR));
          expect(new Set(slots).size).toBe(slots.length);
          // A turn that came between two leaders is lost.
          expect(slots.length).toBeGreaterThanOrEqual(12 - 1 - leaders.length);
        }
        expect(begun.length).toBeGreaterThan(0);
      }),
      { numRuns: 20 },
    );
  });

  test('is compared at a time that differs from one interval to the next, by another pod', () => {
    const pods = [0, 1, 2].map((n) => ({ ...POD, uid: `u${n}`, node: `n${n}` }));
    const begun = live(pods, 48);
    expect(new Set(begun.map(({ at }) => Math.round((at % HOUR) / 60_000))).size).toBeGreaterThan(20);
    expect(new Set(begun.map(({ uid }) => uid)).size).toBe(3);
  });

  test('waits for the next interval if a former leader had its turn in this one', () => {
    const { next: due = 0 } = planComparisons([POD], IDLE);
    const later = planComparisons([POD], { ...IDLE, since: due + 1, now: due + 1 });
    expect(later.start).toEqual([]);
    expect(later.next).toBeGreaterThanOrEqual(Math.ceil(due / HOUR) * HOUR);
  });

  test('that is new is not compared at once', () => {
    for (let n = 0; n < 50; n++) {
      const pod = { ...POD, workload: `w${n}`, createdAt: NOW + 10 * HOUR };
      const now = NOW + 10 * HOUR + 1;
      expect(planComparisons([pod], { ...IDLE, now }).start).toEqual([]);
    }
  });

  test('waits for its node, and goes first where it waits for the longest time', () => {
    const now = NOW + 10 * HOUR - 1;
    const pods = [POD, { ...POD, uid: 'u2', workload: 'w2' }];
    const last = new Map([
      ['w1', NOW + 2 * HOUR],
      ['w2', NOW + HOUR],
    ]);
    expect(planComparisons(pods, { ...IDLE, last, now }).start).toMatchObject([{ uid: 'u2' }]);
    expect(planComparisons(pods, { ...IDLE, last, now, busy: new Set(['n1']) }).start).toEqual([]);
  });
});

test('many workloads are spread over their interval', () => {
  const pods = Array.from({ length: 1000 }, (_, n) => ({ ...POD, uid: `u${n}`, workload: `w${n}` }));
  const minutes = pods.map((pod) =>
    Math.floor(((planComparisons([pod], IDLE).next ?? 0) - NOW) / (HOUR / 10)),
  );
  const counts = Array.from({ length: 10 }, (_, tenth) => minutes.filter((at) => at === tenth).length);
  for (const count of counts) expect(count).toBeGreaterThan(60);
});

const asking = (spec: object, uid = 'p') =>
  policy({ comparison: { interval: '1h', ...spec } }, { name: uid, uid });

describe('a pod', () => {
  const HOURLY = asking({ expectedWrites: ['/a/*'] });

  test('is compared as often as the policy wants that wants it most, and may write where any of them says', () => {
    const often = asking({ interval: '10m', expectedWrites: ['/b/*', '/a/*'] }, 'q');
    const found = candidateOf(aPod(), [HOURLY, often], UNPROTECTED);
    expect(found).toMatchObject({ intervalMs: 600_000, seed: 'q', workload: 'rs-uid', node: 'node-1' });
    expect(found?.expectedWrites).toEqual(['/b/*', '/a/*']);
    expect(candidateOf(aPod(), [often, HOURLY], UNPROTECTED)).toEqual(found);
  });

  test('without a controller is its own workload', () => {
    expect(candidateOf(aPod({ ownerReferences: [] }), [HOURLY], UNPROTECTED)?.workload).toBe('pod-uid-1');
  });

  test.each<[string, Partial<PodFacts>]>([
    ['is in quarantine', { labels: { app: 'web', 'die-operator.dev/quarantine': 'true' } }],
    ['is in a protected namespace', { namespace: 'kube-system' }],
    ['is in a namespace of die-operator', { namespace: 'die-operator-system' }],
    ['is a static one', { mirror: true }],
    ['does not run yet', { phase: 'Pending' }],
    ['has ended', { phase: 'Succeeded' }],
    ['is being deleted', { deletionTimestamp: '2026-11-22T00:00:00Z' }],
  ])('is left alone where it %s', (_what, change) => {
    expect(
      candidateOf(aPod(change), [HOURLY], { ...UNPROTECTED, namespaces: new Set(['kube-system']) }),
    ).toBeUndefined();
  });

  test('is left alone where no policy that selects it asks', () => {
    const others = policy({
      match: { podSelector: { matchLabels: { app: 'db' } } },
      comparison: { interval: '1h' },
    });
    expect(candidateOf(aPod(), [others, policy({})], UNPROTECTED)).toBeUndefined();
  });
});

describe('a policy that asks for comparisons', () => {
  test.each<[object, string]>([
    [{ interval: '9m' }, 'spec.comparison.interval'],
    [{ interval: '10m', expectedWrites: ['tmp/*'] }, 'spec.comparison.expectedWrites[0]'],
    [{}, 'spec.comparison.interval'],
  ])('%j is refused', (comparison, path) => {
    const responses = [{ name: 'r', actions: ['Label'] }];
    const found = validateSpec({ responses, comparison });
    expect(found).toMatchObject({ valid: false, problems: [{ path }] });
  });

  test('is not in force in a namespace that has no grant for it', () => {
    const asks = asking({}, 'asks');
    const space = { name: 'shop', labels: {} };
    const grants = policy(
      { responses: undefined, grants: { comparison: true } },
      { uid: 'g' },
      'ClusterDriftPolicy',
    );
    expect(rulebookOf([asks], space).refused.get('asks')).toMatchObject([{ path: 'spec.comparison' }]);
    expect(rulebookOf([asks, grants], space).refused.size).toBe(0);
  });
});

describe('an incident needs the node', () => {
  const incident = (contribution: object, status = {}) => {
    const base = anIncident({ status });
    const { evidence, ...rest } = someSettings();
    const response = { ...rest, evidence: { ...evidence, collectors: ['Filesystem' as const] } };
    const policies = [aContribution({ mode: 'Enforce', actions: ['Capture'], ...contribution })];
    return { ...base, spec: { ...base.spec, trigger: { ...base.spec.trigger, policies, response } } };
  };
  const step = (state: 'Succeeded' | 'Waiting', attempts = 1) => ({
    steps: [{ name: 'Capture' as const, state, attempts, reason: 'x', message: 'x' }],
  });

  test.each<[boolean, string, object, object]>([
    [true, 'until its evidence is captured', {}, {}],
    [true, 'while the capture is tried again', {}, step('Waiting')],
    [false, 'no more where that is tried in vain for long', {}, step('Waiting', 9)],
    [false, 'no more once that is done', {}, step('Succeeded')],
    [false, 'no more when it is over', {}, { phase: 'Released' }],
    [false, 'never in Audit', { mode: 'Audit' }, {}],
    [true, 'for a look at a program', { actions: ['Label'], confirmed: true }, {}],
  ])('%s: %s', (expected, _what, contribution, status) => {
    expect(needsNode(incident(contribution, status))).toBe(expected);
  });
});
