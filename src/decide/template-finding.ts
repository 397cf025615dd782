// What differs between a running pod and its approved template, and the texts that tell it. Tenants write pods: nothing in
// here throws for what they write, and what is shown is cut and holds nothing but printable ASCII.

/** In what a pod can differ, in the order in which findings are told. */
export const TEMPLATE_FINDING_KINDS = [
  'EphemeralContainer',
  'AddedContainer',
  'Image',
  'Command',
  'Environment',
  'SecurityContext',
  'HostNamespace',
  'ServiceAccount',
  'Volume',
  'VolumeMount',
  'MissingContainer',
  'Controller',
] as const;
/** See {@link TEMPLATE_FINDING_KINDS}. */
export type TemplateFindingKind = (typeof TEMPLATE_FINDING_KINDS)[number];

/** One difference. */
export interface TemplateFinding {
  kind: TemplateFindingKind;
  /** Name of the container; absent where it is the pod's. */
  container?: string;
  /** Path in the pod, lists by name: `spec.containers[web].securityContext.privileged`. */
  field: string;
  /** What the template says, up to {@link MAX_SHOWN} characters; `nothing` where it says nothing. */
  approved: string;
  /** What the pod says, likewise. Of a Command both may hold secrets that somebody put into arguments; `message` has none. */
  runs: string;
  /**
   * Whether the pod may do more by it: privileged, a capability, root, something of the node, a secret, no seccomp. False for
   * another image or command, which has the same rights.
   */
  danger: boolean;
  /** A clause for people, without a full stop. */
  message: string;
}

/** A JSON object of which nothing is known. */
export type Json = Readonly<Record<string, unknown>>;

/** Longest `approved` and `runs`, in characters. */
export const MAX_SHOWN = 256;
/** What stands where one side says nothing. */
export const NOTHING = 'nothing';
const MAX_NAME = 63;
/** An image with its digest has room. */
const MAX_CLAUSE_PART = 200;
/** Deeper than any part of a pod; what is below counts as the same. */
const MAX_DEPTH = 16;
/** Where texts differ late only, so much of what is before that is shown. */
const LEAD = 64;

/** The value as an object; an empty one if it is none. */
export function objectAt(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** The objects of a list; what is no list is empty. */
export function objectsAt(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(objectAt) : [];
}

/** The value as a text; empty if it is none. */
export function textAt(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Whether Kubernetes reads the value as if it were not there. */
export function isAbsent(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/**
 * JSON with sorted keys and without what counts as absent, so that equal values give equal texts.
 * @param isDefault whether a field has what the API server fills in.
 */
export function canonical(
  value: unknown,
  isDefault: (key: string, value: unknown) => boolean = () => false,
): string {
  return JSON.stringify(clean(value, isDefault, 0)) ?? '';
}

function clean(value: unknown, isDefault: (key: string, value: unknown) => boolean, depth: number): unknown {
  if (depth > MAX_DEPTH) return 'too deep to be compared';
  if (Array.isArray(value)) return value.map((one: unknown) => clean(one, isDefault, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key, inner]) => !isAbsent(inner) && !isDefault(key, inner))
    .map(([key, inner]) => [key, clean(inner, isDefault, depth + 1)] as const)
    .filter(([, inner]) => !isAbsent(inner));
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** A name in a path or a clause. */
export function shownName(name: string): string {
  return shown(name, MAX_NAME);
}

/** A short text in a clause. */
export function shownPart(text: string): string {
  return text === '' ? NOTHING : shown(text, MAX_CLAUSE_PART);
}

/** Both texts as they are shown: of long ones that begin alike the part where they differ. */
export function shownPair(approved: string, runs: string): Pick<TemplateFinding, 'approved' | 'runs'> {
  const start = Math.max(approved.length, runs.length) > MAX_SHOWN ? sameStart(approved, runs) : 0;
  const from = start > LEAD ? start - LEAD : 0;
  const part = (text: string) => {
    if (text === '') return NOTHING;
    return shown(from > 0 ? `...${text.slice(from)}` : text, MAX_SHOWN);
  };
  return { approved: part(approved), runs: part(runs) };
}

function sameStart(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let at = 0; at < end; at += 1) if (a[at] !== b[at]) return at;
  return end;
}

// Escaped rather than replaced: two texts that look alike must not be shown as the same.
function shown(text: string, max: number): string {
  const plain = text
    .slice(0, max + 1)
    .replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return plain.length > max ? `${plain.slice(0, max - 3)}...` : plain;
}
