// Where the volumes of a pod differ from its template, and what of them Kubernetes adds itself: the token of the service
// account, and the claims of a StatefulSet.
import {
  canonical,
  isAbsent,
  objectAt,
  objectsAt,
  shownName,
  shownPair,
  shownPart,
  textAt,
} from './template-finding.ts';
import type { Json, TemplateFinding } from './template-finding.ts';

const TOKEN_PREFIX = 'kube-api-access-';
/** After the prefix, as the API server makes it: the characters of k8s.io/apimachinery's `rand.String`. */
const TOKEN_SUFFIX = /^[bcdfghjklmnpqrstvwxz2456789]{5}$/;
/** Seconds: `WarnOnlyBoundTokenExpirationSeconds`, and without the extended expiration the default. */
const TOKEN_SECONDS = [3607, 3600];
/** Certificates that go into it; the second is OpenShift's. */
const TOKEN_CERTIFICATES: readonly (readonly [configMap: string, file: string])[] = [
  ['kube-root-ca.crt', 'ca.crt'],
  ['openshift-service-ca.crt', 'service-ca.crt'],
];
/** Volumes that hold nothing but what the pod writes or everybody in the namespace may know. */
const HARMLESS = new Set(['emptyDir', 'configMap', 'downwardAPI', 'ephemeral']);
/**
 * Volumes that a name can excuse: what Kubernetes fills for the pod, what is empty, and what a driver hands out. Others are a
 * folder of the node, or data and shares whose content nobody here knows.
 */
const EXCUSABLE = new Set([...HARMLESS, 'csi', 'image', 'projected', 'secret']);
const HARMLESS_SOURCES = new Set(['configMap', 'downwardAPI', 'clusterTrustBundle']);
/** What the API server fills in (pkg/apis/core/v1/defaults.go). */
const DEFAULTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['defaultMode', 420],
  ['expirationSeconds', 3600],
  ['apiVersion', 'v1'],
  ['volumeMode', 'Filesystem'],
]);

/** The volumes of a pod and of its template. */
export interface Volumes {
  /** Of the template and those that its controller adds, by name. */
  approved: ReadonlyMap<string, Json>;
  runs: readonly Json[];
  /** Names of volumes that can do harm. */
  dangerous: ReadonlySet<string>;
  /** Names of volumes that may be as good as the node: no name excuses them. */
  ofNode: ReadonlySet<string>;
  /** Names of volumes that the template does not have and whose name is allowed. */
  allowed: ReadonlySet<string>;
  /** The one that admission adds for the token of the service account. */
  token: string | undefined;
  /** The one whose mounts admission adds: that, or one of the template that has such a name. */
  tokenMounted: string | undefined;
}

/**
 * Reads the volumes.
 * @param input `claims` are names of the claim templates of a StatefulSet, `isAllowed` whether a volume of that name may be added.
 */
export function readVolumes(input: {
  pod: Json;
  template: Json;
  podName: string;
  claims: readonly string[];
  isAllowed: (name: string) => boolean;
}): Volumes {
  const { pod, template, podName, claims, isAllowed } = input;
  const runs = objectsAt(pod['volumes']);
  const given = objectsAt(template['volumes']);
  // A claim takes the place of a volume of that name.
  const claimed = claims.map((name) => ({
    name,
    persistentVolumeClaim: { claimName: `${name}-${podName}` },
  }));
  const approved = new Map([...given, ...claimed].map((volume) => [textAt(volume['name']), volume]));
  const token = pod['automountServiceAccountToken'] === false ? undefined : addedToken(runs, approved);
  const ofNode = new Set(runs.filter((volume) => !isExcusable(volume)).map(({ name }) => textAt(name)));
  const names = runs.map(({ name }) => textAt(name));
  return {
    approved,
    runs,
    ofNode,
    allowed: new Set(names.filter((one) => isAllowed(one) && !approved.has(one) && !ofNode.has(one))),
    dangerous: new Set(runs.filter(isDangerous).map(({ name }) => textAt(name))),
    token,
    tokenMounted: token ?? ownToken(runs, approved),
  };
}

// Admission adds one at most.
function addedToken(runs: readonly Json[], approved: ReadonlyMap<string, Json>): string | undefined {
  const [token, ...others] = runs.filter(
    (volume) => isTokenVolume(volume) && !approved.has(textAt(volume['name'])),
  );
  return token && others.length === 0 ? textAt(token['name']) : undefined;
}

