// Whether an incident may be obeyed: everything else in this room counts on what is checked here.
import { z } from 'zod';
import { DriftIncidentSpecSchema, DriftIncidentStatusSchema, type DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import { parseAny } from '../api/parse.ts';

const IncidentSchema = z.object({
  spec: DriftIncidentSpecSchema,
  status: DriftIncidentStatusSchema.optional(),
});

/**
 * Why an incident is left alone, for people; undefined if it is not.
 *
 * - It breaks the schema: the API server may hold objects from before or after this version's.
 * - It lies in another namespace than its pod: who may write incidents in one namespace must not act in another by them.
 */
export function faultOf(object: KubeObject): string | undefined {
  const parsed = parseAny(IncidentSchema, object);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return `this version of die-operator cannot read it (${issue?.path.join('.')}: ${issue?.message}): upgrade, or delete it`;
  }
  const { namespace } = (object as DriftIncident).spec.target;
  if (object.metadata.namespace === namespace) return undefined;
  return `it is about a pod of namespace ${namespace} and lies in another: delete it`;
}
