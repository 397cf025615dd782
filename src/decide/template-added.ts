// Containers of a pod that its template does not have: which of them a name excuses, and what they bring along.
import { environmentSecrets } from './template-environment.ts';
import {
  isAbsent,
  objectAt,
  objectsAt,
  shownName,
  shownPair,
  shownPart,
  textAt,
} from './template-finding.ts';
import type { Json, TemplateFinding } from './template-finding.ts';
import { isTokenMount, mountsOf } from './template-mounts.ts';
import { secretsOfContainer, type Secrets } from './template-secrets.ts';
import { beyondNetwork, securityFindings } from './template-security.ts';
import type { Volumes } from './template-volumes.ts';

/** What a container has of its pod where it says nothing itself, and by which it is judged what it may do. */
const INHERITED = ['seccompProfile', 'appArmorProfile'] as const;
/** By which a pod shares something with its node. */
const HOST_NAMESPACES = ['hostNetwork', 'hostIPC'] as const;
/** By which containers see the processes of each other, and through `/proc/<pid>/root` their files. */
const PROCESS_NAMESPACES = ['shareProcessNamespace', 'hostPID'] as const;

/** What containers are compared with besides each other. */
export interface ContainerRules {
  /** Spec of the pod. */
  pod: Json;
  volumes: Volumes;
  secrets: Secrets;
  /** `annotations` are those of the template, in which AppArmor profiles were named before Kubernetes 1.30. */
  template: { spec: Json; annotations: Json };
  /** Whether a container of that name may be added when the pod is created. */
  isAllowed: (name: string) => boolean;
  /** Whether a variable of that name may be another one. */
  isAllowedVariable: (name: string) => boolean;
}

/** Where a container is. */
export interface Place {
  /** Cleaned. */
  container: string;
  path: string;
  who: string;
}

/** The finding of a container that is not in the template; none where its name is allowed and it may do little enough. */
export function added(
  container: Json,
  { isInit, place }: { isInit: boolean; place: Place },
  rules: ContainerRules,
): TemplateFinding[] {
  const isExcused =
    rules.isAllowed(textAt(container['name'])) &&
    !hasPowers(container, isInit, rules) &&
    !seesOthers(rules) &&
    heldBy(container, rules.volumes).length === 0 &&
    secretsOfContainer(container, rules.secrets).isDisjointFrom(rules.secrets.ofTemplate);
  return isExcused ? [] : [addition('AddedContainer', container, place, rules)];
}

// Whoever makes pods chooses names: what is as good as the node is never excused by one.
function hasPowers(container: Json, isInit: boolean, { template }: ContainerRules): boolean {
  const { spec } = template;
  const { windowsOptions } = objectAt(spec['securityContext']);
  if (objectAt(windowsOptions)['hostProcess'] === true) return true;
  const context = { ...inherited(spec), ...objectAt(container['securityContext']) };
  // There the network is that of the node, and root is near its processes.
  const isOnNode = HOST_NAMESPACES.some((key) => spec[key] === true);
  const isSetup = isInit && container['restartPolicy'] !== 'Always';
  const rest = isOnNode ? context : beyondNetwork(context, isSetup);
  return securityFindings(inherited(spec), rest, { path: '', who: '' }).some(({ danger }) => danger);
}

function seesOthers({ pod }: ContainerRules): boolean {
  return PROCESS_NAMESPACES.some((key) => pod[key] === true);
}

function inherited(template: Json): Json {
  const ofPod = objectAt(template['securityContext']);
  return Object.fromEntries(INHERITED.filter((key) => !isAbsent(ofPod[key])).map((key) => [key, ofPod[key]]));
}

// Volumes that no name excuses: those of the template that can do harm, and those that may be the node.
function heldBy(container: Json, volumes: Volumes): string[] {
  const { approved, dangerous, ofNode } = volumes;
  return mountsOf(container)
    .filter((mount) => !isTokenMount(mount, volumes))
    .map(({ name }) => textAt(name))
    .filter((name) => ofNode.has(name) || (approved.has(name) && dangerous.has(name)));
}

/** The finding of a container that the template does not have, with what it may do. */
export function addition(
  kind: 'AddedContainer' | 'EphemeralContainer',
  container: Json,
  place: Place,
  rules: ContainerRules,
): TemplateFinding {
  const { path, who, container: name } = place;
  const powers = powersOf(container, place, rules);
  const image = textAt(container['image']);
  const has = powers.length > 0 ? ` and has ${shownPart(powers.join(', '))}` : '';
  const how =
    kind === 'EphemeralContainer' ? 'was added to the running pod' : 'is not in the template of the pod';
  const where = seesOthers(rules) ? ', whose containers see the files of each other' : '';
  return {
    kind,
    container: name,
    field: path,
    ...shownPair('', `image ${image}${powers.length > 0 ? ` with ${powers.join(', ')}` : ''}`),
    danger: powers.length > 0,
    message: `${who} ${how}${where}: it runs ${shownPart(image)}${has}`,
  };
}

function powersOf(container: Json, { path, who, container: name }: Place, rules: ContainerRules): string[] {
  const { volumes, template, secrets } = rules;
  const base = inherited(template.spec);
  const context = { ...base, ...objectAt(container['securityContext']) };
  const given = new Set(environmentSecrets(container));
  return [
    ...securityFindings(base, context, { path, who, container: name })
      .filter(({ danger }) => danger)
      .map(({ field, runs }) => `${field.slice(`${path}.securityContext.`.length)} ${runs}`),
    ...mountedBy(container)
      .filter((volume) => volumes.dangerous.has(volume) && volume !== volumes.token)
      .map((volume) => `volume ${shownName(volume)}`),
    ...[...secretsOfContainer(container, secrets)]
      .filter((secret) => given.has(secret) || secrets.ofTemplate.has(secret))
      .map((secret) => `${secret}${secrets.ofTemplate.has(secret) ? ' of the template' : ''}`),
  ];
}

/** Names of volumes that only containers mount which were added and are allowed. */
export function volumesOfAllowed(
  pod: Json,
  template: Json,
  isAllowed: (name: string) => boolean,
): Set<string> {
  const [ofAllowed, ofOthers] = [new Set<string>(), new Set<string>()];
  for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
    const approved = new Set(objectsAt(template[list]).map(({ name }) => textAt(name)));
    for (const container of objectsAt(pod[list])) {
      const name = textAt(container['name']);
      const isOfAllowed = list !== 'ephemeralContainers' && !approved.has(name) && isAllowed(name);
      const into = isOfAllowed ? ofAllowed : ofOthers;
      for (const volume of mountedBy(container)) into.add(volume);
    }
  }
  return ofAllowed.difference(ofOthers);
}

function mountedBy(container: Json): string[] {
  return [...new Set(mountsOf(container).map(({ name }) => textAt(name)))];
}
