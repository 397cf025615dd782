// Where a running pod differs from the template that it was made from, leaving out what Kubernetes itself adds to pods.
import { anyGlob } from './image-patterns.ts';
import { volumesOfAllowed } from './template-added.ts';
import { containerFindings } from './template-containers.ts';
import {
  canonical,
  isAbsent,
  objectAt,
  objectsAt,
  shownPair,
  shownPart,
  TEMPLATE_FINDING_KINDS,
  textAt,
} from './template-finding.ts';
import type { Json, TemplateFinding } from './template-finding.ts';
import { readSecrets } from './template-secrets.ts';
import { securityFindings } from './template-security.ts';
import { readVolumes, volumeFindings } from './template-volumes.ts';

export type { TemplateFinding, TemplateFindingKind } from './template-finding.ts';

/** Findings that are told of one pod. */
export const MAX_TEMPLATE_FINDINGS = 32;

/** A pod template: `spec.template` of its owner, with the defaults of the API server. */
export interface PodTemplate {
  metadata?: unknown;
  spec?: unknown;
}

/** What is known of the pod besides. */
export interface TemplateOptions {
  /**
   * Patterns on the names of containers that admission may add, with the volumes that only they mount. They never excuse an
   * ephemeral container, one that may do more than set up the network of its pod, uses a secret of the template or sees the
   * processes of others, nor a volume that may be as good as the node.
   */
  allowedContainers: readonly string[];
  /**
   * Patterns on the names of volumes that admission may add, with their mounts; never what may be as good as the node, nor a
   * mount that hides one of the template.
   */
  allowedVolumes?: readonly string[];
  /** Patterns on the names of variables, and of what `envFrom` names, that may be others. */
  allowedVariables?: readonly string[];
  /** Kind of the controller that made the pod. */
  ownerKind: string;
  /**
   * Names of the `volumeClaimTemplates` of a StatefulSet. Absent where the set is gone: what containers of the template mount
   * and the template does not have is a claim.
   */
  claimTemplates?: readonly string[];
}

/** What of the pod as a whole is compared, other than its security context. */
const POD_FIELDS: readonly {
  key: string;
  kind: 'HostNamespace' | 'ServiceAccount' | 'SecurityContext';
  /** What it means where it is not set. */
  unset?: unknown;
  widens: (approved: unknown, runs: unknown) => boolean;
}[] = [
  { key: 'hostNetwork', kind: 'HostNamespace', unset: false, widens: isTrue },
  { key: 'hostPID', kind: 'HostNamespace', unset: false, widens: isTrue },
  { key: 'hostIPC', kind: 'HostNamespace', unset: false, widens: isTrue },
  { key: 'shareProcessNamespace', kind: 'HostNamespace', unset: false, widens: isTrue },
  // Without a user namespace of its own root in the pod is root on the node.
  { key: 'hostUsers', kind: 'HostNamespace', unset: true, widens: isTrue },
  { key: 'serviceAccountName', kind: 'ServiceAccount', unset: 'default', widens: () => true },
  { key: 'automountServiceAccountToken', kind: 'ServiceAccount', widens: (_, runs) => runs !== false },
  // A sandbox is named there.
  { key: 'runtimeClassName', kind: 'SecurityContext', widens: (approved) => approved !== undefined },
];

/**
 * Compares a pod, as the API server sends it, with its template. Kubernetes adds to pods beyond their template, and these are no
 * findings: the volume and mounts of the service account's token, in exactly that shape; claims of a StatefulSet; AppArmor
 * profiles of annotations; and everything that is not compared at all, as tolerations, affinity, resources, pull policy and
 * secrets, host name, variables that load no code and hold no secret, and labels. Dangerous ones come first, then by kind; of more than
 * {@link MAX_TEMPLATE_FINDINGS} the last one counts the rest. Never throws, whatever the objects hold.
 */
