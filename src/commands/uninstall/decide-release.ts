// Writes into an incident that it is released, before anything is taken off its pod: so an operator that comes back, or is
// installed again, ends the response and does not begin it anew.
import { isFinal, type DriftIncident } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeError } from '../../kube/errors.ts';
import { add, test } from '../../kube/json-patch.ts';
import { apiVersionOf, DRIFT_INCIDENTS, SELF_SUBJECT_REVIEWS } from '../../kube/resources.ts';
import { cleanText } from '../../kube/text.ts';

const REASON = 'die-operator uninstall --clear: the operator is removed';
const NOBODY = 'die-operator uninstall';
const MAX_BY = 253;

/** @returns the incident as it is then. @throws KubeError; a failed test if the incident is another one by now. */
export async function decideRelease(
  client: KubeClient,
  incident: DriftIncident,
  by: string,
): Promise<DriftIncident> {
  if (isFinal(incident) || incident.spec.decision?.action === 'Release') return incident;
  const { namespace = '', name, uid } = incident.metadata;
  return client.jsonPatch<DriftIncident>(DRIFT_INCIDENTS, { namespace, name }, [
    test('/metadata/uid', uid),
    add('/spec/decision', { action: 'Release', by, reason: REASON }),
  ]);
}

interface SelfSubjectReview extends KubeObject {
  status?: { userInfo?: { username?: string } };
}

/** Who the person is to the API server, as `kubectl auth whoami` says. */
export async function whoAmI(client: KubeClient): Promise<string> {
  const body = { apiVersion: apiVersionOf(SELF_SUBJECT_REVIEWS), kind: SELF_SUBJECT_REVIEWS.kind };
  try {
    const { status } = await client.create<SelfSubjectReview>(SELF_SUBJECT_REVIEWS, {}, body);
    return cleanText(status?.userInfo?.username ?? '', MAX_BY) || NOBODY;
  } catch (error) {
    // Not served, or refused: what is decided matters more than the name.
    if (error instanceof KubeError && error.status >= 400 && error.status < 500) return NOBODY;
    throw error;
  }
}
