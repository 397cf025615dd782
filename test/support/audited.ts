// The promises of docs/design that show in the API server's audit log: what arrived, from whom, in which order. Nothing
// that the operator says of itself is believed.
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { auditCalls, type AuditCall } from './audit-log.ts';
import type { OperatorProcess } from './fleet.ts';
import { eventually } from './real-api-test.ts';

/** What is judged. */
export interface Audited {
  /** Calls of receivers and responders, in the order of their arrival. */
  calls: readonly AuditCall[];
  /** UIDs of the pods that alerts were about. */
  targets: ReadonlySet<string>;
  /** What is there at the end: the body of a call that was answered by nobody is in no log. */
  incidents?: readonly DriftIncident[];
}

/** These calls, the pods that alerts were about, and what is there at the end where that is known. */
export function auditedFor(
  calls: readonly AuditCall[],
  pods: readonly KubeObject[],
  incidents: readonly DriftIncident[] = [],
): Audited {
  return { calls, targets: new Set(pods.map(({ metadata }) => metadata.uid)), incidents };
}

/** Names what is wrong; empty if the promise was kept. */
export type AuditedPromise = (audited: Audited) => string[];

type Patch = { op: string; path: string; value?: unknown }[];

/** How long the status code of a call may be missing. One whose server was killed never gets any. */
const CODES_MS = 5_000;

/** The calls of the operator's accounts after the mark, without the reads, as soon as each has its status code. */
export async function operatorWrites(auditLog: string, mark = 0): Promise<AuditCall[]> {
  const read = async () =>
    (await auditCalls(auditLog, mark)).filter((call) => isOperator(call) && isWrite(call));
  const answered = (calls: AuditCall[]) => calls.every(({ code }) => code !== undefined);
  const calls = await eventually('every write has its status code', read, answered, CODES_MS).catch(read);
  return calls.toSorted((a, b) => (a.receivedAt < b.receivedAt ? -1 : 1));
}

/** Whether a receiver or responder sent it. */
export function isOperator({ user }: AuditCall): boolean {
  return user.startsWith(`system:serviceaccount:${SYSTEM_NAMESPACE}:`);
}

/** Events only tell, and reviews only ask. */
const HARMLESS = ['events', 'selfsubjectaccessreviews'];

/** Whether it asks for a change that counts. */
export function isWrite({ verb, resource = '' }: AuditCall): boolean {
  return ['create', 'update', 'patch', 'delete'].includes(verb) && !HARMLESS.includes(resource);
}

/** Whether it was done: accepted, and more than a rehearsal. */
export function isDone({ code = 0, uri }: AuditCall): boolean {
  return code >= 200 && code < 300 && !uri.includes('dryRun=All');
}

/** Whether it may have been done: its sender or server was gone before the answer. */
function mayBeDone(call: AuditCall): boolean {
  const { code = 500, uri } = call;
  return isDone(call) || (code >= 499 && !uri.includes('dryRun=All'));
}

/** Evictions that were carried out, by the UID that they name. */
export function evictionsOf(calls: readonly AuditCall[]): Map<string, AuditCall[]> {
  const evictions = calls.filter((call) => call.subresource === 'eviction' && isDone(call));
  return Map.groupBy(evictions, (call) => evictedUid(call) ?? 'no UID');
}

/** Whether the pod was evicted, or may have been by a call whose answer was lost. */
export function mayBeEvicted(calls: readonly AuditCall[], { metadata: { uid } }: KubeObject): boolean {
  return calls.some((call) => call.subresource === 'eviction' && mayBeDone(call) && evictedUid(call) === uid);
}

/** One eviction for each pod at most, by its UID, and no deletion. */
export const onceEvicted: AuditedPromise = ({ calls }) => [
  ...[...evictionsOf(calls)]
    .filter(([uid, evictions]) => uid === 'no UID' || evictions.length > 1)
    .map(([uid, evictions]) => `${evictions[0]?.name} (${uid}) was evicted ${evictions.length} times`),
  ...calls
    .filter((call) => call.resource === 'pods' && call.verb === 'delete' && isDone(call))
    .map(({ name }) => `${name} was deleted`),
];

/** What reaches a pod is tested for the UID of one that an alert was about. */
export const onlyTargets: AuditedPromise = ({ calls, targets }) =>
  calls
    .filter((call) => call.resource === 'pods' && isDone(call))
    .filter(
      (call) => !targets.has((call.subresource === 'eviction' ? evictedUid(call) : testedUid(call)) ?? ''),
    )
    .map(
      ({ verb, subresource = '', name }) => `${verb} ${subresource} reached ${name}, which no alert is about`,
    );

