// Incidents edited by hand, with a whole responder at work on them: it does nothing that no policy asks for, touches no
// other pod, gets over each of them, and goes on with its other incidents.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { podFacts } from '../../src/api/pod.ts';
import type { DriftPolicy } from '../../src/api/policy.ts';
import { ApiError } from '../../src/embedded/api-server.ts';
import { incidentName, targetOf } from '../../src/incidents/target.ts';
import type { Clock } from '../../src/kube/clock.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from '../../src/kube/resources.ts';
import { policySpecs } from './support/corpus.ts';
import { aPolicy } from '../support/builders.ts';
import { fuzz } from './support/fuzz.ts';
import { createGuard } from './support/guard.ts';
import { INCIDENT_WORDS } from './support/incident-words.ts';
import { editsOf, mutated, mutationsOf } from './support/mutate.ts';
import type { Json } from './support/noise.ts';
import { setScene, type Scene } from './support/scene.ts';
import { recordStages, type Stage } from './support/stages.ts';

const stages = await recordStages();
const MINUTE_MS = 60_000;
// A response takes a dozen writes; what asks more often than this in a minute runs in circles.
const MAX_REQUESTS = 400;

const input = fc.record({
  stage: fc.nat({ max: stages.length - 1 }),
  edits: editsOf(4, INCIDENT_WORDS),
  /** The incident lies in a namespace that is not its pod's. */
  elsewhere: fc.oneof(
    { weight: 5, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  deleted: fc.oneof(
    { weight: 3, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  /** The API server stores what it is given, as one with another version of the schema would. */
  lax: fc.boolean(),
  /** `spec` of another policy. */
  policy: fc.oneof(fc.constant(undefined), mutationsOf(policySpecs(), 2)),
});
type Input = typeof input extends fc.Arbitrary<infer T> ? T : never;

fuzz({
  name: 'incidents',
  promise: 'a responder gets over every incident, within what is asked for, and goes on with the others',
  input,
  check: async (given, seen) => {
    const stage = stages[given.stage];
    assert.ok(stage);
    const scene = await setScene(stage.policy);
    try {
      placePod(scene, stage);
      const stored = store(scene, stage, given);
      seen(`${given.lax ? 'lax' : 'strict'}, ${stored ? 'stored' : 'refused'}`);
      if (stored) await respond(scene, stage, given);
    } finally {
      await scene.close();
    }
  },
  reaches: ['strict, stored', 'strict, refused', 'lax, stored'],
});

async function respond(scene: Scene, stage: Stage, { lax, elsewhere, policy }: Input): Promise<void> {
  const { cluster, clock, world, sibling } = scene;
  const healthy = openedFor(scene, stage, sibling);
  const judged = storePolicy(scene, policy);
  const guard = createGuard(cluster);
  const before = untouched(scene);
  const odd: string[] = [];
  const operator = await world.operator(
    { roles: ['responder'], watchNamespaces: [], clock: checked(clock, odd) },
    guard.wrap,
  );
  await clock.advance(MINUTE_MS);
  assert.deepEqual(guard.problems, []);
  assert.deepEqual(odd, [], 'timers');
  assert.ok(guard.requests <= MAX_REQUESTS, `${guard.requests} requests in a minute`);
  assert.deepEqual(untouched(scene), before, 'a pod that no incident is about was touched');
  const refused = operator.writes.filter(
    ({ path, status }) => path.includes('driftincidents') && status === 422,
  );
  if (!lax && !elsewhere)
    assert.deepEqual(refused.filter(isInvalid), [], 'the status that is written is refused');
  const other = cluster.api.get(DRIFT_INCIDENTS, { namespace: 'shop', name: healthy }) as DriftIncident;
  assert.ok(other.status?.phase, 'another incident was not worked on');
  assert.deepEqual(
    judged.filter((name) => !isJudged(scene, name)),
    [],
    'a policy was not judged',
  );
}

/** Names of the policies that the API server has: the scene's, and the other one if it takes it. */
function storePolicy({ cluster }: Scene, spec: Json | undefined): string[] {
  if (spec === undefined) return ['web'];
  const { apiVersion, kind } = aPolicy();
  try {
    cluster.api.create(DRIFT_POLICIES, 'shop', { apiVersion, kind, metadata: { name: 'odd' }, spec });
    return ['web', 'odd'];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return ['web'];
  }
}

function isJudged({ cluster }: Scene, name: string): boolean {
  const policy = cluster.api.get(DRIFT_POLICIES, { namespace: 'shop', name }) as DriftPolicy | undefined;
  return findCondition(policy?.status?.conditions, 'Accepted') !== undefined;
}

/** The victim as it was at that stage. */
function placePod({ cluster, victim }: Scene, { pod }: Stage): void {
  const at = { namespace: 'shop', name: victim.metadata.name };
  if (!pod) return cluster.api.delete(PODS, at, { gracePeriodSeconds: 0 });
  const { labels, annotations, ownerReferences } = pod.metadata;
  cluster.api.update(PODS, at, 'object', (current) => ({
    ...current,
    metadata: { ...current.metadata, labels, annotations, ownerReferences },
  }));
}

/** Stores the edited incident; false if the API server does not take it. */
function store(scene: Scene, { incident }: Stage, { edits, lax, deleted, elsewhere }: Input): boolean {
  const { api } = scene.cluster;
  const { spec, status = {} } = incident;
  const edited = mutated({ spec, status } as unknown as Json, edits) as unknown as Pick<
    DriftIncident,
    'spec' | 'status'
  >;
  const { apiVersion, kind, metadata } = incident;
  const { name, finalizers = [] } = metadata;
  const at = { namespace: elsewhere ? 'other' : 'shop', name };
  scene.lax = lax;
  try {
    api.create(DRIFT_INCIDENTS, at.namespace, {
      apiVersion,
      kind,
      metadata: { name, finalizers },
      spec: edited.spec,
    });
    api.update(DRIFT_INCIDENTS, at, 'status', (current) => ({ ...current, status: edited.status }));
    if (deleted) api.delete(DRIFT_INCIDENTS, at);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    api.delete(DRIFT_INCIDENTS, at);
    return false;
  }
}

/** Opens a sound incident for that pod; its name. */
function openedFor({ cluster }: Scene, { incident }: Stage, pod: KubeObject): string {
  const live = cluster.api.get(PODS, { namespace: 'shop', name: pod.metadata.name });
  assert.ok(live);
  const facts = podFacts(live);
  const { apiVersion, kind, spec } = incident;
  const name = incidentName(facts, 1);
  const own = { target: targetOf(facts), trigger: spec.trigger };
  cluster.api.create(DRIFT_INCIDENTS, 'shop', { apiVersion, kind, metadata: { name }, spec: own });
  return name;
}

function untouched({ cluster, strangers }: Scene): unknown[] {
  return strangers.map(({ metadata: { namespace, name } }) => {
    const { uid, labels, annotations, deletionTimestamp } =
      cluster.api.get(PODS, { namespace, name })?.metadata ?? {};
    return { uid, labels, annotations, deletionTimestamp };
  });
}

function isInvalid({ answer }: { answer: unknown }): boolean {
  const { details } = answer as { details?: { causes?: unknown[] } };
  return (details?.causes?.length ?? 0) > 0;
}

/** A clock that notes times which are none: on a real one their timers fire at once. */
function checked(clock: Clock, odd: string[]): Clock {
  return {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    after: (ms, fn) => {
      if (!Number.isFinite(ms)) odd.push(`a timer of ${ms} ms`);
      return clock.after(ms, fn);
    },
  };
}
