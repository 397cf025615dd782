// What may refuse a write that is valid: hooks of tests, worded like ValidatingAdmissionPolicy, and the life cycle
// of namespaces.
import type { KubeObject } from '../api/meta.ts';
import { NAMESPACES, type Resource } from '../kube/resources.ts';
import type { Backend } from './backend.ts';
import { objectAt } from './json.ts';
import { detailsOf, failure, forbidden, notFound, qualified, type ApiError } from './status.ts';

/** A write that is about to happen. */
export interface AdmissionRequest {
  operation: 'CREATE' | 'UPDATE' | 'DELETE';
  resource: Resource;
  /** `status`, `eviction` ...; absent for the object itself. */
  subresource?: string;
  namespace?: string;
  name: string;
  /** As it would be stored; of an eviction the Eviction; absent for DELETE. */
  object?: KubeObject;
  /** As it is stored; absent for CREATE. */
  oldObject?: KubeObject;
  dryRun: boolean;
  /** Who asks; the controllers of the embedded cluster ask as `kube-controller-manager`. */
  userAgent: string;
}

/** A refusal. `reason` Invalid is the default of a real policy, with code 422; here Forbidden (403) is. */
export interface Denial {
  policy: string;
  binding?: string;
  message: string;
  reason?: 'Forbidden' | 'Invalid';
}

/** Lets a write pass (undefined) or refuses it. */
export type AdmissionHook = (request: AdmissionRequest) => Denial | undefined;

/** Asks every hook; throws the refusal of the first that refuses. */
export function admit(backend: Backend, request: AdmissionRequest): void {
  for (const hook of backend.admission) {
    const denial = hook(request);
    if (denial) throw denied(request, denial);
  }
}

function denied({ resource, name }: AdmissionRequest, denial: Denial): ApiError {
  const { policy, binding = policy, reason = 'Forbidden' } = denial;
  const message = `ValidatingAdmissionPolicy '${policy}' with binding '${binding}' denied request: ${denial.message}`;
  return failure(
    reason === 'Forbidden' ? 403 : 422,
    reason,
    `${qualified(resource, resource.plural)} "${name}" is forbidden: ${message}`,
    { ...detailsOf(resource, name), causes: [{ message }] },
  );
}

/** Refuses a create in a namespace that is not there (404) or that is going (403). */
export function requireNamespace(
  backend: Backend,
  { resource, namespace, name }: Pick<AdmissionRequest, 'resource' | 'namespace' | 'name'>,
): void {
  if (namespace === undefined) return;
  const owner = backend.store.get(NAMESPACES, namespace);
  if (!owner) throw notFound(NAMESPACES, namespace);
  if (objectAt(owner['status'])['phase'] !== 'Terminating') return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw forbidden(resource, name, why, [
    {
      reason: 'NamespaceTerminating',
      message: `namespace ${namespace} is being terminated`,
      field: 'metadata.namespace',
    },
  ]);
}
