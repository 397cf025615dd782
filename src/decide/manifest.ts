// The manifest from which a bare pod is made anew: the live pod without what servers filled in, every image pinned.
import { isDeepStrictEqual } from 'node:util';
import type { Target } from '../api/incident.ts';
import type { KubeObject, OwnerReference } from '../api/meta.ts';
import { GROUP, NETWORK_STATUS_ANNOTATION, RESTARTED_FOR_ANNOTATION } from '../api/names.ts';
import { foreignLabels } from '../api/pod.ts';
import { pinnedDigest } from './images.ts';
import { pinnedImage } from './pin.ts';

type Json = Record<string, unknown>;

/** A pod as it can be created. */
export interface CleanPod {
  apiVersion: 'v1';
  kind: 'Pod';
  metadata: {
    name: string;
    namespace: string;
    labels: Record<string, string>;
    annotations: Record<string, string>;
    ownerReferences?: OwnerReference[];
  };
  spec: Json;
}

/** The manifest with what was left out of it, for people; or why there is none. */
export type Manifest =
  | { ok: true; pod: CleanPod; leftOut: string[] }
  | { ok: false; reason: 'RestartUnpinnable' | 'SpecChanged'; message: string };

/** Filled in by schedulers and by admission, which do it again. */
const FILLED_IN = ['nodeName', 'priority', 'preemptionPolicy', 'overhead', 'ephemeralContainers'];
/** Written by network plugins about the pod that was. */
const OF_NETWORKS = [
  NETWORK_STATUS_ANNOTATION,
  'cni.projectcalico.org/containerID',
  'cni.projectcalico.org/podIP',
  'cni.projectcalico.org/podIPs',
];
const TOKEN_VOLUME = /^kube-api-access-[a-z0-9]{5}$/;
const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const TOLERATED = new Set(['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']);
const TOLERATION_SECONDS = 300;
const MAX_LEFT_OUT = 16;
const MAX_TEXT = 256;

/**
 * Makes the manifest. The images are those of the record: a pod whose images somebody changed since is not made anew from
 * them. @param pod the pod as read just now.
 */
export function manifestOf(pod: KubeObject, target: Target): Manifest {
  const spec = objectAt(pod['spec']);
  const changed = changedImage(spec, target);
  if (changed !== undefined) return { ok: false, reason: 'SpecChanged', message: changed };
  const containers = pinned(spec['containers'], target.containers);
  if (!containers.ok) return containers;
  const initContainers = pinned(spec['initContainers'], target.initContainers);
  if (!initContainers.ok) return initContainers;
  const volume = listAt(spec['volumes']).find(isUnpinnedImage);
  if (volume)
    return unpinnable(`volume ${textAt(volume['name'])} is of an image that is not named by digest`);
  const { namespace, name } = target;
  const { metadata } = pod;
  return {
    ok: true,
    pod: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace,
        labels: foreignLabels(target.labelsTruncated === true ? (metadata.labels ?? {}) : target.labels),
        annotations: othersAnnotations(metadata.annotations),
        ...ownersOf(metadata.ownerReferences),
      },
      spec: cleanSpec(spec, containers.list, initContainers.list),
    },
    leftOut: leftOutOf(pod, spec),
  };
}

/** The pod of a manifest that is made for an incident. */
export function markedFor({ metadata, ...pod }: CleanPod, incidentUid: string): CleanPod {
  const annotations = { ...metadata.annotations, [RESTARTED_FOR_ANNOTATION]: incidentUid };
  return { ...pod, metadata: { ...metadata, annotations } };
}

/** Whether a pod does what the manifest says: what servers fill in is not compared. */
export function isCopyOf(pod: KubeObject, manifest: CleanPod): boolean {
  const spec = objectAt(pod['spec']);
  const clean = cleanSpec(spec, listAt(spec['containers']), listAt(spec['initContainers']));
  const { labels } = manifest.metadata;
  // Servers may add labels, as those of the node.
  const hasLabels = Object.entries(labels).every(([key, value]) => pod.metadata.labels?.[key] === value);
  return hasLabels && isDeepStrictEqual(clean, manifest.spec);
}

/** The same without a name of its own: to ask whether it would be taken while that name is in use. */
export function rehearsalOf({ metadata: { name, ...metadata }, ...pod }: CleanPod): object {
  return { ...pod, metadata: { ...metadata, generateName: `${name}-` } };
}

/** Images are recorded cut to so many characters. */
const MAX_IMAGE = 512;

// Images are all that can be changed of a running pod's containers.
function changedImage(spec: Json, { containers, initContainers = [] }: Target): string | undefined {
  const other =
    changedIn(spec['containers'], containers) ?? changedIn(spec['initContainers'], initContainers);
  return other === undefined
    ? undefined
    : `${other} is not as it was recorded when the incident was opened: somebody changed the pod in place, or it has more containers than are recorded`;
}

