// What somebody may try with a quarantine: of the pods `held` (listed as such), `drainable` and `free` (not quarantined),
// of the deny policy and of the lists. All but the connections are dry runs: admission is the same.
import type { KubeObject } from '../../src/api/meta.ts';
import type { PlainRequest } from './cluster-access.ts';

/** A request without who sends it; the path is below the namespace, with its query. */
export type Try = Omit<PlainRequest, 'as'>;

/** What, how, the policy that denies it, and which of the cluster's own programs may all the same. */
export type Denied = [what: string, request: Try, policy: string, allowed?: readonly ('kubelet' | 'addon')[]];

const QUARANTINE = 'die-operator.dev/quarantine';
const SEVERITY = 'die-operator.dev/severity';
const INCIDENT = 'die-operator.dev/incident';
const MANAGED_BY = 'app.kubernetes.io/managed-by';
const IMAGE = 'registry.example/shop/web:1.4';
const LABELLED = { labels: { [QUARANTINE]: 'true' } };
const DEBUG = { name: 'debug', image: 'registry.example/debug:1' };
const NOBODY = { apiVersion: 'v1', kind: 'ConfigMap', name: 'nobody', uid: 'no-such-uid' };
const OWNED = { metadata: { ownerReferences: [NOBODY] } };
const OTHER_IMAGE = { spec: { containers: [{ name: 'web', image: 'registry.example/shop/other:1' }] } };
const LARGER = { spec: { containers: [{ name: 'web', resources: { requests: { cpu: '2m' } } }] } };
const NOTE = { metadata: { annotations: { note: 'x' } } };
const OVER = { status: { phase: 'Failed' } };
const MOVED = { status: { podIP: '192.0.2.1', podIPs: [{ ip: '192.0.2.1' }] } };
const ENDED = {
  status: {
    containerStatuses: [{ name: 'web', image: IMAGE, imageID: '', ready: false, restartCount: 0, state: {} }],
  },
};
const CONDITION = { status: { conditions: [{ type: 'example.com/checked', status: 'True' }] } };

/** A pod of that name as a person would write it. */
export function podOf(name: string, metadata: object = {}, spec: object = {}): KubeObject {
  const containers = [{ name: 'web', image: IMAGE, resources: { requests: { cpu: '1m' } } }];
  const pod: unknown = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: { containers, ...spec },
  };
  return pod as KubeObject;
}

