// What a person needs to run a capture pod, asked for beforehand: a refusal in the middle would not say what else is missing.
import { RIGHTS_TO_RUN } from '../../helpers/helper-rights.ts';
import { AccessReviews, type Access } from '../../kube/access-reviews.ts';
import type { Clock } from '../../kube/clock.ts';
import type { KubeClient } from '../../kube/client.ts';
import { PODS } from '../../kube/resources.ts';
import { DiffError, IN_RESPONDER } from './compare.ts';

/** See the file's first line. */
export const neededRights = (namespace: string): readonly Access[] => [
  { verb: 'get', resource: PODS, at: { namespace } },
  ...RIGHTS_TO_RUN,
];

/** Resolves if the person may do it all. @throws DiffError that names all that is missing; KubeError. */
export async function checkRights(
  context: { client: KubeClient; clock: Clock },
  namespace: string,
): Promise<void> {
  const reviews = new AccessReviews(context);
  const missing: string[] = [];
  for (const right of neededRights(namespace))
    if (!(await reviews.mayDo(right))) missing.push(describe(right));
  if (missing.length === 0) return;
  throw new DiffError(
    `a capture pod is needed, and this account may not ${missing.join('; nor ')}. Ask who looks after die-operator for the role of docs/diff.md, or run this in the pod of the responder: ${IN_RESPONDER}`,
  );
}

function describe({ verb, resource: { plural, group }, at: { namespace, name } }: Access): string {
  const kind = group === '' ? plural : `${plural}.${group}`;
  const what = name === undefined ? kind : `${kind} ${name}`;
  return `${verb} ${what} ${namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`}`;
}
