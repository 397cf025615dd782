// Looks at every request of an operator before the API server does, and says which of them no incident justifies. It
// reads the stored objects itself: nothing of the operator's own judgement is used.
import type { KubeObject } from '../../../src/api/meta.ts';
import {
  LEDGER_CONFIGMAP,
  QUARANTINE_LABEL,
  QUARANTINE_POLICY,
  SYSTEM_NAMESPACE,
} from '../../../src/api/names.ts';
import type { EmbeddedCluster } from '../../../src/embedded/api-server.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from '../../../src/kube/resources.ts';
import type { HttpRequest, Transport } from '../../../src/kube/transport.ts';

/** The watch over one operator. */
export interface Guard {
  /** Goes around the operator's transport. */
  wrap: (transport: Transport) => Transport;
  /** What was wrong with requests; empty if nothing was. */
  problems: string[];
  /** Requests so far, reads too. */
  requests: number;
}

/** Makes one. */
export function createGuard(cluster: EmbeddedCluster): Guard {
  const guard: Guard = {
    problems: [],
    requests: 0,
    wrap: (transport) => (request) => {
      guard.requests += 1;
      const problem = request.method === 'GET' ? undefined : problemOf(cluster, request);
      if (problem !== undefined) guard.problems.push(`${request.method} ${request.path}: ${problem}`);
      return transport(request);
    },
  };
  return guard;
}

/** A write by its parts. */
interface Deed {
  namespace: string;
  plural: string;
  name: string;
  what: string;
  body: unknown;
  cluster: EmbeddedCluster;
}

type Rule = (deed: Deed) => string | undefined;

const fine: Rule = () => undefined;

/** By method, plural and subresource. What is not here must not be sent at all. */
const RULES: Readonly<Record<string, Rule>> = {
  'PATCH pods': patchOfPod,
  'POST pods/eviction': (deed) =>
    needs(
      deed,
      uidIn(deed.body, 'deleteOptions', 'preconditions'),
      both(asks('Evict'), either(asksNobody, isApproved)),
    ),
  'DELETE pods': (deed) => needs(deed, uidIn(deed.body, 'preconditions'), isDeleted),
  'POST networkpolicies': ({ body }) =>
    unless(textIn(body, 'metadata', 'name') === QUARANTINE_POLICY, 'a foreign policy'),
  'PATCH networkpolicies': ({ name }) => unless(name === QUARANTINE_POLICY, 'a foreign policy'),
  'POST driftincidents': fine,
  'PATCH driftincidents': testsUid,
  'PATCH driftincidents/status': testsUid,
  'PATCH driftpolicies/status': testsUid,
  'POST configmaps': ({ namespace, body }) => isLedger(namespace, textIn(body, 'metadata', 'name')),
  'PATCH configmaps': (deed) => isLedger(deed.namespace, deed.name) ?? testsUid(deed),
  'POST events': fine,
  'PATCH events': fine,
};

function problemOf(
  cluster: EmbeddedCluster,
  { method, path, body = 'null' }: HttpRequest,
): string | undefined {
  // A question, though it is a POST: whether it has a right.
  if (method === 'POST' && path.startsWith('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'))
    return undefined;
  const [, namespace = '', plural = '', name = '', subresource = ''] =
    /\/namespaces\/([^/]+)\/([^/?]+)(?:\/([^/?]+))?(?:\/([^/?]+))?/.exec(path) ?? [];
  const what = `${method} ${plural}${subresource === '' ? '' : `/${subresource}`}`;
  const rule = RULES[what];
  if (!rule) return 'not a request that an operator sends';
  return rule({ namespace, plural, name: decodeURIComponent(name), what, body: JSON.parse(body), cluster });
}

function patchOfPod(deed: Deed): string | undefined {
  const live = deed.cluster.api.get(PODS, deed);
  const wanted = valueOf(deed.body, 'add', '/metadata/labels');
  const isIsolated = live?.metadata.labels?.[QUARANTINE_LABEL] === 'true';
  const isolates = textIn(wanted, QUARANTINE_LABEL) === 'true';
  const uid = String(valueOf(deed.body, 'test', '/metadata/uid'));
  if (isIsolated && !isolates) return needs(deed, uid, isReleased);
  // What is given back is what was recorded, also a label of ours that was there before.
  if (isolates && !isIsolated) return needs(deed, uid, either(asks('Isolate'), isReleased));
  return needs(deed, uid, either(asks('Isolate'), asks('Label'), isReleased));
}