// Admission takes the first volume with such a name for its own, whatever it is.
function ownToken(runs: readonly Json[], approved: ReadonlyMap<string, Json>): string | undefined {
  const name = runs.map((volume) => textAt(volume['name'])).find((one) => one.startsWith(TOKEN_PREFIX));
  return name !== undefined && approved.has(name) ? name : undefined;
}

/** Compares the volumes. @param isExcused whether an added volume belongs to somebody who may be there. */
export function volumeFindings(volumes: Volumes, isExcused: (name: string) => boolean): TemplateFinding[] {
  const { approved, runs, token, allowed, ofNode } = volumes;
  const there = new Set(runs.map(({ name }) => textAt(name)));
  const changed = runs.flatMap((volume) => {
    const name = textAt(volume['name']);
    if (name === token) return [];
    const before = approved.get(name);
    if (before && sourceText(before) === sourceText(volume)) return [];
    const isFine = !before && !ofNode.has(name) && (allowed.has(name) || isExcused(name));
    return isFine ? [] : [volumeFinding(name, before, volume)];
  });
  const missing = [...approved].filter(([name]) => !there.has(name));
  return [...changed, ...missing.map(([name, volume]) => volumeFinding(name, volume, undefined))];
}

function volumeFinding(name: string, approved: Json | undefined, runs: Json | undefined): TemplateFinding {
  const texts = shownPair(approved ? sourceText(approved) : '', runs ? sourceText(runs) : '');
  const shown = shownName(name);
  return {
    kind: 'Volume',
    field: `spec.volumes[${shown}]`,
    ...texts,
    danger: runs !== undefined && isDangerous(runs),
    message: runs
      ? `volume ${shown} is ${shownPart(texts.runs)} where its template has ${shownPart(texts.approved)}`
      : `the pod lacks volume ${shown} of its template`,
  };
}

// A volume without a source is an emptyDir. Who pulls an image, and when, is not compared: admission may change it.
function sourceText(volume: Json): string {
  const isDefault = (key: string, value: unknown) =>
    value === false || key === 'pullPolicy' || (DEFAULTS.has(key) && DEFAULTS.get(key) === value);
  const sources = sourcesOf(volume).map(([kind, source]) => {
    const rest = canonical(source, isDefault);
    return rest === '{}' ? kind : `${kind} ${rest}`;
  });
  return sources.length === 0 ? 'emptyDir' : sources.toSorted().join(' and ');
}

/** The API server takes one. None is an `emptyDir`. */
export function sourcesOf(volume: Json): [kind: string, source: unknown][] {
  return Object.entries(volume).filter(
    ([key, value]) => key !== 'name' && value !== undefined && value !== null,
  );
}

function isExcusable(volume: Json): boolean {
  return sourcesOf(volume).every(([kind]) => EXCUSABLE.has(kind));
}

function isDangerous(volume: Json): boolean {
  return sourcesOf(volume).some(([kind, source]) => {
    if (HARMLESS.has(kind)) return false;
    if (kind !== 'projected') return true;
    return objectsAt(objectAt(source)['sources']).some((one) =>
      Object.entries(one).some(([key, value]) => !HARMLESS_SOURCES.has(key) && !isAbsent(value)),
    );
  });
}

/** Whether the volume is just what admission adds; whoever makes pods may give any volume such a name. */
function isTokenVolume(volume: Json): boolean {
  const name = textAt(volume['name']);
  if (!name.startsWith(TOKEN_PREFIX) || !TOKEN_SUFFIX.test(name.slice(TOKEN_PREFIX.length))) return false;
  return TOKEN_SECONDS.some((seconds) =>
    [1, 2].some((count) => sourceText(volume) === sourceText(tokenVolume(seconds, count))),
  );
}

function tokenVolume(expirationSeconds: number, certificates: number): Json {
  const namespace = { path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } };
  const [cluster, service] = TOKEN_CERTIFICATES.slice(0, certificates).map(([name, file]) => ({
    configMap: { name, items: [{ key: file, path: file }] },
  }));
  const sources = [
    { serviceAccountToken: { expirationSeconds, path: 'token' } },
    cluster,
    { downwardAPI: { items: [namespace] } },
    ...(service ? [service] : []),
  ];
  return { projected: { sources } };
}