function changedIn(live: unknown, recorded: readonly { name: string; image: string }[]): string | undefined {
  const images = new Map(recorded.map(({ name, image }) => [name, image]));
  const containers = listAt(live);
  const other = containers.find(
    (one) => images.get(textAt(one['name'])) !== textAt(one['image']).slice(0, MAX_IMAGE),
  );
  if (other) return `container ${textAt(other['name'])}`;
  return containers.length === recorded.length ? undefined : 'its list of containers';
}

type Containers = { ok: true; list: Json[] } | { ok: false; reason: 'RestartUnpinnable'; message: string };

function pinned(
  live: unknown,
  recorded: readonly { name: string; imageID?: string | undefined }[] = [],
): Containers {
  const ids = new Map(recorded.map(({ name, imageID }) => [name, imageID]));
  const list: Json[] = [];
  for (const container of listAt(live)) {
    const name = textAt(container['name']);
    const pin = pinnedImage(textAt(container['image']), ids.get(name));
    if (!pin.ok) return unpinnable(`container ${name}: ${pin.message}`);
    list.push({ ...container, image: pin.image });
  }
  return { ok: true, list };
}

function unpinnable(message: string) {
  return { ok: false, reason: 'RestartUnpinnable', message } as const;
}

function isUnpinnedImage({ image }: Json): boolean {
  return image !== undefined && pinnedDigest(textAt(objectAt(image)['reference'])) === undefined;
}

function cleanSpec(spec: Json, containers: readonly Json[], initContainers: readonly Json[]): Json {
  const kept = Object.fromEntries(Object.entries(spec).filter(([key]) => !FILLED_IN.includes(key)));
  const volumes = listAt(spec['volumes']);
  const tokens = new Set(volumes.filter(isTokenVolume).map(({ name }) => textAt(name)));
  const without = (list: readonly Json[]) => list.map((container) => withoutMounts(container, tokens));
  const tolerations = listAt(spec['tolerations']).filter((one) => !isDefaultToleration(one));
  const own = volumes.filter((volume) => !tokens.has(textAt(volume['name'])));
  const { volumes: _volumes, tolerations: _tolerations, initContainers: _init, ...rest } = kept;
  return {
    ...rest,
    containers: without(containers),
    ...(initContainers.length > 0 && { initContainers: without(initContainers) }),
    ...(own.length > 0 && { volumes: own }),
    ...(tolerations.length > 0 && { tolerations }),
  };
}

// Admission gives the new pod its own.
function isTokenVolume({ name, projected }: Json): boolean {
  const sources = listAt(objectAt(projected)['sources']);
  return TOKEN_VOLUME.test(textAt(name)) && sources.length > 0 && sources.every(isOfToken);
}

// Whoever makes pods may give any volume such a name.
function isOfToken(source: Json): boolean {
  const [kind = '', ...others] = Object.keys(source);
  if (others.length > 0) return false;
  if (kind === 'configMap') return textAt(objectAt(source[kind])['name']) === 'kube-root-ca.crt';
  return kind === 'serviceAccountToken' || kind === 'downwardAPI';
}

function withoutMounts(container: Json, volumes: ReadonlySet<string>): Json {
  const { volumeMounts, ...rest } = container;
  const mounts = listAt(volumeMounts).filter(
    ({ name, mountPath }) => !(volumes.has(textAt(name)) && mountPath === TOKEN_PATH),
  );
  return mounts.length > 0 ? { ...rest, volumeMounts: mounts } : rest;
}

function isDefaultToleration({ key, operator, effect, tolerationSeconds }: Json): boolean {
  return (
    TOLERATED.has(textAt(key)) &&
    operator === 'Exists' &&
    effect === 'NoExecute' &&
    tolerationSeconds === TOLERATION_SECONDS
  );
}

function othersAnnotations(annotations: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).filter(([key]) => !key.startsWith(`${GROUP}/`) && !OF_NETWORKS.includes(key)),
  );
}

// To hold up the deletion of an owner takes a right on it that die-operator does not have.
function ownersOf(owners: readonly OwnerReference[] = []): Pick<CleanPod['metadata'], 'ownerReferences'> {
  if (owners.length === 0) return {};
  return { ownerReferences: owners.map(({ blockOwnerDeletion: _blocks, ...owner }) => owner) };
}

function leftOutOf({ metadata }: KubeObject, spec: Json): string[] {
  const breakGlass = Object.keys(metadata.annotations ?? {}).some(
    (key) => key === `${GROUP}/break-glass-until`,
  );
  const all = [
    ...(metadata.finalizers ?? []).map((name) => `finalizer ${name}`),
    ...listAt(spec['ephemeralContainers']).map(({ name }) => `ephemeral container ${textAt(name)}`),
    ...(breakGlass ? ['the break-glass annotation'] : []),
  ].map((text) => text.slice(0, MAX_TEXT));
  if (all.length <= MAX_LEFT_OUT) return all;
  return [...all.slice(0, MAX_LEFT_OUT - 1), `${all.length - MAX_LEFT_OUT + 1} more`];
}

function objectAt(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function listAt(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(objectAt) : [];
}

function textAt(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
