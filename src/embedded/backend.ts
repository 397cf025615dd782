// What every operation of the API works on, and the options that every write has.
import type { KubeObject } from '../api/meta.ts';
import type { Clock, Random } from '../kube/clock.ts';
import type { Resource } from '../kube/resources.ts';
import type { AccessHook } from './access-reviews.ts';
import type { AdmissionHook } from './admission.ts';
import { objectAt, type JsonObject } from './json.ts';
import type { ServedKind } from './kinds.ts';
import { invalid } from './status.ts';
import type { Store } from './store.ts';
import type { Validators } from './validators.ts';

/** The parts of one embedded API. */
export interface Backend {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly validators: Validators;
  readonly admission: readonly AdmissionHook[];
  readonly access: readonly AccessHook[];
  /** Rights by verbs that no request has, as `manage quarantines.die-operator.dev`. */
  readonly grants: ReadonlySet<string>;
}

/** The objects of a kind in a namespace, or in all; cluster-scoped kinds have no namespace. */
export interface Collection {
  kind: ServedKind;
  namespace: string | undefined;
}

/** One object of a kind. */
export interface ObjectTarget extends Collection {
  name: string;
}

/** The object as an admission hook is told it. */
export function subjectOf({ kind, namespace, name }: ObjectTarget): {
  resource: Resource;
  namespace?: string;
  name: string;
} {
  return { resource: kind.resource, ...(namespace !== undefined && { namespace }), name };
}

/** How a write is done. */
export interface WriteMode {
  /** Everything is checked, nothing is stored. */
  dryRun: boolean;
  /** Unknown fields of our CRDs are refused; otherwise they are dropped. */
  strict: boolean;
  userAgent: string;
}

const FIELD_VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'];

/**
 * Reads `dryRun` and `fieldValidation` from a query. A value that the server does not know is refused (422), as the
 * real one does: a misspelt dry run must not become a write.
 */
export function writeMode(query: URLSearchParams, optionsKind: string, userAgent: string): WriteMode {
  const fieldValidation = query.get('fieldValidation') ?? '';
  if (!FIELD_VALIDATIONS.includes(fieldValidation)) {
    throw unsupported(optionsKind, 'fieldValidation', fieldValidation, FIELD_VALIDATIONS);
  }
  const dryRun = isDryRun(query.getAll('dryRun'), optionsKind);
  return { dryRun, strict: fieldValidation === 'Strict', userAgent };
}

/** Whether `dryRun` asks for one; throws a 422 for a value that is none. */
export function isDryRun(dryRun: readonly unknown[], optionsKind: string): boolean {
  if (dryRun.some((value) => value !== 'All')) throw unsupported(optionsKind, 'dryRun', dryRun, ['All']);
  return dryRun.length > 0;
}

function unsupported(optionsKind: string, field: string, value: unknown, supported: readonly string[]) {
  const list = supported.map((one) => JSON.stringify(one)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`;
  return invalid({ group: 'meta.k8s.io', kind: optionsKind }, '', [
    { reason: 'FieldValueNotSupported', field, message },
  ]);
}

/** RFC 3339 in whole seconds, as `metav1.Time` is written. */
export function serverTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** A random version 4 UUID. */
export function randomUid(random: Random): string {
  const hex = randomText(random, '0123456789abcdef', 30);
  const variant = '89ab'.charAt(Math.floor(random() * 4));
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(12, 15)}`,
    `${variant}${hex.slice(15, 18)}`,
    hex.slice(18),
  ].join('-');
}

/** Text of `length` characters of the alphabet. */
export function randomText(random: Random, alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet.charAt(Math.floor(random() * alphabet.length))).join('');
}

/** The object without metadata and status: what `metadata.generation` counts. */
export function desiredState(object: KubeObject | JsonObject): JsonObject {
  const { metadata: _metadata, status: _status, ...rest } = objectAt(object);
  return rest;
}
