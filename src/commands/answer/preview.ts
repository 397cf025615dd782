// What a decision would come to, gathered with the person's own rights before it is asked for.
import type { DriftIncident, Need, StepName } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import { podFacts } from '../../api/pod.ts';
import { isHeld } from '../../decide/decided.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isForbidden, isNotFound, KubeError } from '../../kube/errors.ts';
import { PODS } from '../../kube/resources.ts';
import { askBudget, type BudgetVerdict } from './budget.ts';
import { replacementOf, type ReplacementPreview } from './replacement.ts';
import { mayEvict, readyMessage, type DecisionAction } from './sense.ts';
import { stepsLeft, touchesOf, type LivePod, type Touch } from './touches.ts';

/** What a person is shown before the question. */
export interface Preview {
  action: DecisionAction;
  namespace: string;
  name: string;
  /** Severity, rule and detector: what it is about. */
  about: string;
  phase: string;
  /** Where it stands, in words. */
  stands: string;
  /** Absent: nothing is planned yet. */
  plan?: { hash: string | undefined; message: string; left: StepName[]; needs: readonly Need[] };
  touches: Touch[];
  /** Only where the decision leads to an eviction. */
  budget?: BudgetVerdict;
  replacement?: ReplacementPreview;
  /** What else a person should know before they answer. */
  notes: string[];
}

/** See the file's first line. Never rejects for what the person may not read. @throws KubeError if there is no answer. */
export async function previewOf(
  client: KubeClient,
  incident: DriftIncident,
  action: DecisionAction,
): Promise<Preview> {
  const live = await readPod(client, incident);
  const leads = leadsToEviction(incident, action);
  const { plan, phase = '' } = incident.status ?? {};
  const { detection, severity } = incident.spec.trigger;
  const [budget, replacement] = leads
    ? await Promise.all([askBudget(client, incident), replacementOf(client, incident)])
    : [];
  return {
    action,
    namespace: incident.metadata.namespace ?? '',
    name: incident.metadata.name,
    about: `${severity} "${detection.rule}" (${detection.source})`,
    phase,
    stands: readyMessage(incident),
    ...(plan && {
      plan: {
        hash: plan.hash,
        message: plan.message,
        left: stepsLeft(incident),
        needs: plan.needs ?? [],
      },
    }),
    touches: touchesOf(incident, action, live),
    ...(budget && { budget }),
    ...(replacement && { replacement }),
    notes: notesOf(incident, action, live),
  };
}

function leadsToEviction(incident: DriftIncident, action: DecisionAction): boolean {
  if (!mayEvict(incident)) return false;
  if (action === 'Resume') return (incident.status?.plan?.needs ?? []).length === 0;
  return action === 'Approve';
}

async function readPod(client: KubeClient, { spec: { target } }: DriftIncident): Promise<LivePod> {
  const { namespace, name, uid } = target;
  try {
    const pod = podFacts(await client.get<KubeObject>(PODS, { namespace, name }));
    return pod.uid === uid ? { state: 'There', pod } : { state: 'Gone' };
  } catch (error) {
    if (isNotFound(error)) return { state: 'Gone' };
    if (!(error instanceof KubeError)) throw error;
    if (!isForbidden(error)) return { state: 'Unread', why: error.message };
    return { state: 'Unread', why: `you may not get pods in namespace ${namespace}` };
  }
}

function notesOf(incident: DriftIncident, action: DecisionAction, live: LivePod): string[] {
  const { decision } = incident.spec;
  const ends = decision && decision.action !== 'Resume' && action !== 'Resume';
  const isLast = action === 'Approve' && live.state === 'There' && live.pod.deletionTimestamp !== undefined;
  return [
    ...(live.state === 'Gone' && action !== 'Release' ? ['there is no pod with this UID any more'] : []),
    ...(isLast ? ['the pod is being deleted already, by somebody else'] : []),
    ...(live.state === 'Unread'
      ? [`the pod is shown as the incident recorded it, not as it is now: ${live.why}`]
      : []),
    ...(ends && isHeld(incident)
      ? [`this ends the hold of ${decision.by} (${decision.reason})`]
      : ends
        ? [`${decision.by} decided ${decision.action} before (${decision.reason}): the last decision wins`]
        : []),
  ];
}