/** Only checked and not stored. */
export function dry(path: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}dryRun=All`;
}

/** Evicts a pod, as a drain does. */
export function eviction(name: string): Try {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
  return create(`pods/${name}/eviction`, body);
}

const create = (path: string, body: object): Try => ({ method: 'POST', path: dry(path), body });
const drop = (path: string): Try => ({ method: 'DELETE', path: dry(path) });
const connect = (path: string, method = 'GET'): Try => ({ method, path });
const patch = (path: string, body: object): Try => ({
  method: 'PATCH',
  path: dry(path),
  body,
  contentType: 'application/strategic-merge-patch+json',
});
const incident = (value: string | null): Try =>
  patch('pods/held', { metadata: { annotations: { [INCIDENT]: value } } });
const binding = (path: string): Try =>
  create(path, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'free', ...LABELLED },
    target: { kind: 'Node', name: 'node-1' },
  });
const list = (name: string): Try =>
  create('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });

/** Changes labels; null takes one off, or all. */
export function labels(path: string, change: Record<string, string | null> | null): Try {
  return patch(path, { metadata: { labels: change } });
}

const MACHINES = ['kubelet', 'addon'] as const;
const DENY_POLICY = 'networkpolicies/die-operator-quarantine';
const LIST = 'configmaps/die-operator-quarantined';

/** What nobody may but who may manage quarantines, and some of the cluster's own programs. */
export const DENIED: readonly Denied[] = [
  ['put the label on', labels('pods/free', { [QUARANTINE]: 'true' }), 'label'],
  ['put it on by the status', labels('pods/free/status', { [QUARANTINE]: 'true' }), 'label'],
  ['put it on with another value', labels('pods/free', { [QUARANTINE]: 'no' }), 'label'],
  ['create a pod with it', create('pods', podOf('new', LABELLED)), 'label'],
  ['bind a pod with it', binding('pods/free/binding'), 'label'],
  ['bind a pod with it, the old way', binding('bindings'), 'label'],
  ['take the label off', labels('pods/held', { [QUARANTINE]: null }), 'label'],
  ['take it off by the status', labels('pods/held/status', { [QUARANTINE]: null }), 'label'],
  ['take all labels off', labels('pods/held', null), 'label'],
  ['change the value of the label', labels('pods/held', { [QUARANTINE]: 'false' }), 'pod'],
  ['change the severity', labels('pods/held', { [SEVERITY]: 'debug' }), 'pod'],
  ['add a label', labels('pods/held', { app: 'web' }), 'pod', MACHINES],
  ['add a label by the status', labels('pods/held/status', { app: 'web' }), 'pod', MACHINES],
  ['name another incident', incident('other'), 'pod'],
  ['take the incident off', incident(null), 'pod'],
  ['change the image', patch('pods/held', OTHER_IMAGE), 'pod'],
  ['set a deadline', patch('pods/held', { spec: { activeDeadlineSeconds: 1 } }), 'pod'],
  ['give it an owner that is not there', patch('pods/held', OWNED), 'pod', MACHINES],
  ['say that it is over', patch('pods/held/status', OVER), 'pod', MACHINES],
  ['move its address', patch('pods/held/status', MOVED), 'pod', MACHINES],
  ['say that its containers ended', patch('pods/held/status', ENDED), 'pod', MACHINES],
  ['debug it', patch('pods/held/ephemeralcontainers', { spec: { ephemeralContainers: [DEBUG] } }), 'pod'],
  ['resize it', patch('pods/held/resize', LARGER), 'pod'],
  ['delete it', drop('pods/held'), 'deletion', MACHINES],
  ['delete it at once', drop('pods/held?gracePeriodSeconds=0'), 'deletion', MACHINES],
  ['delete all pods', drop('pods'), 'deletion', MACHINES],
  ['delete one that is listed for a pod before it', drop('pods/listed-before'), 'deletion', MACHINES],
  ['evict it', eviction('held'), 'access'],
  ['exec into it', connect('pods/held/exec?command=id&stdout=true'), 'access'],
  ['exec into it by POST', connect('pods/held/exec?command=id&stdout=true', 'POST'), 'access'],
  ['attach to it', connect('pods/held/attach?stdout=true'), 'access'],
  ['forward a port to it', connect('pods/held/portforward?ports=80'), 'access'],
  ['call it by proxy', connect('pods/held/proxy/'), 'access'],
  ['call its port by proxy', connect('pods/held:8080/proxy/x', 'PUT'), 'access'],
  ['call it by proxy with TLS', connect('pods/https:held:8443/proxy/', 'POST'), 'access'],
  ['call it by proxy with a scheme alone', connect('pods/http:held:/proxy/', 'DELETE'), 'access'],
  ['open the deny policy', patch(DENY_POLICY, { spec: { ingress: [{}] } }), 'objects'],
  ['disown the deny policy', labels(DENY_POLICY, { [MANAGED_BY]: null }), 'objects'],
  ['have the deny policy collected', patch(DENY_POLICY, OWNED), 'objects'],
  ['delete the deny policy', drop(DENY_POLICY), 'objects', ['addon']],
  ['delete all NetworkPolicies', drop('networkpolicies'), 'objects', ['addon']],
  ['edit the list', patch(LIST, { data: { held: 'Drainable x' } }), 'objects'],
  ['freeze the list', patch(LIST, { immutable: true }), 'objects'],
  ['delete the list', drop(LIST), 'objects', ['addon']],
  ['delete all ConfigMaps', drop('configmaps'), 'objects', ['addon']],
  ['take the name of the other list', list('die-operator-quarantined-pods'), 'objects'],
];

/** What everybody may do who has the right by RBAC. */
export const ALLOWED: readonly [what: string, request: Try][] = [
  ['annotate it', patch('pods/held', NOTE)],
  ['give it a finalizer', patch('pods/held', { metadata: { finalizers: ['example.com/keep'] } })],
  [
    'let go of it',
    patch('pods/owned', { metadata: { ownerReferences: [{ $patch: 'delete', uid: NOBODY.uid }] } }),
  ],
  ['report a condition of it', patch('pods/held/status', CONDITION)],
  ['annotate the deny policy', patch(DENY_POLICY, NOTE)],
  ['delete one that a drain may take', drop('pods/drainable')],
  ['evict one that a drain may take', eviction('drainable')],
  ['create a pod', create('pods', podOf('new'))],
  ['delete another pod', drop('pods/free')],
  ['evict another pod', eviction('free')],
  ['change another pod', patch('pods/free', OTHER_IMAGE)],
  ['exec into another pod', connect('pods/free/exec?command=id&stdout=true')],
  // The port is called as the quarantined pod is.
  ['call a named port of another pod', connect('pods/free:held/proxy/')],
  ['make other ConfigMaps', list('mine')],
];

/** The owner of the pod `owned`. */
export const OWNER = NOBODY;
