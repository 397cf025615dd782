// Alerts through a whole receiver on an API: nothing is written but incidents of pods that the alert names by UID or
// container ID, and every alert that was accepted ends in one outcome.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isFinal, type DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { podFacts } from '../../src/api/pod.ts';
import { DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { alertAbout } from '../support/alerts.ts';
import type { WriteCall } from '../support/world.ts';
import { ABSENT, ALERT_WORDS } from './support/alert-words.ts';
import { recordedAlerts } from './support/corpus.ts';
import { fuzz } from './support/fuzz.ts';
import { mutationsOf, type Vocabulary } from './support/mutate.ts';
import type { Json } from './support/noise.ts';
import { assertOurs } from './support/oracles.ts';
import { setScene, type Scene } from './support/scene.ts';
import { damage, onWire } from './support/wire.ts';

const POLICY = {
  responses: [{ name: 'all', minSeverity: 'Notice', actions: ['Label', 'Isolate', 'Capture', 'Evict'] }],
};
const QUEUED_FOR_MS = 45_000;
const STATUSES = [202, 400, 413, 503];

const first = await setScene(POLICY);
const pods = [...podsOf(first)];
await first.close();

const alert = fc.record({
  document: mutationsOf(
    [
      ...pods.map((pod) => alertAbout(pod, { time: '2026-11-22T00:00:00.5Z' }) as Json),
      ...pods.map(
        (pod) => alertAbout(pod, { time: '2026-11-22T00:00:01Z', fields: strongFields(pod) }) as Json,
      ),
      ...recordedAlerts().slice(0, 6),
    ],
    3,
    identities(),
  ),
  damage: fc.oneof(
    { weight: 9, arbitrary: fc.constant({ kind: 'none' } as const) },
    { weight: 1, arbitrary: damage },
  ),
});

fuzz({
  name: 'alerts',
  promise: 'a receiver opens incidents only of pods that an alert names by UID or container ID',
  input: fc.array(alert, { minLength: 1, maxLength: 5 }),
  check: async (alerts, seen) => {
    const scene = await setScene(POLICY);
    try {
      const bodies = alerts.map(({ document, damage: how }) => onWire(document, how).toString('utf8'));
      await receive(scene, bodies, seen);
    } finally {
      await scene.close();
    }
  },
  reaches: ['Opened', 'Reported', 'Duplicate', 'Unidentified', 'NoPolicy', 'Protected', 'NotAPod', '400'],
});

async function receive(scene: Scene, bodies: readonly string[], seen: (what: string) => void): Promise<void> {
  const { world, clock } = scene;
  const live = podsOf(scene);
  const operator = await world.operator({ roles: ['receiver'], watchNamespaces: [] });
  const answers = await Promise.all(
    bodies.map(async (body) => {
      const answer = operator.post(body);
      await clock.advance(300);
      return answer;
    }),
  );
  await clock.advance(QUEUED_FOR_MS);
  for (const { status, body } of answers) {
    assert.ok(STATUSES.includes(status), `answered ${status}`);
    if (status !== 202) seen(String(status));
    else assertOurs(String(body['message']), 'message', 512);
  }
  const counted = outcomesIn(await operator.metrics());
  for (const [outcome, times] of counted) if (times > 0) seen(outcome);
  const accepted = answers.filter(({ status }) => status === 202).length;
  const total = [...counted.values()].reduce((sum, times) => sum + times, 0);
  assert.equal(total, accepted, `${accepted} alerts were accepted and ${total} have an outcome`);
  assert.equal(counted.get('Refused') ?? 0, 0, 'the API server refuses an incident');
  for (const write of operator.writes) assertJustified(write, live, bodies);
  assertOnePerPod(scene);
}

function assertJustified(
  { method, path, body, answer }: WriteCall,
  live: readonly KubeObject[],
  bodies: readonly string[],
): void {
  const opens =
    method === 'POST' &&
    /^\/apis\/die-operator\.dev\/v1alpha1\/namespaces\/[^/]+\/driftincidents\?/.test(path);
  const reports = method === 'PATCH' && /\/driftincidents\/[^/]+\/status\?/.test(path);
  assert.ok(opens || reports, `${method} ${path} is no request of a receiver`);
  const { target } = ((opens ? body : answer) as DriftIncident).spec;
  const pod = live.find(({ metadata }) => metadata.uid === target.uid);
  assert.ok(pod, `an incident of a pod that is not there: ${target.uid}`);
  assert.deepEqual([target.namespace, target.name], [pod.metadata.namespace, pod.metadata.name]);
  assert.equal(target.namespace, 'shop', 'an incident where no policy is, or of a protected pod');
  assert.ok(
    bodies.some((text) => names(text, pod)),
    'no alert names the pod by UID or container ID',
  );
}

/** Whether an alert names the pod, by an independent reading of design.md 6. */
function names(text: string, pod: KubeObject): boolean {
  const { output_fields, hostname } = Object(readJson(text)) as Record<string, unknown>;
  const fields = Object(output_fields) as Record<string, unknown>;
  const { nodeName, containers, uid, name, namespace } = podFacts(pod);
  const told = (key: string) => {
    const value = fields[key];
    return typeof value === 'string' && !['', '<NA>', 'host'].includes(value) ? value : undefined;
  };
  const ids = [told('container.full_id'), told('container.id')].filter((id) =>
    /^[0-9a-f]{12,64}$/.test(id ?? ''),
  );
  const byUid = told('k8s.pod.uid') === uid || told('k8s.pod.id') === uid;
  const byContainer = ids.some((id) =>
    containers.some((one) => one.containerID?.split('://')[1]?.startsWith(id ?? '')),
  );
  // What is not of the form of a name says nothing; nodes are told in any case.
  const contradicts = (value: unknown, is: string | undefined) =>
    typeof value === 'string' && NAME.test(value) && value !== is;
  const node = typeof hostname === 'string' ? hostname.toLowerCase() : undefined;
  const contradicted =
    contradicts(node, nodeName) ||
    contradicts(told('k8s.pod.name'), name) ||
    contradicts(told('k8s.ns.name'), namespace);
  return (byUid || byContainer) && !contradicted;
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

function assertOnePerPod({ cluster }: Scene): void {
  const open = (cluster.api.list(DRIFT_INCIDENTS) as DriftIncident[]).filter(
    (incident) => !isFinal(incident),
  );
  const targets = open.map(({ spec }) => spec.target.uid);
  assert.equal(new Set(targets).size, targets.length, 'two open incidents of one pod');
}

function outcomesIn(metrics: string): Map<string, number> {
  const lines = metrics.matchAll(/^die_operator_alerts_total\{outcome="(\w+)"\} (\d+)$/gm);
  return new Map([...lines].map(([, outcome = '', times]) => [outcome, Number(times)]));
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** All pods, the protected one first. */
function podsOf({ cluster }: Scene): KubeObject[] {
  return cluster.api.list(PODS).toSorted((a) => (a.metadata.namespace === 'kube-system' ? -1 : 1));
}

function strongFields(pod: KubeObject): Record<string, unknown> {
  const { uid, containers } = podFacts(pod);
  return { 'k8s.pod.uid': uid, 'container.full_id': containers[0]?.containerID?.split('://')[1] ?? null };
}

/** What the fields that tell of a pod can say: things of each pod, whole, cut or misspelt, and nothing. */
function identities(): Vocabulary {
  const facts = pods.map(podFacts).slice(0, 3);
  const ids = facts.flatMap(({ containers }) =>
    containers.flatMap(({ containerID }) => containerID?.split('://')[1] ?? []),
  );
  const cut = ids.flatMap((id) => [
    id,
    id.slice(0, 12),
    id.slice(0, 11),
    id.slice(0, 8),
    id.slice(0, 40),
    id.toUpperCase(),
    `containerd://${id}`,
  ]);
  const uids = facts.map(({ uid }) => uid);
  return {
    ...ALERT_WORDS,
    'k8s.pod.uid': [...ABSENT, ...uids, ...uids.map((uid) => uid.toUpperCase()), ...ids],
    'k8s.pod.id': [...ABSENT, ...uids],
    'container.id': [...ABSENT, ...cut],
    'container.full_id': [...ABSENT, ...cut],
    'k8s.pod.name': [...ABSENT, ...facts.map(({ name }) => name), '..', 'a/b'],
    'k8s.ns.name': [...ABSENT, 'shop', 'other', 'kube-system', 'Shop', '..'],
    hostname: [...ABSENT, 'node-1', 'node-2', 'NODE-1', 'node-1.example', 'node 1'],
  };
}
