// Says in the record how far a pod in quarantine is isolated, each time the incident is looked at.
import { INCIDENT_CONDITIONS, findCondition } from '../api/conditions.ts';
import type { DriftIncident, DriftIncidentStatus } from '../api/incident.ts';
import { isQuarantined, type PodFacts } from '../api/pod.ts';
import { isCut } from '../decide/cut.ts';
import {
  isCutOff,
  isHole,
  isWorse,
  judgeIsolation,
  NODE_TEST_VALID_MS,
  type IsolationEvidence,
  type IsolationVerdict,
} from '../decide/isolated.ts';
import { residualPaths, type NetworkView, type Paths } from '../decide/residual-paths.ts';
import { stepOf } from '../decide/marks.ts';
import { noteIsolationEnded } from './notes.ts';
import { withCondition, withStatus } from './status.ts';

/** How long the deny policy may take to be seen by a watch, in milliseconds; then it is taken to be missing. */
const UNSEEN_MS = 5_000;

/** The incident with its isolation judged. */
export interface Judged {
  incident: DriftIncident;
  /** When it is to be judged again although nothing happens, in milliseconds since the epoch. */
  until?: number;
  /** What it became, if people are to be told. */
  worse?: IsolationVerdict;
}

type Isolation = NonNullable<DriftIncidentStatus['isolation']>;

/**
 * Judges the isolation of a pod that carries the quarantine; of others nothing changes.
 * @param pod as it is now.
 * @param now milliseconds since the epoch.
 */
export function judged(
  incident: DriftIncident,
  pod: PodFacts | undefined,
  viewOf: (pod: PodFacts) => NetworkView,
  now: number,
): Judged {
  const isolation = incident.status?.isolation;
  if (!pod || !isolation || isolation.form === 'LabelOnly') return { incident };
  if (!isQuarantined(pod)) return { incident: lifted(incident, now) };
  const view = viewOf(pod);
  const seenBy = Date.parse(isolation.at) + UNSEEN_MS;
  const firewall = firewallIn(incident, pod, view);
  const found = foundOf(pod, view, now >= seenBy, firewall);
  const verdict = judgeIsolation({
    ...view,
    ...found,
    firewall,
    now,
    nodeName: pod.nodeName,
    hostNetwork: pod.hostNetwork,
    form: isolation.form,
    deniedBy: isolation.deniedBy,
    blind: found.unseen ? 'the deny policy was not seen yet' : view.blind,
    closedSince: closedSince(incident, isolation, now),
  });
  const recorded = withFindings(isolation, found, recordedEnforcement(isolation, pod, view, now));
  const until = Math.min(verdict.until ?? Infinity, found.unseen ? seenBy : Infinity);
  return {
    incident: noted(incident, recorded, verdict, now),
    ...(until < Infinity && { until }),
    ...(isWorse(reasonOf(incident), verdict.reason) && { worse: verdict }),
  };
}

function firewallIn(
  incident: DriftIncident,
  pod: PodFacts,
  { passesFirewall }: NetworkView,
): IsolationEvidence['firewall'] {
  return isCut(incident, pod) ? { passedBy: passesFirewall } : undefined;
}

function foundOf(
  pod: PodFacts,
  view: NetworkView,
  isSettled: boolean,
  firewall: IsolationEvidence['firewall'],
): Paths {
  const found = residualPaths({ ...pod, namespaceLabels: view.namespaceLabels }, view, isSettled);
  // Nothing that a policy allows, or that was open before, passes the firewall.
  return firewall && isCutOff({ firewall })
    ? { paths: found.paths.filter((path) => !isHole(path)), morePaths: 0, unseen: false }
    : found;
}

// Somebody took the label away, and what was proven no longer counts. A reason that is there says more.
function lifted(incident: DriftIncident, now: number): DriftIncident {
  const type = INCIDENT_CONDITIONS.Isolated;
  const time = new Date(now).toISOString();
  if (stepOf(incident, 'Release')?.state === 'Succeeded')
    return noteIsolationEnded(incident, 'Released', time);
  const before = findCondition(incident.status?.conditions, type);
  if (before === undefined || before.status === 'False') return incident;
  const message = 'the pod does not carry the quarantine label any more: no deny policy selects it';
  const condition = { type, status: 'False', reason: 'Lifted', message } as const;
  return withCondition(incident, condition, time);
}

function noted(
  incident: DriftIncident,
  isolation: Isolation,
  { status, reason, message }: IsolationVerdict,
  now: number,
): DriftIncident {
  const type = INCIDENT_CONDITIONS.Isolated;
  const time = new Date(now).toISOString();
  return withCondition(withStatus(incident, { isolation }), { type, status, reason, message }, time);
}

function reasonOf({ status }: DriftIncident): string | undefined {
  return findCondition(status?.conditions, INCIDENT_CONDITIONS.Isolated)?.reason;
}

// What was open a moment ago may still be: the network lags behind the policies. So the time counts from the first look
// that finds nothing open, which is when the condition became Unknown.
function closedSince({ status }: DriftIncident, { at }: Isolation, now: number): number {
  const before = findCondition(status?.conditions, INCIDENT_CONDITIONS.Isolated);
  const patched = Date.parse(at);
  if (before?.status === 'True') return patched;
  return before?.status === 'Unknown' ? Math.max(patched, Date.parse(before.lastTransitionTime)) : now;
}

function withFindings(
  isolation: Isolation,
  { paths, morePaths }: Paths,
  enforcement: Isolation['enforcement'],
): Isolation {
  const { morePaths: _more, enforcement: _enforcement, ...rest } = isolation;
  return { ...rest, paths, ...(morePaths > 0 && { morePaths }), ...(enforcement && { enforcement }) };
}

// A test that only says the same again is not worth a write, as long as the one before still counts.
function recordedEnforcement(
  { enforcement: before }: Isolation,
  { nodeName }: PodFacts,
  { enforcement }: NetworkView,
  now: number,
): Isolation['enforcement'] {
  if (!enforcement || nodeName === undefined) return undefined;
  const { verdict, at, tookMs, establishedCut } = enforcement;
  const isSame =
    before?.verdict === verdict && before.establishedCut === establishedCut && before.node === nodeName;
  if (isSame && now < Date.parse(before.testedAt) + NODE_TEST_VALID_MS) return before;
  const testedAt = new Date(at).toISOString();
  return { verdict, node: nodeName, testedAt, tookMs: Math.round(tookMs), establishedCut };
}