export function templateDrift(
  pod: { metadata?: unknown; spec?: unknown },
  template: PodTemplate,
  options: TemplateOptions,
): TemplateFinding[] {
  const [runs, approved] = [objectAt(pod.spec), objectAt(template.spec)];
  const isAllowed = anyGlob(options.allowedContainers);
  const podName = textAt(objectAt(pod.metadata)['name']);
  const claims = claimsOf(approved, options);
  const isAllowedVolume = anyGlob(options.allowedVolumes ?? []);
  const all = { pod: runs, template: approved, podName, claims, isAllowed: isAllowedVolume };
  const volumes = readVolumes(all);
  const excused = volumesOfAllowed(runs, approved, isAllowed);
  const annotations = objectAt(objectAt(template.metadata)['annotations']);
  const found = [
    ...containerFindings({
      pod: runs,
      volumes,
      secrets: readSecrets(approved, volumes),
      template: { spec: approved, annotations },
      isAllowed,
      isAllowedVariable: anyGlob(options.allowedVariables ?? []),
    }),
    ...securityFindings(approved['securityContext'], runs['securityContext'], {
      path: 'spec',
      who: 'the pod',
    }),
    ...podFindings(runs, approved),
    ...volumeFindings(volumes, (name) => excused.has(name)),
  ];
  return bounded(found.toSorted(inOrder));
}

function podFindings(runs: Json, approved: Json): TemplateFinding[] {
  return POD_FIELDS.flatMap(({ key, kind, unset, widens }) => {
    const [before, now] = [fieldOf(approved, key), fieldOf(runs, key)];
    const [a, b] = [before ?? unset, now ?? unset];
    if (canonical(a) === canonical(b)) return [];
    const texts = shownPair(wordOf(before), wordOf(now));
    const message = `the pod has ${key} ${shownPart(texts.runs)} where its template has ${shownPart(texts.approved)}`;
    return [{ kind, field: `spec.${key}`, ...texts, danger: widens(a, b), message }];
  });
}

function fieldOf(spec: Json, key: string): unknown {
  // The older name of the same field, which the API server keeps equal.
  const value = key === 'serviceAccountName' && isAbsent(spec[key]) ? spec['serviceAccount'] : spec[key];
  return isAbsent(value) ? undefined : value;
}

function wordOf(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : canonical(value);
}

function claimsOf(template: Json, { ownerKind, claimTemplates }: TemplateOptions): readonly string[] {
  if (ownerKind !== 'StatefulSet') return [];
  if (claimTemplates) return claimTemplates;
  const own = new Set(objectsAt(template['volumes']).map(({ name }) => textAt(name)));
  const mounted = ['containers', 'initContainers']
    .flatMap((list) => objectsAt(template[list]))
    .flatMap((one) => [...objectsAt(one['volumeMounts']), ...objectsAt(one['volumeDevices'])])
    .map(({ name }) => textAt(name));
  return [...new Set(mounted).difference(own)];
}

function isTrue(_: unknown, runs: unknown): boolean {
  return runs === true;
}

function inOrder(a: TemplateFinding, b: TemplateFinding): number {
  return (
    Number(b.danger) - Number(a.danger) ||
    TEMPLATE_FINDING_KINDS.indexOf(a.kind) - TEMPLATE_FINDING_KINDS.indexOf(b.kind) ||
    compare(a.field, b.field)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function bounded(found: readonly TemplateFinding[]): TemplateFinding[] {
  if (found.length <= MAX_TEMPLATE_FINDINGS) return [...found];
  const rest = found.slice(MAX_TEMPLATE_FINDINGS - 1);
  const message = `the pod differs in ${rest.length} more fields from its template`;
  const [first] = rest;
  return [
    ...found.slice(0, MAX_TEMPLATE_FINDINGS - 1),
    ...(first ? [{ ...withoutContainer(first), field: 'spec', ...shownPair('', ''), message }] : []),
  ];
}

function withoutContainer({ container: _container, ...finding }: TemplateFinding): TemplateFinding {
  return finding;
}
