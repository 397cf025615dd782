// Writes a decision into an incident: bound to what the person was shown, and with a sentence that helps where it is refused.
import type { DriftIncident } from '../../api/incident.ts';
import { GROUP } from '../../api/names.ts';
import type { PersonsDecision } from '../../decide/decided.ts';
import { AccessReviews, type Access } from '../../kube/access-reviews.ts';
import type { JsonPatchOp, KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { isForbidden, isNotFound, isTestFailure, isUnavailable, KubeError } from '../../kube/errors.ts';
import { add, test } from '../../kube/json-patch.ts';
import { DRIFT_INCIDENTS } from '../../kube/resources.ts';
import { readOne, ROLES } from '../incidents/read.ts';
import type { DecisionAction } from './sense.ts';
import { commandFor } from './waits.ts';

/** A decision that was not written, and why, for people. */
export class NotDecidedError extends Error {}

/** What writing takes. */
export interface WriteContext {
  client: KubeClient;
  clock: Clock;
}

/** The verb that the admission policy asks for (config/default/decisions.yaml). */
export const VERBS: Readonly<Record<DecisionAction, 'approve' | 'hold' | 'release'>> = {
  Approve: 'approve',
  Deny: 'approve',
  Hold: 'hold',
  Resume: 'hold',
  Release: 'release',
};

/**
 * Writes it, if the incident is the one that was shown, nobody decided since, and its plan is the same; a Hold stops
 * whatever the plan is by now. @param dryRun everything is checked, admission included, and nothing is stored.
 * @throws NotDecidedError; KubeError for what the API server refuses otherwise.
 */
export async function writeDecision(
  context: WriteContext,
  shown: DriftIncident,
  decision: PersonsDecision,
  dryRun: boolean,
): Promise<void> {
  const { namespace = '', name } = shown.metadata;
  try {
    const patch = patchOf(shown, decision);
    await context.client.jsonPatch(DRIFT_INCIDENTS, { namespace, name }, patch, { dryRun });
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (isUnavailable(error) && !dryRun) throw new NotDecidedError(unknownOf(shown, error), { cause: error });
    const why = await refusalOf(context, shown, decision, error);
    throw why === undefined ? error : new NotDecidedError(why, { cause: error });
  }
}

function patchOf({ metadata, spec, status }: DriftIncident, decision: PersonsDecision): JsonPatchOp[] {
  const plan = status?.plan;
  return [
    test('/metadata/uid', metadata.uid),
    test('/spec/decision', spec.decision ?? null),
    ...(plan && decision.action !== 'Hold' ? [test('/status/plan/hash', plan.hash ?? null)] : []),
    add('/spec/decision', decision),
  ];
}

async function refusalOf(
  context: WriteContext,
  shown: DriftIncident,
  decision: PersonsDecision,
  error: KubeError,
): Promise<string | undefined> {
  const command = commandFor('Show', shown);
  if (isTestFailure(error))
    return `nothing was decided: ${await changeSince(context, shown)}. Look again: ${command}`;
  if (isNotFound(error)) return 'nothing was decided: the incident is gone';
  if (!isForbidden(error)) return undefined;
  const missing = await missingVerbs(context, shown, decision.action);
  if (missing.length === 0)
    return `nothing was decided, you have the rights, but admission is against it: ${error.message}`;
  const { namespace = '' } = shown.metadata;
  return `nothing was decided: ${decision.by} may not ${missing.join(' and ')} driftincidents.${GROUP} in namespace ${namespace}. ClusterRole ${ROLES.answers} has it; who may bind roles gives it to you: kubectl create rolebinding ${ROLES.answers} -n ${namespace} --clusterrole=${ROLES.answers} ${subjectOf(decision.by)}`;
}

function unknownOf(shown: DriftIncident, error: KubeError): string {
  return `there was no answer, and so it is not known whether the decision was written (${error.message}). Look: ${commandFor('Show', shown)}`;
}

async function missingVerbs(
  context: WriteContext,
  { metadata: { namespace = '', name } }: DriftIncident,
  action: DecisionAction,
): Promise<string[]> {
  const reviews = new AccessReviews(context);
  const verbs: Access['verb'][] = ['patch', VERBS[action]];
  const missing: string[] = [];
  for (const verb of verbs)
    if (!(await reviews.mayDo({ verb, resource: DRIFT_INCIDENTS, at: { namespace, name } })))
      missing.push(verb);
  return missing;
}

async function changeSince({ client }: WriteContext, shown: DriftIncident): Promise<string> {
  const { namespace = '', name, uid } = shown.metadata;
  const now = await readOne(client, { namespace, name });
  if (now.metadata.uid !== uid) return 'another incident has its name by now';
  const { decision } = now.spec;
  if (decision && JSON.stringify(decision) !== JSON.stringify(shown.spec.decision))
    return `${decision.by} decided ${decision.action} meanwhile (${decision.reason})`;
  if (now.status?.plan?.hash !== shown.status?.plan?.hash)
    return 'the plan changed after it was shown, and is another one now';
  return 'the incident changed after it was shown';
}

const SERVICE_ACCOUNT = /^system:serviceaccount:([a-z0-9.-]+:[a-z0-9.-]+)$/;
const PLAIN = /^[A-Za-z0-9@._:-]+$/;

// A name that a shell would read otherwise is left for the person to fill in.
function subjectOf(username: string): string {
  const account = SERVICE_ACCOUNT.exec(username)?.[1];
  if (account !== undefined) return `--serviceaccount=${account}`;
  return PLAIN.test(username) ? `--user=${username}` : '--user=YOU';
}