/** Nobody is evicted before a status that names its evidence was written. */
export const evidenceFirst: AuditedPromise = ({ calls, incidents = [] }) => {
  const incidentOf = new Map([
    ...incidents.map(
      ({ metadata, spec }) => [spec.target.uid, `${metadata.namespace}/${metadata.name}`] as const,
    ),
    ...openings(calls).map((call) => [openedFor(call), `${call.namespace}/${call.name}`] as const),
  ]);
  const kept = new Map<string, string>();
  for (const call of calls.filter((one) => mayBeDone(one) && (bringsEvidence(one) || isUntold(one)))) {
    const incident = `${call.namespace}/${call.name}`;
    if (!kept.has(incident)) kept.set(incident, call.receivedAt);
  }
  return [...evictionsOf(calls).values()].flat().flatMap((call) => {
    const incident = incidentOf.get(evictedUid(call));
    if (incident === undefined) return [`${call.name} was evicted without an incident`];
    const since = kept.get(incident);
    return since !== undefined && since < call.receivedAt
      ? []
      : [`${call.name} was evicted before the evidence of ${incident} was recorded`];
  });
};

/** One incident for each pod that an alert was about, and none else. For pods with one alert only. */
export const oneIncidentEach: AuditedPromise = ({ calls, targets }) => {
  const opened = Map.groupBy(openings(calls).filter(isDone), openedFor);
  const wrong = [...opened].filter(([uid, all]) => all.length > 1 || !targets.has(uid ?? ''));
  return wrong.map(([uid, all]) => `${all.length} incidents were opened for pod ${uid}`);
};

/** Nothing is refused for a missing right. An API server that has just started knows no rights for a moment. */
export const nothingForbidden: AuditedPromise = ({ calls }) =>
  calls
    .filter(({ code }) => code === 401 || code === 403)
    .map(({ user, verb, uri, code }) => `${user} was answered ${code}: ${verb} ${uri}`);

/** A change of who holds a Lease. */
export interface Claim {
  lease: string;
  /** Of the new holder; undefined when it was given back. */
  credential: string | undefined;
  /** When the write arrived. */
  at: string;
}

/** Who led from when on, by the writes of the Leases. */
export function claimsOf(calls: readonly AuditCall[]): Claim[] {
  const holders = new Map<string, string>();
  return calls
    .filter((call) => call.resource === 'leases' && call.verb === 'patch' && isDone(call))
    .flatMap(({ name: lease = '', credential, body, receivedAt: at }) => {
      const spec = (body as Patch).find(({ path }) => path === '/spec')?.value;
      const { holderIdentity } = spec as { holderIdentity: string };
      if (holders.get(lease) === holderIdentity) return [];
      holders.set(lease, holderIdentity);
      return [{ lease, credential: holderIdentity === '' ? undefined : credential, at }];
    });
}

/** A responder writes to nothing but its Lease unless it was the last to take that. */
export function onlyTheLeader(lives: readonly OperatorProcess[]): AuditedPromise {
  return ({ calls }) => {
    const claims = claimsOf(calls);
    const responders = new Map(
      lives.filter(({ member }) => member.role === 'responder').map((life) => [life.credential, life.member]),
    );
    return calls
      .filter(({ resource }) => resource !== 'leases')
      .flatMap(({ credential = '', receivedAt, verb, uri }) => {
        const member = responders.get(credential);
        if (!member) return [];
        const { lease = 'die-operator-responder', name } = member;
        const last = claims.findLast((claim) => claim.lease === lease && claim.at <= receivedAt);
        return last?.credential === credential ? [] : [`${name} did not lead and sent ${verb} ${uri}`];
      });
  };
}

/** Every promise of this file but {@link nothingForbidden}, for pods with one alert each. */
export function broken(audited: Audited, lives: readonly OperatorProcess[]): string[] {
  const promises = [onceEvicted, onlyTargets, evidenceFirst, oneIncidentEach, onlyTheLeader(lives)];
  return promises.flatMap((promise) => promise(audited));
}

/** Creations of incidents. */
function openings(calls: readonly AuditCall[]): AuditCall[] {
  return calls.filter(({ resource, verb }) => resource === 'driftincidents' && verb === 'create');
}

function openedFor({ body }: AuditCall): string | undefined {
  return (body as { spec?: { target?: { uid?: string } } } | undefined)?.spec?.target?.uid;
}

// Its server was killed before it answered: what it asked for is not in the log, and may have been done.
function isUntold({ resource, subresource, verb, code, body }: AuditCall): boolean {
  return (
    resource === 'driftincidents' &&
    subresource === 'status' &&
    verb === 'patch' &&
    code === undefined &&
    body === undefined
  );
}

function evictedUid({ body }: AuditCall): string | undefined {
  const eviction = body as { deleteOptions?: { preconditions?: { uid?: string } } } | undefined;
  return eviction?.deleteOptions?.preconditions?.uid;
}

function testedUid({ body }: AuditCall): string | undefined {
  const test = patchOf(body).find(({ op, path }) => op === 'test' && path === '/metadata/uid');
  return test?.value as string | undefined;
}

function bringsEvidence({ resource, subresource, body }: AuditCall): boolean {
  const isStatus = resource === 'driftincidents' && subresource === 'status';
  return isStatus && patchOf(body).some(({ path }) => path === '/status/evidence');
}

function patchOf(body: unknown): Patch {
  return Array.isArray(body) ? (body as Patch) : [];
}
