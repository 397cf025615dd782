// False alarms at large, with the limits that are shipped: storms over many workloads, and a rule that fires on each start.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { isFinal, type DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL } from '../../src/api/names.ts';
import { EvictionSchema, LimitsSchema } from '../../src/api/policy.ts';
import { openOf } from '../../src/decide/breaker.ts';
import { DEPLOYMENTS, DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { usualLimits } from '../../src/settings/limits.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { bookOf, COPIES, evictionsOf, seldom, workloads } from '../support/storm.ts';
import { isReady, type TestOperator, type World } from '../support/world.ts';

const LIMITS = usualLimits();
const OF_POLICY = LimitsSchema.parse({});
/** The responder looks at the breaker more often than this. */
const AFTERWARDS_MS = 6_000;
/** The waits of one test together, where the API server is slow. */
const TIMEOUT_MS = 180_000;

type Deployment = KubeObject & { status?: { readyReplicas?: number } };

const uidOf = ({ metadata }: KubeObject) => metadata.uid;
const incidentsOf = async (world: World) => world.list<DriftIncident>(DRIFT_INCIDENTS);
const reasonOf = ({ status }: DriftIncident) => findCondition(status?.conditions, 'Ready')?.reason ?? 'none';
const isQuarantined = ({ metadata }: KubeObject) => metadata.labels?.[QUARANTINE_LABEL] === 'true';
const isUntouched = ({ metadata }: KubeObject) =>
  metadata.labels?.[QUARANTINE_LABEL] === undefined &&
  metadata.annotations?.[INCIDENT_ANNOTATION] === undefined;

/** What limits and the breaker together allow: the breaker opens with the last of so many workloads, as the policy is new. */
function mostBeforeOpen(what: 'evictions' | 'quarantined', nodes: number): number {
  const toOpen = Math.min(LIMITS.breaker.workloads, LIMITS.breaker.newPolicyWorkloads);
  const perWorkload =
    what === 'evictions' ? OF_POLICY.perWorkload.evicting : OF_POLICY.perWorkload.quarantined;
  return Math.min(
    LIMITS.cluster[what],
    LIMITS.node[what] * nodes,
    OF_POLICY.perNamespace[what],
    (toOpen - 1) * perWorkload,
  );
}

/** Time passes for so long. */
async function pass(world: World, ms: number): Promise<void> {
  const end = world.parts.clock.now() + ms;
  await world.until('time has passed', async () => world.parts.clock.now() >= end || undefined);
}

/** Sends an alert about each of the pods, with so much time between two. Returns how many were taken. */
async function storm(
  world: World,
  operator: TestOperator,
  pods: readonly KubeObject[],
  gapMs: number,
): Promise<number> {
  const answers: number[] = [];
  for (const pod of pods) {
    void operator.post(world.alert(pod)).then(({ status }) => answers.push(status));
    if (gapMs > 0) await pass(world, gapMs);
  }
  await world.until('all answers', async () => answers.length === pods.length || undefined);
  return answers.filter((status) => status === 202).length;
}

/** Waits until all pods are isolated, and then until each incident waits for what its own response does not bring. */
async function atRest(world: World, count: number): Promise<void> {
  const wait = async (what: string, is: (incident: DriftIncident) => boolean) =>
    seldom(world, `${count} incidents ${what}`, async () => {
      const incidents = await incidentsOf(world);
      return (incidents.length === count && incidents.every(is)) || undefined;
    });
  await wait('of pods that are isolated', ({ status }) => status?.isolation !== undefined);
  await wait('at rest', ({ status }) => status?.phase !== 'Responding');
}

function lastIsolated(incidents: readonly DriftIncident[]): number {
  return Math.max(...incidents.map(({ status }) => Date.parse(status?.isolation?.at ?? '')));
}

/** How many of them there are of each kind, in words. */
function tally(names: readonly string[]): string {
  const groups = Map.groupBy(names, (name) => name);
  return [...groups].map(([name, all]) => `${all.length} ${name}`).join(', ');
}

describe('a storm of alerts on every pod of many workloads', () => {
  test.for([
    // What is read for evidence would be half of all requests.
    { count: 50, gapMs: 0, how: 'at once', actions: ['Label', 'Isolate', 'Evict'] },
    {
      count: 12,
      gapMs: 500,
      how: 'one after the other',
      actions: ['Label', 'Isolate', 'Capture', 'Evict'],
    },
  ])(
    'opens the breaker before there are many evictions, and leaves the pods in quarantine: $count workloads, $how',
    { timeout: TIMEOUT_MS },
    async ({ count, gapMs, how, actions }, { world }) => {
      const all = await workloads(world, count + 1);
      const [pods, calm] = [all.slice(0, count).flat(), all.slice(count).flat()];
      expect(pods).toHaveLength(count * COPIES);
      const nodes = new Set(pods.map(({ spec }) => (spec as { nodeName: string }).nodeName)).size;
      const operator = await world.operator({ limits: LIMITS });
      const responses = [{ name: 'replace', minSeverity: 'Warning', actions }];
      await world.policy({ responses, limits: OF_POLICY, eviction: EvictionSchema.parse({}) });

      const start = world.parts.clock.now();
      const taken = await storm(world, operator, pods, gapMs);
      expect(taken).toBe(pods.length);
      const opening = await world.until('an open breaker', async () =>
        openOf((await bookOf(world)).openings),
      );
      expect(opening.message).toMatch(/--breaker-/);
      await atRest(world, taken);
      await pass(world, Date.parse(opening.openedAt) + AFTERWARDS_MS - world.parts.clock.now());
      const evicted = evictionsOf(operator).length;

      const incidents = await incidentsOf(world);
      const formed = (form: string) => incidents.filter(({ status }) => status?.isolation?.form === form);
      const [orphans, gentle] = [formed('Orphan'), formed('Gentle')];
      const present = await world.list(PODS);
      const known = new Set([...pods, ...calm].map(uidOf));
      const made = present.filter((pod) => !known.has(uidOf(pod)));
      process.stdout.write(
        `storm: ${taken} alerts on ${count} workloads: ${evicted} evictions, ${orphans.length} orphans, ` +
          `${gentle.length} gentle, open after ${Date.parse(opening.openedAt) - start} ms (${opening.reason})\n` +
          `storm: ${how}; all isolated after ${lastIsolated(incidents) - start} ms, ` +
          `${made.length} pods made by controllers; incidents: ${tally(incidents.map(reasonOf))}\n`,
      );

      expect(evicted).toBeLessThanOrEqual(mostBeforeOpen('evictions', nodes));
      expect(orphans.length).toBeLessThanOrEqual(mostBeforeOpen('quarantined', nodes));
      expect(orphans.length + gentle.length).toBe(taken);
      expect(new Set(incidents.map(({ spec }) => spec.target.uid))).toEqual(new Set(pods.map(uidOf)));

      const kept = incidents.filter(({ status }) => status?.evidence !== undefined);
      expect(kept).toHaveLength(actions.includes('Capture') ? taken : 0);

      // Who was evicted is gone; all others that had an alert are there, in quarantine.
      const left = incidents.filter(({ status }) => status?.eviction?.requestedAt === undefined);
      expect(left).toHaveLength(taken - evicted);
      const quarantined = present.filter(isQuarantined).map(uidOf);
      expect(new Set(quarantined)).toEqual(new Set(left.map(({ spec }) => spec.target.uid)));
      expect(made.length).toBeLessThanOrEqual(orphans.length + evicted);
      const rest = present.filter((pod) => !quarantined.includes(uidOf(pod)));
      expect(rest.filter((pod) => !isUntouched(pod))).toEqual([]);
      expect(rest.map(uidOf)).toEqual(expect.arrayContaining(calm.map(uidOf)));

      const { acts, openings } = await bookOf(world);
      expect(openings).toEqual([opening]);
      // Whatever is done is entered before: so nothing was done since.
      expect(acts.filter(({ at }) => at > Date.parse(opening.openedAt))).toEqual([]);
      const entered = acts.filter(({ act }) => act === 'Evict').map(({ pod }) => pod);
      const gone = incidents.filter((one) => !left.includes(one));
      expect(entered).toEqual(expect.arrayContaining(gone.map(({ spec }) => spec.target.uid)));
      expect(await operator.metrics()).toMatch(/^die_operator_breaker_open 1$/m);
      const told = operator.events.map(({ body }) => (body as { reason: string }).reason);
      expect(told).toContain('BreakerOpened');
    },
  );
});

const isQuiet = (incident: DriftIncident) => reasonOf(incident) === 'Quiet';

/** When the rule fires about pods that started, what the replacements have to show, and what comes of it. */
const LOOPS = [
  {
    when: 'after the replacement was proven',
    isDue: (incidents: readonly DriftIncident[]) => incidents.every(isFinal),
    replacement: { quietFor: '1s' },
    need: 'Recurrence',
    replacements: OF_POLICY.perWorkload.recurrences,
    end: 'Resolved/Replaced',
  },
  {
    when: 'while the replacement is watched',
    isDue: (incidents: readonly DriftIncident[]) => incidents.some(isQuiet),
    replacement: { quietFor: '1h' },
    need: 'BadReplacement',
    replacements: 1,
    end: 'Failed/DriftedAgain',
  },
  {
    // What drifts before the evicted pod is gone is no replacement: for another one is waited until `readyWithin` is over.
    when: 'at once',
    isDue: () => true,
    replacement: { readyWithin: '8s', quietFor: '1h' },
    need: 'BadReplacement',
    replacements: 1,
    end: 'Failed/DriftedAgain',
  },
];

/** Posts an alert about each pod that starts, when it is due, until a person is asked. */
async function untilAsked(
  world: World,
  operator: TestOperator,
  seen: Set<string>,
  isDue: (incidents: readonly DriftIncident[]) => boolean,
): Promise<DriftIncident> {
  return world.until('a person is asked', async () => {
    const incidents = await incidentsOf(world);
    const asked = incidents.find(({ status }) => status?.phase === 'AwaitingApproval');
    if (asked) return asked;
    if (!isDue(incidents)) return undefined;
    const started = (await world.list(PODS)).filter((pod) => isReady(pod) && !seen.has(uidOf(pod)));
    for (const pod of started) {
      seen.add(uidOf(pod));
      await operator.post(world.alert(pod));
    }
    return undefined;
  });
}

describe('a rule that fires on each start of a pod', () => {
  test.for(LOOPS)(
    '$when: a person is asked ($need) after so many replacements: $replacements',
    { timeout: TIMEOUT_MS },
    async ({ when, isDue, replacement, need, replacements, end }, { world }) => {
      const before = await world.deployment(3);
      const operator = await world.operator({ limits: LIMITS });
      await world.policy({ limits: { ...OF_POLICY, cooldown: '0s' }, eviction: { replacement } });
      await Promise.all(before.slice(0, 1).map((pod) => operator.post(world.alert(pod))));
      const asked = await untilAsked(world, operator, new Set(before.map(uidOf)), isDue);
      const evicted = evictionsOf(operator).length;
      const needs = asked.status?.plan?.needs ?? [];
      await pass(world, AFTERWARDS_MS);

      const incidents = await incidentsOf(world);
      const over = incidents.filter(isFinal).map((one) => `${one.status?.phase}/${reasonOf(one)}`);
      process.stdout.write(
        `loop: ${evicted} replacements until a person is asked (need ${needs.join(', ')})\n` +
          `loop: it fires ${when}; ${incidents.length} incidents, ended: ${tally(over)}\n`,
      );
      expect(needs).toEqual([need]);
      expect(evicted).toBe(replacements);
      expect(evictionsOf(operator)).toHaveLength(evicted);
      expect(over).toEqual(Array.from({ length: evicted }, () => end));

      // Who is asked about stays in quarantine, and the workload serves; that is no storm.
      const kept = (await world.list(PODS)).find((pod) => uidOf(pod) === asked.spec.target.uid);
      expect(kept && isQuarantined(kept)).toBe(true);
      const [deployment] = await world.list<Deployment>(DEPLOYMENTS);
      expect(deployment?.status?.readyReplicas).toBe(before.length);
      expect((await bookOf(world)).openings).toEqual([]);
    },
  );
});
