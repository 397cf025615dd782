// Incidents as they really are at each stage of a response: recorded from an operator on the embedded API.
import { isDeepStrictEqual } from 'node:util';
import { DECISIONS, type DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { DRIFT_INCIDENTS, PODS } from '../../../src/kube/resources.ts';
import type { Transport } from '../../../src/kube/transport.ts';
import { setScene, type Scene } from './scene.ts';

/** One stage: the incident as stored, and the pod that it is about. */
export interface Stage {
  incident: DriftIncident;
  /** As it was then; undefined once it was gone. */
  pod: KubeObject | undefined;
  /** `spec` of the policy that asked for the response. */
  policy: object;
}

const LADDER = { responses: [{ name: 'all', actions: ['Label', 'Isolate', 'Capture', 'Evict'] }] };
const CONTAIN = {
  responses: [
    { name: 'note', minSeverity: 'Notice', actions: ['Label'] },
    { name: 'contain', minSeverity: 'Critical', actions: ['Isolate', 'Capture'] },
  ],
};
const ASKING = { ...LADDER, approval: { requiredFor: ['Always'] } };
const WATCHING = { ...LADDER, eviction: { replacement: { quietFor: '30s' } } };
const AUDIT = { ...LADDER, mode: 'Audit' };

/** Plays responses through and keeps every state of their incidents. */
export async function recordStages(): Promise<Stage[]> {
  return [
    ...(await record(LADDER, [['Critical', 90_000]])),
    ...(await record(CONTAIN, [
      ['Notice', 5_000],
      ['Critical', 30_000],
      ['Release', 30_000],
    ])),
    ...(await record(CONTAIN, [
      ['Critical', 30_000],
      ['Delete', 5],
    ])),
    ...(await record(ASKING, [
      ['Critical', 5_000],
      ['Hold', 5_000],
      ['Resume', 5_000],
      ['Approve', 90_000],
    ])),
    ...(await record(ASKING, [
      ['Critical', 5_000],
      ['Deny', 30_000],
    ])),
    ...(await record(WATCHING, [['Critical', 90_000]])),
    ...(await record(AUDIT, [['Error', 5_000]])),
  ];
}

type Decided = (typeof DECISIONS)[number];
type Happening = readonly [what: 'Notice' | 'Error' | 'Critical' | 'Delete' | Decided, thenMs: number];

async function record(policy: object, story: readonly Happening[]): Promise<Stage[]> {
  const scene = await setScene(policy);
  const stages: Stage[] = [];
  const note = () => keep(stages, scene, policy);
  const operator = await scene.world.operator({}, (transport) => noting(transport, note));
  for (const [what, thenMs] of story) {
    if (isDecision(what))
      scene.cluster.api.update(DRIFT_INCIDENTS, only(scene), 'object', (incident) => decided(incident, what));
    else if (what === 'Delete') scene.cluster.api.delete(DRIFT_INCIDENTS, only(scene));
    else void operator.post(scene.world.alert(scene.victim, { priority: what }));
    note();
    await scene.clock.advance(thenMs);
  }
  note();
  await scene.close();
  return stages;
}

function keep(stages: Stage[], { cluster, victim }: Scene, policy: object): void {
  const [incident] = cluster.api.list(DRIFT_INCIDENTS) as DriftIncident[];
  if (!incident) return;
  const live = cluster.api.get(PODS, { namespace: 'shop', name: victim.metadata.name });
  const pod = live?.metadata.uid === victim.metadata.uid ? live : undefined;
  if (!isDeepStrictEqual(stages.at(-1), { incident, pod, policy })) stages.push({ incident, pod, policy });
}

function only({ cluster }: Scene): { namespace: string; name: string } {
  const [incident] = cluster.api.list(DRIFT_INCIDENTS);
  if (!incident) throw new Error('there is no incident');
  return { namespace: 'shop', name: incident.metadata.name };
}

const isDecision = (what: string): what is Decided => DECISIONS.some((one) => one === what);

function decided(incident: KubeObject, action: Decided): KubeObject {
  const { spec, status } = incident as DriftIncident;
  const planHash = status?.plan?.hash;
  const decision = { action, by: 'alice', reason: 'looked into', ...(planHash && { planHash }) };
  return { ...incident, spec: { ...spec, decision } };
}

/** Calls `note` after each answer to a write. */
function noting(transport: Transport, note: () => void): Transport {
  return async (request) => {
    const answer = await transport(request);
    if (request.method !== 'GET') note();
    return answer;
  };
}
