// Where the security context of a pod or container differs from its template, field by field, and which difference gives it
// more rights.
import {
  canonical,
  isAbsent,
  objectAt,
  objectsAt,
  shownPair,
  shownPart,
  textAt,
} from './template-finding.ts';
import type { Json, TemplateFinding } from './template-finding.ts';

/** How one field is compared. */
interface Rule {
  /** What it means where it is not set. Absent: nothing else means the same. */
  unset?: unknown;
  /** What of the value counts. */
  reduce?: (value: unknown) => unknown;
  /** Whether what runs may do more. Asked only where the two differ. */
  widens: (approved: unknown, runs: unknown) => boolean;
}

const never = () => false;

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['privileged', { unset: false, widens: (_, runs) => runs === true }],
  ['allowPrivilegeEscalation', { unset: true, widens: (_, runs) => runs !== false }],
  ['readOnlyRootFilesystem', { unset: false, widens: (_, runs) => runs !== true }],
  // False is more than nothing: it overrules what the pod says for all of its containers.
  ['runAsNonRoot', { widens: (approved, runs) => runs === false || (approved === true && runs !== true) }],
  ['runAsUser', { widens: becomesRoot }],
  ['runAsGroup', { widens: becomesRoot }],
  ['fsGroup', { widens: (_, runs) => runs === 0 }],
  ['fsGroupChangePolicy', { unset: 'Always', widens: never }],
  ['supplementalGroups', { reduce: sorted, widens: hasMore }],
  ['supplementalGroupsPolicy', { unset: 'Merge', widens: (_, runs) => runs !== 'Strict' }],
  ['sysctls', { reduce: sysctls, widens: hasMore }],
  ['procMount', { unset: 'Default', widens: (_, runs) => runs !== 'Default' }],
  ['seccompProfile', { widens: confinesLess }],
  ['appArmorProfile', { widens: confinesLess }],
  ['seLinuxOptions', { widens: labelsMore }],
  ['seLinuxChangePolicy', { widens: never }],
  ['windowsOptions', { widens: isMoreOnWindows }],
]);
/** For fields of a later Kubernetes. */
const UNKNOWN: Rule = { widens: never };
const ALL = 'ALL';
/** What it takes to redirect the packets of a pod, in its own network. */
const NETWORK_CAPABILITIES: ReadonlySet<string> = new Set(['NET_ADMIN', 'NET_RAW']);
/** By which a container runs as root. */
const ROOT = new Map<string, unknown>([
  ['runAsUser', 0],
  ['runAsGroup', 0],
  ['runAsNonRoot', false],
]);

/** Where a security context is. */
export interface SecurityPlace {
  /** Path of what has it, as `spec.containers[web]`. */
  path: string;
  /** For people: `container web`, `the pod`. */
  who: string;
  container?: string;
}

/** Compares two security contexts. */
export function securityFindings(approved: unknown, runs: unknown, place: SecurityPlace): TemplateFinding[] {
  const [before, now] = [objectAt(approved), objectAt(runs)];
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  keys.delete('capabilities');
  const path = `${place.path}.securityContext`;
  const powers = capabilityFindings(objectAt(before['capabilities']), objectAt(now['capabilities']));
  const fields = [...keys].flatMap((key) => {
    const rule = RULES.get(key) ?? UNKNOWN;
    const [a, b] = [valueOf(before[key], rule), valueOf(now[key], rule)];
    const isSame = canonical(a) === canonical(b);
    return isSame ? [] : [{ key, approved: before[key], runs: now[key], danger: rule.widens(a, b) }];
  });
  return [...powers, ...fields].map((one) => securityFinding(one, path, place));
}

interface Difference {
  key: string;
  approved: unknown;
  runs: unknown;
  danger: boolean;
}

function securityFinding(difference: Difference, path: string, place: SecurityPlace): TemplateFinding {
  const { who, container } = place;
  const { key, danger } = difference;
  const name = shownPart(key);
  const [approved, runs] = [plain(difference.approved), plain(difference.runs)];
  return {
    kind: 'SecurityContext',
    ...(container !== undefined && { container }),
    field: `${path}.${name}`,
    ...shownPair(approved, runs),
    danger,
    message: `${who} has ${name} ${shownPart(runs)} where its template has ${shownPart(approved)}`,
  };
}

function plain(value: unknown): string {
  if (isAbsent(value)) return '';
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join(', ');
  return typeof value === 'string' ? value : canonical(value);
}

function valueOf(value: unknown, { unset, reduce }: Rule): unknown {
  const set = isAbsent(value) ? unset : value;
  return reduce ? reduce(set) : set;
}