type Justifies = (incident: KubeObject, deed: Deed) => boolean;

/** Whether an incident of that namespace is about the pod of that name and UID, and justifies it. */
function needs(deed: Deed, uid: string | undefined, justifies: Justifies): string | undefined {
  if (uid === undefined) return 'names no UID';
  const incidents = deed.cluster.api.list(DRIFT_INCIDENTS, deed.namespace).filter((incident) => {
    const {
      name,
      namespace,
      uid: recorded,
    } = Object(at(incident['spec'], 'target')) as Record<string, unknown>;
    return recorded === uid && namespace === deed.namespace && String(name) === deed.name;
  });
  if (incidents.length === 0) return `no incident of the namespace is about the pod ${uid}`;
  return unless(
    incidents.some((incident) => justifies(incident, deed)),
    'no incident and policy ask for it',
  );
}

const isDeleted: Justifies = ({ metadata }) => metadata.deletionTimestamp !== undefined;
const isReleased: Justifies = (incident, deed) =>
  isDeleted(incident, deed) || textIn(incident['spec'], 'decision', 'action') === 'Release';

/** No setting of the incident asks for an approval whatever the pod is; of what else it asks for this is no judge. */
const asksNobody: Justifies = ({ spec }) => {
  const cases = at(spec, 'trigger', 'response', 'approval', 'requiredFor');
  return !Array.isArray(cases) || !cases.includes('Always');
};
const isApproved: Justifies = ({ spec }) => textIn(spec, 'decision', 'action') === 'Approve';

const both =
  (...all: readonly Justifies[]): Justifies =>
  (incident, deed) =>
    all.every((justifies) => justifies(incident, deed));

const either =
  (...some: readonly Justifies[]): Justifies =>
  (incident, deed) =>
    some.some((justifies) => justifies(incident, deed));

/** Asked for by a policy that was in Enforce then, and is there and in Enforce now. */
function asks(action: string): Justifies {
  return ({ spec, status }, { cluster, namespace }) => {
    const enforcing = cluster.api
      .list(DRIFT_POLICIES, namespace)
      .filter((policy) => textIn(policy['spec'], 'mode') === 'Enforce')
      .map(({ metadata }) => metadata.uid);
    const reports = Object.values(Object(at(status, 'reports')) as object);
    return [at(spec, 'trigger', 'policies'), ...reports.map((report) => at(report, 'policies'))]
      .flatMap((policies): unknown[] => (Array.isArray(policies) ? policies : []))
      .filter(
        (policy) => textIn(policy, 'mode') === 'Enforce' && enforcing.includes(String(at(policy, 'uid'))),
      )
      .some((policy) => (at(policy, 'actions') as unknown[] | undefined)?.includes(action));
  };
}

function testsUid({ body }: Deed): string | undefined {
  return unless(typeof valueOf(body, 'test', '/metadata/uid') === 'string', 'tests no UID');
}

function isLedger(namespace: string, name = ''): string | undefined {
  return unless(
    namespace === SYSTEM_NAMESPACE && name.startsWith(LEDGER_CONFIGMAP),
    'a ConfigMap that is not the ledger',
  );
}

function uidIn(body: unknown, ...path: string[]): string | undefined {
  return textIn(body, ...path, 'uid');
}

/** Value of the operation of a JSON patch. */
function valueOf(patch: unknown, op: string, path: string): unknown {
  const ops = Array.isArray(patch) ? (patch as { op: string; path: string; value?: unknown }[]) : [];
  return ops.find((one) => one.op === op && one.path === path)?.value;
}

function textIn(value: unknown, ...path: string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => (Object(inner) as Record<string, unknown>)[key], value);
}

function unless(holds: boolean, problem: string): string | undefined {
  return holds ? undefined : problem;
}
