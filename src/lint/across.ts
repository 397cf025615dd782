// What can only be seen of several objects together: two of one name, and what cluster policies do not grant.
import { isObject } from '../api/defaulting.ts';
import { namespaceFacts, unreadNamespace, type NamespaceFacts } from '../api/namespace.ts';
import { powersOf, refusals } from '../decide/grants.ts';
import { compilePolicy, type CompiledPolicy } from '../decide/policies.ts';
import type { LintedPolicy, LintObject, Remark } from './finding.ts';
import { requirementsOf } from './selector-conflict.ts';

/** A policy with the object that it was read from. */
export interface Entry {
  source: LintObject;
  policy: LintedPolicy;
}

/** The label that tells the name of a namespace: known without reading it. */
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** Remarks by object. @param objects all of the files: Namespaces among them tell their labels. */
export function acrossPolicies(
  entries: readonly Entry[],
  objects: readonly LintObject[],
): ReadonlyMap<LintObject, Remark[]> {
  const spaces = new Map(
    objects.flatMap(({ object }) => namespaceOf(object)).map((space) => [space.name, space]),
  );
  const all = [...duplicates(entries), ...refused(entries, spaces)];
  return new Map(
    [...Map.groupBy(all, ({ source }) => source)].map(([source, said]) => [
      source,
      said.map(({ remark }) => remark),
    ]),
  );
}

interface Said {
  source: LintObject;
  remark: Remark;
}

// One without a namespace goes where kubectl is set to, which may be another place each time.
function duplicates(entries: readonly Entry[]): Said[] {
  const placed = entries.filter(
    ({ policy }) => policy.namespace !== '' || policy.kind === 'ClusterDriftPolicy',
  );
  const same = Map.groupBy(placed, ({ policy: { kind, namespace, name } }) => `${kind} ${namespace}/${name}`);
  return [...same.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : others.map(({ source }) => ({ source, remark: duplicate(first.source) })),
  );
}

function duplicate({ file, line }: LintObject): Remark {
  const where = file === undefined ? 'before' : `at ${file}${line === undefined ? '' : `:${line}`}`;
  return {
    code: 'DuplicatePolicy',
    path: 'metadata.name',
    message: `the same policy stands ${where}: applied together, the one that comes last takes its place`,
  };
}

function refused(entries: readonly Entry[], spaces: ReadonlyMap<string, NamespaceFacts>): Said[] {
  const granting = entries.filter(({ policy: { spec } }) => 'grants' in spec && spec.grants !== undefined);
  if (granting.length === 0) return [];
  const compiled = granting.flatMap(({ policy }) => compile(policy));
  const own = entries.filter(({ policy }) => policy.kind === 'DriftPolicy' && policy.namespace !== '');
  return own.flatMap(({ source, policy }) => {
    const space = spaces.get(policy.namespace) ?? knownByName(policy.namespace, granting);
    const powers = space && powersOf(space, compiled);
    const problems = powers ? compile(policy).flatMap((one) => refusals(one, powers)) : [];
    return problems.map(({ path, message }) => ({ source, remark: { code: 'NotPermitted', path, message } }));
  });
}

// Enough where what grants asks for no other label.
function knownByName(name: string, granting: readonly Entry[]): NamespaceFacts | undefined {
  const asked = granting.flatMap(({ policy: { spec } }) =>
    'namespaceSelector' in spec ? requirementsOf(spec.namespaceSelector ?? {}) : [],
  );
  return asked.every(({ key }) => key === NAME_LABEL) ? unreadNamespace(name) : undefined;
}

// An object in a file has no UID yet, and nothing here asks for it.
function compile({ kind, name, namespace, spec }: LintedPolicy): CompiledPolicy[] {
  const metadata = { name, namespace, uid: '', resourceVersion: '', creationTimestamp: '' };
  const compilation = compilePolicy({ metadata, spec }, kind);
  return compilation.accepted ? [compilation.policy] : [];
}

function namespaceOf({ apiVersion, kind, metadata }: LintObject['object']): NamespaceFacts[] {
  if (apiVersion !== 'v1' || kind !== 'Namespace' || !isObject(metadata)) return [];
  const { name, labels } = metadata;
  if (typeof name !== 'string') return [];
  const texts = Object.entries(isObject(labels) ? labels : {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const facts = {
    name,
    labels: Object.fromEntries(texts),
    uid: '',
    resourceVersion: '',
    creationTimestamp: '',
  };
  return [namespaceFacts({ metadata: facts })];
}
