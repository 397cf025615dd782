// Rights as RBAC manifests grant them, one verb on one resource each, and which of the API server's audited calls need
// them.
import type { AuditCall } from './audit-log.ts';
import type { Manifest } from './manifests.ts';

/** One right of one service account of the operator's namespace. */
export interface Right {
  account: string;
  verb: string;
  group: string;
  /** With its subresource: `pods/log`. */
  resource: string;
  /** Absent: in every namespace. */
  namespace?: string;
  /** Absent: objects of any name. */
  name?: string;
}

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

interface Binding extends Manifest {
  roleRef: { kind: string; name: string };
  subjects: { kind: string; name: string; namespace: string }[];
}

const SYSTEM = 'die-operator-system';

/** Every right that the manifests grant to their service accounts. Throws on a binding to a role that is not there. */
export function rightsOf(manifests: readonly Manifest[]): Right[] {
  const bindings = manifests.filter(({ kind }) => kind.endsWith('RoleBinding')) as Binding[];
  return bindings.flatMap((binding) => {
    const { namespace } = binding.metadata;
    const role = manifests.find(
      ({ kind, metadata }) =>
        kind === binding.roleRef.kind &&
        metadata.name === binding.roleRef.name &&
        (kind === 'ClusterRole' || metadata.namespace === namespace),
    );
    if (!role) throw new Error(`${binding.kind} ${binding.metadata.name} binds a role that is not installed`);
    const scope = namespace === undefined ? {} : { namespace };
    return binding.subjects.flatMap(({ name: account }) =>
      (role['rules'] as Rule[]).flatMap(unfold).map((right) => ({ account, ...right, ...scope })),
    );
  });
}

function unfold({ apiGroups, resources, verbs, resourceNames }: Rule): Omit<Right, 'account'>[] {
  const names = resourceNames?.map((name) => ({ name })) ?? [{}];
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) => names.map((name) => ({ verb, group, resource, ...name }))),
    ),
  );
}

/** `responder: get networkpolicies.networking.k8s.io "die-operator-quarantine"`. */
export function describeRight({ account, verb, group, resource, namespace, name }: Right): string {
  const [plural, subresource] = resource.split('/');
  const of = `${plural}${group && `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
  const only = `${name === undefined ? '' : ` "${name}"`}${namespace === undefined ? '' : ` in ${namespace}`}`;
  return `${account}: ${verb} ${of}${only}`;
}

/** Name of the service account of the operator that called; undefined for everybody else. */
export function accountOf({ user }: AuditCall): string | undefined {
  const prefix = `system:serviceaccount:${SYSTEM}:`;
  return user.startsWith(prefix) ? user.slice(prefix.length) : undefined;
}

/** The right that the call needs at least; undefined for a path that is no resource. */
export function neededFor(call: AuditCall): Omit<Right, 'account'> | undefined {
  const { verb, uri, resource, subresource, namespace, name } = call;
  if (resource === undefined) return undefined;
  return {
    verb,
    group: /^\/apis\/([^/]+)\//.exec(uri)?.[1] ?? '',
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
  };
}

/** Whether the call is one that the right permits. */
export function permits(right: Right, call: AuditCall): boolean {
  const needed = neededFor(call);
  return (
    needed !== undefined &&
    accountOf(call) === right.account &&
    (['verb', 'group', 'resource'] as const).every((field) => needed[field] === right[field]) &&
    (['namespace', 'name'] as const).every(
      (field) => right[field] === undefined || needed[field] === right[field],
    )
  );
}

/** How often each account made each kind of call, as lines for people, the most frequent first. */
export function countCalls(calls: readonly AuditCall[]): string[] {
  const counts = new Map<string, number>();
  for (const call of calls) {
    const [account, needed] = [accountOf(call), neededFor(call)];
    if (account === undefined || needed === undefined) continue;
    const { verb, group, resource } = needed;
    const line = describeRight({ account, verb, group, resource });
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  const sorted = [...counts].toSorted(([a, m], [b, n]) => n - m || a.localeCompare(b));
  return sorted.map(([line, count]) => `${String(count).padStart(4)}  ${line}`);
}