function capabilityFindings(before: Json, now: Json): Difference[] {
  const lists = (key: string) => [capabilities(before[key]), capabilities(now[key])] as const;
  const [addedBefore, added] = lists('add');
  const [droppedBefore, dropped] = lists('drop');
  const all: Difference[] = [
    {
      key: 'capabilities.add',
      approved: addedBefore,
      runs: added,
      danger: !addedBefore.includes(ALL) && hasMore(addedBefore, added),
    },
    {
      key: 'capabilities.drop',
      approved: droppedBefore,
      runs: dropped,
      danger: !dropped.includes(ALL) && hasMore(dropped, droppedBefore),
    },
  ];
  return all.filter(({ approved, runs }) => canonical(approved) !== canonical(runs));
}

// Runtimes take them with and without CAP_ and in any case; beside ALL the others say nothing.
function capabilities(value: unknown): string[] {
  const names = (Array.isArray(value) ? value : []).map((one) =>
    textAt(one).toUpperCase().replace(/^CAP_/, ''),
  );
  return names.includes(ALL) ? [ALL] : [...new Set(names)].toSorted();
}

/**
 * The security context without what it takes to set up the network of a pod, as service meshes do.
 * @param mayBeRoot whether that it runs as root belongs to it.
 */
export function beyondNetwork(context: Json, mayBeRoot: boolean): Json {
  const { capabilities: given, ...rest } = context;
  const add = capabilities(objectAt(given)['add']).filter((name) => !NETWORK_CAPABILITIES.has(name));
  const isRoot = ([key, value]: [string, unknown]) => ROOT.has(key) && ROOT.get(key) === value;
  const left = Object.entries(rest).filter((entry) => !mayBeRoot || !isRoot(entry));
  return { ...Object.fromEntries(left), capabilities: { add } };
}

function sorted(value: unknown): unknown {
  return Array.isArray(value) ? value.map(canonicalOf).toSorted() : undefined;
}

function sysctls(value: unknown): string[] {
  return objectsAt(value)
    .map(({ name, value: set }) => `${textAt(name)}=${textAt(set)}`)
    .toSorted();
}

function canonicalOf(value: unknown): string {
  return canonical(value);
}

function hasMore(approved: unknown, runs: unknown): boolean {
  const before = new Set<unknown>(Array.isArray(approved) ? approved : []);
  return Array.isArray(runs) && runs.some((one) => !before.has(one));
}

// Without a user of its own a container runs as its image says, which may be root.
function becomesRoot(approved: unknown, runs: unknown): boolean {
  return runs === 0 || (runs === undefined && approved !== 0);
}

function isConfined(profile: unknown): boolean {
  const { type } = objectAt(profile);
  return type === 'RuntimeDefault' || type === 'Localhost';
}

function confinesLess(approved: unknown, runs: unknown): boolean {
  const { type } = objectAt(runs);
  // Nobody here knows what is in a profile of the node.
  return type === 'Unconfined' || (type !== 'RuntimeDefault' && isConfined(approved));
}

function labelsMore(approved: unknown, runs: unknown): boolean {
  const [before, now] = [objectAt(approved), objectAt(runs)];
  const isOther = (key: string) => textAt(before[key]) !== textAt(now[key]);
  if (isOther('user') || isOther('role')) return true;
  // The type of every container that asks for none; a level is given to pods that ask for none by some admission.
  if (isOther('type') && now['type'] !== 'container_t') return true;
  return isOther('level') && !isAbsent(before['level']);
}

function isMoreOnWindows(approved: unknown, runs: unknown): boolean {
  const [before, now] = [objectAt(approved), objectAt(runs)];
  const onNode = now['hostProcess'] === true && before['hostProcess'] !== true;
  return onNode || textAt(now['runAsUserName']) !== textAt(before['runAsUserName']);
}

/**
 * The security context of a container of the template as the API server writes it into pods: an AppArmor profile in the
 * deprecated annotation becomes the field, unless all of the pod has that profile.
 */
export function contextOf(container: Json, template: { spec: Json; annotations: Json }): Json {
  const context = objectAt(container['securityContext']);
  const ofPod = objectAt(template.spec['securityContext'])['appArmorProfile'];
  const profile = annotated(template.annotations, textAt(container['name']));
  const isWritten =
    profile && isAbsent(context['appArmorProfile']) && canonical(profile) !== canonical(ofPod);
  return isWritten ? { ...context, appArmorProfile: profile } : context;
}

function annotated(annotations: Json, container: string): Json | undefined {
  const named = textAt(annotations[`container.apparmor.security.beta.kubernetes.io/${container}`]);
  if (named === 'runtime/default') return { type: 'RuntimeDefault' };
  if (named === 'unconfined') return { type: 'Unconfined' };
  const prefix = 'localhost/';
  if (!named.startsWith(prefix)) return undefined;
  return { type: 'Localhost', localhostProfile: named.slice(prefix.length) };
}
