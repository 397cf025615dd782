// A leader that is stopped (SIGSTOP) before each of its writes in turn, while the network holds that write back: another
// one takes over and ends the response; then the write arrives all the same, and the former leader goes on.
import { describe, expect } from 'vitest';
import { isFinal, type DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { DriftPolicy } from '../../src/api/policy.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import type { ApiProxy, HeldRequest, PassingRequest } from '../support/api-proxy.ts';
import { auditCalls, auditMark, type AuditCall } from '../support/audit-log.ts';
import {
  auditedFor,
  evidenceFirst,
  evictionsOf,
  isWrite,
  onceEvicted,
  onlyTargets,
  operatorWrites,
} from '../support/audited.ts';
import { postTo, type Fleet, type OperatorProcess } from '../support/fleet.ts';
import { fleetTest, freeLease, leaderOf, print } from '../support/fleet-test.ts';
import { eventually } from '../support/real-api-test.ts';
import type { World } from '../support/world.ts';

/** Histories at a time; each has two responders. */
const LANES = 4;
/** A flow has more writes than this; fewer would mean that they were not seen. */
const FEWEST_WRITES = 9;
/** Looks at the Lease after which a former leader would have done what it still had in mind. */
const LOOKS = 3;

/** Renewals, Events, and questions what may be done. */
const NOT_OF_A_FLOW = /\/(leases|events|selfsubjectaccessreviews)\b/;

interface Parts {
  access: { auditLog: string };
  client: KubeClient;
  fleet: Fleet;
  proxy: () => Promise<ApiProxy>;
  openWorld: () => Promise<World>;
  receiver: OperatorProcess;
}

/** What became of one history; absent if the flow was over before the leader came to that write. */
interface History {
  /** The write that came late. */
  late: string;
  /** What the API server said to it. */
  status: number;
  /** Events that the former leader still had to tell; they change nothing. */
  events: number;
  /** What is wrong. */
  problems: string[];
}

/**
 * As `test`; `parts` are what histories are made of.
 */
const test = fleetTest.extend(
  'parts',
  async ({ access, client, fleet, proxy, openWorld }): Promise<Parts> => {
    const receiver = await fleet.start({ name: 'receiver', role: 'receiver' });
    return { access, client, fleet, proxy, openWorld, receiver };
  },
);

describe('a leader that is stopped before a write, which arrives after another one has ended the response', () => {
  test(
    'does nothing twice, undoes nothing and sends nothing more, whichever write it is',
    { timeout: 600_000 },
    async ({ parts }) => {
      const histories: History[] = [];
      let next = 0;
      let isOver = false;
      const lane = async () => {
        while (!isOver) {
          const n = next++;
          const history = await play(parts, n);
          if (history) histories.push(history);
          else isOver = true;
          if (history) print(`write ${n}: ${describeHistory(history)}`);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      expect(
        histories.flatMap(({ late, problems }) => problems.map((problem) => `${late}: ${problem}`)),
      ).toEqual([]);
      expect(histories.length).toBeGreaterThan(FEWEST_WRITES);
    },
  );

  test('leaves a pod alone that a person released meanwhile', async ({ parts }) => {
    const pair = await openPair(parts);
    const { world, victim, leader, gate } = pair;
    const { name, labels } = victim.metadata;
    await keepAfterRelease(parts, victim);
    const passing = gate.hold(({ method, path }) => method === 'PATCH' && path.includes(`/pods/${name}`));
    const responses = [{ name: 'contain', actions: ['Label', 'Isolate'] }];
    const flow = respond(world, parts.receiver, victim, { responses });
    const held = await passing;
    leader.signal('SIGSTOP');
    const { metadata } = await world.incident('at rest', ({ status }) => status?.phase === 'Quarantined');
    const decision = { action: 'Release', by: 'admin', reason: 'false alarm' };
    await parts.client.jsonPatch(DRIFT_INCIDENTS, { namespace: world.namespace, name: metadata.name }, [
      { op: 'add', path: '/spec/decision', value: decision },
    ]);
    await flow;
    await world.until(
      'the set has its number again',
      async () => (await world.list(PODS)).length === 2 || undefined,
    );
    const history = await arriveLate(parts, pair, held);
    print(`after a release: ${describeHistory(history)}`);
    expect(history.problems).toEqual([]);
    expect((await world.pod(name))?.metadata.labels).toEqual(labels);
  });
});

/** The nth write of a flow, from the policy to the end of the incident; of no flow, but at any time in it: a renewal. */
function isNth(n: number): (request: PassingRequest) => boolean {
  if (n === 0) return ({ method, path }) => method === 'PATCH' && path.includes('/leases/');
  let count = 0;
  return ({ method, path }) => method !== 'GET' && !NOT_OF_A_FLOW.test(path) && ++count === n;
}

/** Plays one history; undefined if the leader ended the flow before that write. */
async function play(parts: Parts, n: number): Promise<History | undefined> {
  const pair = await openPair(parts);
  const { world, victim, leader, gate } = pair;
  const passing = gate.hold(isNth(n));
  if (n === 0) await passing;
  const flow = respond(world, parts.receiver, victim);
  const held = await Promise.race([passing, flow.then(() => undefined)]);
  if (!held) return undefined;
  leader.signal('SIGSTOP');
  await flow;
  const { problems, ...late } = await arriveLate(parts, pair, held);
  for (const life of pair.responders) await life.end('SIGTERM');

  const calls = (await operatorWrites(parts.access.auditLog, pair.mark)).filter(
    (call) => call.namespace === world.namespace,
  );
  const audited = auditedFor(calls, [victim]);
  const broken = [onceEvicted, onlyTargets, evidenceFirst].flatMap((promise) => promise(audited));
  const evictions = evictionsOf(calls).size;
  if (evictions !== 1) broken.push(`${evictions} pods were evicted`);
  return { ...late, problems: [...problems, ...broken] };
}

/** Two responders of a namespace, one of which leads, and a pod that something can happen to. */
interface Pair {
  world: World;
  victim: KubeObject;
  responders: readonly OperatorProcess[];
  leader: OperatorProcess;
  /** All that the leader sends goes through it. */
  gate: ApiProxy;
  /** Where they begin in the audit log. */
  mark: number;
}

async function openPair({ access, client, fleet, proxy, openWorld }: Parts): Promise<Pair> {
  const mark = await auditMark(access.auditLog);
  const world = await openWorld();
  const { namespace } = world;
  const lease = await freeLease(client, `responder-${namespace}`);
  const gates = new Map<OperatorProcess, ApiProxy>();
  for (const name of ['a', 'b']) {
    const gate = await proxy();
    const { server } = gate;
    const member = {
      name: `${namespace}-${name}`,
      role: 'responder',
      namespaces: [namespace],
      lease,
      server,
    } as const;
    gates.set(await fleet.start(member), gate);
  }
  const responders = [...gates.keys()];
  const [victim] = await Promise.all([world.victim(2), ...responders.map((life) => life.addresses)]);
  const leader = await leaderOf(client, lease, responders);
  const gate = gates.get(leader);
  if (!gate) throw new Error('the leader has no proxy');
  return { world, victim, responders, leader, gate, mark };
}

/** From a policy that is judged to an incident that is over. */
async function respond(
  world: World,
  receiver: OperatorProcess,
  victim: KubeObject,
  policy = {},
): Promise<void> {
  await world.policy(policy);
  const { status } = await postTo(receiver, world.alert(victim));
  if (status !== 202) throw new Error(`the alert was answered ${status}`);
  await world.incident('that is over', isOver);
}

/** Final, and nothing of ours is left. */
const isOver = (incident: DriftIncident): boolean =>
  isFinal(incident) && (incident.metadata.finalizers ?? []).length === 0;

/** See docs/responses.md: the set removes another pod when this one comes back to it. */
async function keepAfterRelease(
  { client }: Parts,
  { metadata: { namespace = '', name } }: KubeObject,
): Promise<void> {
  const annotations = { 'controller.kubernetes.io/pod-deletion-cost': '1000' };
  await client.jsonPatch(PODS, { namespace, name }, [
    { op: 'add', path: '/metadata/annotations', value: annotations },
  ]);
}

/** Lets the write through, has its sender go on, and looks for what that did. */
async function arriveLate({ access }: Parts, { world, leader }: Pair, held: HeldRequest): Promise<History> {
  const before = await stateOf(world);
  const mark = await auditMark(access.auditLog);
  const status = await held.release();
  leader.signal('SIGCONT');
  const isOwn = ({ credential }: AuditCall) => credential === leader.credential;
  const own = async () => (await auditCalls(access.auditLog, mark)).filter(isOwn);
  const looks = (calls: AuditCall[]) =>
    calls.filter(({ verb, resource }) => verb === 'get' && resource === 'leases');
  const calls = await eventually('it looks who leads', own, (sent) => looks(sent).length >= LOOKS, 60_000);
  const [first, ...more] = calls.filter(isWrite);
  const after = await stateOf(world);
  const changed = [...new Set([...before, ...after])].filter((each) => !before.has(each) || !after.has(each));
  return {
    late: describeWrite(held),
    status,
    events: calls.filter(({ verb, resource }) => verb === 'create' && resource === 'events').length,
    problems: [
      ...(first ? [] : ['the write never arrived']),
      ...more
        .filter((call) => !isRefusedRenewal(call))
        .map(({ verb, uri, code }) => `it went on: ${verb} ${uri} (${code})`),
      ...changed.map((object) => `something changed: ${object}`),
    ],
  };
}

/** Somebody who lost its Lease without knowing may try to renew it or to give it back, in vain. */
function isRefusedRenewal({ resource, code = 0 }: AuditCall): boolean {
  return resource === 'leases' && code >= 400;
}

/** Every object that the operator may write to, with its version; of a policy what it says. */
async function stateOf(world: World): Promise<Set<string>> {
  const kinds = [PODS, DRIFT_INCIDENTS, NETWORK_POLICIES];
  const objects = (await Promise.all(kinds.map((kind) => world.list(kind)))).flat();
  const policies = await world.list<DriftPolicy>(DRIFT_POLICIES);
  return new Set([
    ...objects.map(({ metadata: { name, uid, resourceVersion } }) => `${name} ${uid} at ${resourceVersion}`),
    // Written again with the same verdict it says since when in other words.
    ...policies.flatMap(({ metadata: { name }, status }) =>
      (status?.conditions ?? []).map(
        (each) => `${name} ${each.type} ${each.status} ${each.reason} ${each.message}`,
      ),
    ),
  ]);
}

function describeHistory({ late, status, events }: History): string {
  return `${late} arrived late and was answered ${status}; ${events} Events after that`;
}

function describeWrite({ method, path, body }: HeldRequest): string {
  const [where = '', query = ''] = path.split('?');
  const what = method === 'PATCH' ? (JSON.parse(body) as { op: string; path: string }[]) : [];
  const fields = what.filter(({ op }) => op !== 'test').map((change) => change.path);
  const rehearsal = query.includes('dryRun') ? ' as a rehearsal' : '';
  return `${method} ${where.split('/').slice(-2).join('/')} ${fields.join(' ')}${rehearsal}`.trim();
}
