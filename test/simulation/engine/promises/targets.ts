// Promises 1 and 4: what is written to at all, and in which order.
import type { KubeObject } from '../../../../src/api/meta.ts';
import {
  ENFORCEMENT_CONFIGMAP,
  INTAKE_CONFIGMAP,
  LEDGER_CONFIGMAP,
  QUARANTINE_LIST,
  QUARANTINED_PODS_LIST,
} from '../../../../src/api/names.ts';
import { isWrite, type Served } from '../server-log.ts';
import type { Judge } from '../promises.ts';
import type { Stage } from '../stage.ts';
import { named, podWrites } from './pods.ts';

/** Kinds that the operator writes, by plural; pods are judged by their own rule. */
const WRITTEN = new Set([
  'pods',
  'driftincidents',
  'driftpolicies',
  'clusterdriftpolicies',
  'networkpolicies',
  'leases',
  'statefulsets',
  'controllerrevisions',
  'configmaps',
]);
/** Of ConfigMaps, the lists of quarantined pods, what is known of nodes, the ledger, and when alerts came. */
const MAPS: ReadonlySet<string | undefined> = new Set([
  QUARANTINE_LIST,
  QUARANTINED_PODS_LIST,
  ENFORCEMENT_CONFIGMAP,
  LEDGER_CONFIGMAP,
  INTAKE_CONFIGMAP,
]);

/** See PROMISES. */
export const onlyTargets: Judge = ({ stage }) => {
  const alerted = stage.alerts.filter(({ harmless }) => !harmless).map(({ pod }) => pod);
  const targets = new Set([...alerted, ...stage.drifted]);
  const strangers = podWrites(stage)
    .filter(({ before }) => !targets.has(before.metadata.uid))
    .map(({ kind, before }) => `${kind} reached ${named(before)}, which no alert is about`);
  const untested = stage.log.served
    .filter((entry) => entry.replica !== 'network' && isWrite(entry) && !isTested(entry))
    .map(({ verb, path }) => `${verb} ${path} carries no test of the UID`);
  const foreign = stage.log.served
    .filter((entry) => isWrite(entry) && !isOfOurs(entry))
    .map(({ verb, path }) => `${verb} ${path}: not a kind that the operator writes`);
  const strangeSets = stage.log.writes
    .filter(({ of, before }) => of === 'statefulsets' && !ownsTarget(stage, targets, before))
    .map(({ path }) => `${path} was touched, and it owns no pod that an alert is about`);
  return [...strangers, ...untested, ...foreign, ...strangeSets];
};

function isOfOurs({ of, name, body }: Served): boolean {
  // A creation names it in its body.
  const called = name ?? (body as Partial<KubeObject> | undefined)?.metadata?.name;
  return WRITTEN.has(of) && (of !== 'configmaps' || MAPS.has(called));
}

// As the pods were when they were created.
function ownsTarget(
  { log }: Stage,
  targets: ReadonlySet<string | undefined>,
  set: KubeObject | undefined,
): boolean {
  return log.changes.some(
    ({ of, operation, object }) =>
      of === 'pods' &&
      operation === 'CREATE' &&
      targets.has(object?.metadata.uid) &&
      object?.metadata.ownerReferences?.some(({ uid }) => uid === set?.metadata.uid),
  );
}

interface Body {
  deleteOptions?: { preconditions?: { uid?: string } };
  preconditions?: { uid?: string };
}

function isTested({ verb, subresource, of, body }: Served): boolean {
  if (subresource === 'eviction') return (body as Body).deleteOptions?.preconditions?.uid !== undefined;
  if (verb === 'delete') return (body as Body | undefined)?.preconditions?.uid !== undefined;
  if (verb !== 'patch' || of === 'leases') return true;
  const ops = body as { op: string; path: string }[];
  return ops.some(({ op, path }) => op === 'test' && path === '/metadata/uid');
}

/** See PROMISES. An attempt is enough: where the patch is refused, evidence goes on. */
export const isolationFirst: Judge = ({ stage }) => {
  const { served, writes } = stage.log;
  const opened = writes.filter(({ of, verb }) => of === 'driftincidents' && verb === 'create');
  return opened.flatMap(({ after, servedAt }) => {
    const { target, trigger } = (after as { spec?: OpenedSpec } | undefined)?.spec ?? {};
    const isolates = trigger?.policies.some(
      ({ mode, actions }) => mode === 'Enforce' && actions.includes('Isolate'),
    );
    if (!target || !isolates) return [];
    const since = served.filter((entry) => entry.servedAt >= servedAt);
    // A pod that is on its way out is not isolated any more.
    const reads = since.findIndex(
      ({ subresource, name, after: pod }) =>
        subresource === 'log' && name === target.name && pod && pod.metadata.deletionTimestamp === undefined,
    );
    const tries = since.findIndex(
      (entry) =>
        // The list is read for the evidence.
        (entry.of === 'networkpolicies' && entry.verb !== 'list') ||
        (entry.of === 'pods' && entry.name === target.name && isWrite(entry)),
    );
    const refused = stage.log.refused.some(
      ({ at, path }) => at <= (since[reads]?.servedAt ?? 0) && /networkpolicies|\/pods\//.test(path),
    );
    return reads === -1 || refused || (tries !== -1 && tries < reads)
      ? []
      : [`the logs of ${target.name} were read before it was tried to isolate it`];
  });
};

interface OpenedSpec {
  target: { name: string };
  trigger: { policies: { mode: string; actions: string[] }[] };
}
