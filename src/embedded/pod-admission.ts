// What the admission plugins that are on by default make of a new pod: ServiceAccount, DefaultTolerationSeconds and
// Priority (kubernetes/plugin/pkg/admission). Evidence lists the token volume, so it must be as in a real cluster.
import { PODS, SERVICE_ACCOUNTS } from '../kube/resources.ts';
import { randomText, type Backend } from './backend.ts';
import { listAt, objectAt, textAt, type JsonObject } from './json.ts';
import { forbidden } from './status.ts';
import { objectKey } from './store.ts';

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** Alphabet and length of the volume's suffix (k8s.io/apimachinery/pkg/util/rand). */
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
/** Seven seconds more than an hour mark a token that the server may extend. */
const TOKEN_SECONDS = 3607;
const TOLERATED_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
const TOLERATION_SECONDS = 300;

/** The volume with which every pod gets its token, the cluster's certificate and its namespace. */
const tokenSources = () => [
  { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
  { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
  {
    downwardAPI: {
      items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
    },
  },
];

/**
 * The pod as admission passes it on.
 * @param toldName how refusals call it; its name may be made later.
 * @throws ApiError 403 where its ServiceAccount does not exist.
 */
export function admittedPod(backend: Backend, pod: JsonObject, toldName: string): JsonObject {
  const { annotations, namespace } = objectAt(pod['metadata']);
  const spec = withPriority(withTolerations(objectAt(pod['spec'])));
  // The kubelet writes mirror pods, which have no account.
  if (objectAt(annotations)[MIRROR_ANNOTATION] !== undefined) return { ...pod, spec };
  return { ...pod, spec: withAccount(backend, spec, textAt(namespace), toldName) };
}

/** A pod that is written again: tolerations that every pod has come back if they were taken away. */
export function readmittedPod(pod: JsonObject): JsonObject {
  return { ...pod, spec: withTolerations(objectAt(pod['spec'])) };
}

function withAccount(backend: Backend, spec: JsonObject, namespace: string, pod: string): JsonObject {
  const name = textAt(spec['serviceAccountName']) || 'default';
  const account = backend.store.get(SERVICE_ACCOUNTS, objectKey({ namespace, name }));
  if (!account) {
    const why = `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`;
    throw forbidden(PODS, pod, why);
  }
  const named = { ...spec, serviceAccountName: name, serviceAccount: name };
  const pullSecrets = listAt(account['imagePullSecrets']);
  const complete =
    listAt(spec['imagePullSecrets']).length > 0 || pullSecrets.length === 0
      ? named
      : { ...named, imagePullSecrets: pullSecrets };
  const mounts =
    spec['automountServiceAccountToken'] ?? objectAt(account)['automountServiceAccountToken'] ?? true;
  return mounts === true ? withToken(backend, complete) : complete;
}

/** A container that mounts something else there keeps it; without a container that needs it there is no volume. */
function withToken(backend: Backend, spec: JsonObject): JsonObject {
  const volumes = listAt(spec['volumes']).map(objectAt);
  const given = volumes
    .map((volume) => textAt(volume['name']))
    .find((name) => name.startsWith(VOLUME_PREFIX));
  const name = given ?? VOLUME_PREFIX + randomText(backend.random, NAME_ALPHABET, SUFFIX_LENGTH);
  const mount = { name, readOnly: true, mountPath: MOUNT_PATH };
  let isMounted = false;
  const mounted = (container: unknown): JsonObject => {
    const mounts = listAt(objectAt(container)['volumeMounts']);
    if (mounts.some((other) => objectAt(other)['mountPath'] === MOUNT_PATH)) return objectAt(container);
    isMounted = true;
    return { ...objectAt(container), volumeMounts: [...mounts, mount] };
  };
  const containers = Object.fromEntries(
    ['initContainers', 'containers'].flatMap((field) =>
      spec[field] === undefined ? [] : [[field, listAt(spec[field]).map(mounted)]],
    ),
  );
  if (!isMounted) return spec;
  const volume = { name, projected: { sources: tokenSources(), defaultMode: 420 } };
  return { ...spec, ...containers, ...(given === undefined && { volumes: [...volumes, volume] }) };
}

function withTolerations(spec: JsonObject): JsonObject {
  const given = listAt(spec['tolerations']).map(objectAt);
  const tolerates = (taint: string) =>
    given.some(
      ({ key = '', effect = '' }) =>
        (key === taint || key === '') && (effect === 'NoExecute' || effect === ''),
    );
  const added = TOLERATED_TAINTS.filter((taint) => !tolerates(taint)).map((key) => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: TOLERATION_SECONDS,
  }));
  return added.length === 0 ? spec : { ...spec, tolerations: [...given, ...added] };
}

/** There are no PriorityClasses here, so a pod that names one keeps what it says. */
function withPriority(spec: JsonObject): JsonObject {
  if (textAt(spec['priorityClassName']) !== '') return spec;
  return { priority: 0, preemptionPolicy: 'PreemptLowerPriority', ...spec };
}
