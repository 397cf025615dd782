// Which credentials were within reach of a pod. Names only: no value is read, let alone kept.
import type { KubeObject } from '../../api/meta.ts';

/** What names a credential, and the ways by which the pod reached it. */
export interface ReachedObject {
  name: string;
  /** E.g. `volume certs`, `env DB_PASSWORD of container app (key password)`. */
  reachedBy: string[];
}

/** Content of `rotate.json`. */
export interface CredentialsWithinReach {
  purpose: string;
  serviceAccount: {
    name: string;
    /** Volumes with a token for it; whoever had the pod could act as it until the token ends. */
    tokens: { volume: string; audience: string; expirationSeconds: number }[];
    /** Secrets that the ServiceAccount lists: tokens without an end in old clusters. */
    secrets: string[];
  };
  secrets: ReachedObject[];
  configMaps: ReachedObject[];
  /** SecretProviderClasses of the Secrets Store CSI driver: secrets that live outside of the cluster. */
  secretProviderClasses: ReachedObject[];
}

interface Named {
  name?: string;
}
interface Keyed extends Named {
  key?: string;
}
interface RawContainer {
  name: string;
  env?: { name: string; valueFrom?: { secretKeyRef?: Keyed; configMapKeyRef?: Keyed } }[];
  envFrom?: { secretRef?: Named; configMapRef?: Named }[];
}
interface RawVolume {
  name: string;
  secret?: { secretName?: string };
  configMap?: Named;
  projected?: {
    sources?: {
      secret?: Named;
      configMap?: Named;
      serviceAccountToken?: { audience?: string; expirationSeconds?: number };
    }[];
  };
  csi?: { driver?: string; volumeAttributes?: Record<string, string> };
}
interface RawPodSpec {
  serviceAccountName?: string;
  volumes?: RawVolume[];
  initContainers?: RawContainer[];
  containers?: RawContainer[];
  ephemeralContainers?: RawContainer[];
}

type Kind = 'secrets' | 'configMaps' | 'secretProviderClasses';
interface Reach {
  kind: Kind;
  name: string | undefined;
  by: string;
}

const PURPOSE =
  'Credentials that were within reach of the pod: rotate these. Names only. ' +
  'Not seen from here: values written into the image or the pod itself, files on other volumes, identities that the node or the cloud gives.';
const SECRETS_STORE_DRIVER = 'secrets-store.csi.k8s.io';
// Defaults of the API server for a projected token.
const DEFAULT_AUDIENCE = 'the API server';
const DEFAULT_EXPIRATION_SECONDS = 3600;

/** Names what the pod mounts or takes its environment from, and its ServiceAccount with the tokens of it. */
export function credentialsWithinReach(
  pod: KubeObject,
  serviceAccount: KubeObject | undefined,
): CredentialsWithinReach {
  const spec = (pod['spec'] ?? {}) as RawPodSpec;
  const volumes = spec.volumes ?? [];
  const reaches = [...volumes.flatMap(reachOfVolume), ...containersOf(spec).flatMap(reachOfContainer)];
  const secrets = (serviceAccount?.['secrets'] ?? []) as Named[];
  return {
    purpose: PURPOSE,
    serviceAccount: {
      name: spec.serviceAccountName ?? 'default',
      tokens: volumes.flatMap(tokensOf),
      secrets: secrets.flatMap(({ name }) => name ?? []),
    },
    secrets: grouped(reaches, 'secrets'),
    configMaps: grouped(reaches, 'configMaps'),
    secretProviderClasses: grouped(reaches, 'secretProviderClasses'),
  };
}

function containersOf(spec: RawPodSpec): RawContainer[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

function tokensOf({ name, projected }: RawVolume) {
  return (projected?.sources ?? []).flatMap(({ serviceAccountToken: token }) =>
    token
      ? {
          volume: name,
          audience: token.audience ?? DEFAULT_AUDIENCE,
          expirationSeconds: token.expirationSeconds ?? DEFAULT_EXPIRATION_SECONDS,
        }
      : [],
  );
}

function reachOfVolume(volume: RawVolume): Reach[] {
  const by = `volume ${volume.name}`;
  const sources = [
    { secret: { name: volume.secret?.secretName }, configMap: volume.configMap },
    ...(volume.projected?.sources ?? []),
  ];
  const external = volume.csi?.driver === SECRETS_STORE_DRIVER ? volume.csi.volumeAttributes : undefined;
  return [
    ...sources.flatMap(({ secret, configMap }): Reach[] => [
      { kind: 'secrets', name: secret?.name, by },
      { kind: 'configMaps', name: configMap?.name, by },
    ]),
    { kind: 'secretProviderClasses', name: external?.['secretProviderClass'], by },
  ];
}

function reachOfContainer(container: RawContainer): Reach[] {
  const all = `whole environment of container ${container.name}`;
  const single = (name: string, key: string | undefined) =>
    `env ${name} of container ${container.name} (key ${key ?? ''})`;
  return [
    ...(container.envFrom ?? []).flatMap(({ secretRef, configMapRef }): Reach[] => [
      { kind: 'secrets', name: secretRef?.name, by: all },
      { kind: 'configMaps', name: configMapRef?.name, by: all },
    ]),
    ...(container.env ?? []).flatMap(({ name, valueFrom }): Reach[] => {
      const { secretKeyRef: secret, configMapKeyRef: configMap } = valueFrom ?? {};
      return [
        { kind: 'secrets', name: secret?.name, by: single(name, secret?.key) },
        { kind: 'configMaps', name: configMap?.name, by: single(name, configMap?.key) },
      ];
    }),
  ];
}

function grouped(reaches: readonly Reach[], kind: Kind): ReachedObject[] {
  const byName = new Map<string, string[]>();
  for (const { name, by } of reaches.filter((reach) => reach.kind === kind))
    if (name) byName.set(name, [...(byName.get(name) ?? []), by]);
  return [...byName].map(([name, reachedBy]) => ({ name, reachedBy }));
}
