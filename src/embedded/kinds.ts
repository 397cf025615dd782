// The kinds that are served, and how the real API server treats each: the strategies of its registry as data.
import {
  CLUSTER_DRIFT_POLICIES,
  CONFIG_MAPS,
  CONTROLLER_REVISIONS,
  CORE_EVENTS,
  DAEMON_SETS,
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  ENDPOINT_SLICES,
  EVENTS,
  JOBS,
  LEASES,
  NAMESPACES,
  NETWORK_POLICIES,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  RESOURCE_QUOTAS,
  SERVICE_ACCOUNTS,
  SERVICES,
  STATEFUL_SETS,
  type Resource,
} from '../kube/resources.ts';

/** A kind with what sets it apart. */
export interface ServedKind {
  resource: Resource;
  /** It has a `status` subresource: the main resource cannot change the status. */
  status: boolean;
  /** `metadata.generation` counts changes of everything but metadata and status; of a Deployment annotations count too. */
  generation: boolean;
  /** A PUT without a resourceVersion is taken. */
  unconditionalUpdate: boolean;
  /** A deletion that is done answers with the object; of other kinds with a Status. */
  returnsDeleted: boolean;
  /** Served from a CRD: list items carry apiVersion and kind, status writes leave the metadata alone. */
  custom: boolean;
}

type Traits = Partial<Omit<ServedKind, 'resource'>>;

const plain: Required<Traits> = {
  status: false,
  generation: false,
  unconditionalUpdate: true,
  returnsDeleted: false,
  custom: false,
};
const serve = (resource: Resource, traits: Traits = {}): ServedKind => ({ ...plain, ...traits, resource });
const workload = (resource: Resource): ServedKind => serve(resource, { status: true, generation: true });

/** Every served kind. */
export const SERVED_KINDS: readonly ServedKind[] = [
  { ...workload(PODS), returnsDeleted: true },
  serve(NAMESPACES, { status: true }),
  serve(NODES, { status: true }),
  serve(CONFIG_MAPS),
  serve(SERVICES, { status: true, returnsDeleted: true }),
  serve(CORE_EVENTS),
  serve(RESOURCE_QUOTAS, { status: true, returnsDeleted: true }),
  serve(SERVICE_ACCOUNTS, { returnsDeleted: true }),
  serve(EVENTS),
  workload(DEPLOYMENTS),
  workload(REPLICA_SETS),
  workload(STATEFUL_SETS),
  workload(DAEMON_SETS),
  serve(CONTROLLER_REVISIONS),
  workload(JOBS),
  serve(NETWORK_POLICIES, { generation: true }),
  serve(POD_DISRUPTION_BUDGETS, { status: true, generation: true, unconditionalUpdate: false }),
  serve(ENDPOINT_SLICES, { generation: true }),
  serve(LEASES, { unconditionalUpdate: false }),
  ...[DRIFT_POLICIES, CLUSTER_DRIFT_POLICIES, DRIFT_INCIDENTS].map((resource) =>
    serve(resource, { status: true, generation: true, unconditionalUpdate: false, custom: true }),
  ),
];

/** Identity of a resource whatever its version. */
export function resourceKey(resource: Pick<Resource, 'group' | 'plural'>): string {
  return `${resource.group}/${resource.plural}`;
}

const BY_KEY = new Map(SERVED_KINDS.map((kind) => [resourceKey(kind.resource), kind]));

/** The served kind of that group, version and plural. */
export function findKind(group: string, version: string, plural: string): ServedKind | undefined {
  const kind = BY_KEY.get(resourceKey({ group, plural }));
  return kind?.resource.version === version ? kind : undefined;
}

/** The served kind of a resource; throws for one that is not served, which is a mistake of the caller. */
export function kindOf(resource: Resource): ServedKind {
  const kind = BY_KEY.get(resourceKey(resource));
  if (!kind) throw new Error(`${resource.plural} are not served: add them to SERVED_KINDS`);
  return kind;
}
