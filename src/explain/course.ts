// What would be done to the pod: `plan` is asked again and again, each time as if the step before had succeeded.
import type {
  DriftIncident,
  IsolationForm,
  ResponseSettings,
  StepName,
  StepStatus,
} from '../api/incident.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../api/names.ts';
import type { PodFacts } from '../api/pod.ts';
import type { CollectorName } from '../api/policy.ts';
import type { Severity } from '../api/severity.ts';
import { needsOf } from '../decide/approval.ts';
import { ASKING } from '../decide/approved.ts';
import type { Facts, Work } from '../decide/decision.ts';
import { situationOf } from '../decide/form.ts';
import { responseOf } from '../decide/merge.ts';
import { unpinnable } from '../decide/pin.ts';
import { plan } from '../decide/plan.ts';

/** The steps up to the eviction, or up to what holds them. */
export interface Course {
  steps: { step: StepName; form: IsolationForm | null; message: string }[];
  held: { reason: string; message: string } | null;
}

// More steps than any response has before the pod is gone.
const MAX_STEPS = 8;

/** See the file's first line. */
export function courseOf(incident: DriftIncident, facts: Facts): Course {
  const course: Course = { steps: [], held: null };
  let now = { incident, facts };
  while (course.steps.length < MAX_STEPS) {
    const decision = plan(now.incident, now.facts);
    if (decision.kind !== 'Run') {
      if (decision.kind === 'Wait' || decision.kind === 'Done')
        course.held = { reason: decision.reason, message: heldMessage(now, decision) };
      return course;
    }
    const { work } = decision;
    course.steps.push(stepOf(work, now.incident));
    const unpinned = work.step === 'Keep' ? unpinnedBare(now.incident) : undefined;
    if (unpinned !== undefined) {
      course.held = { reason: 'RestartUnpinnable', message: unpinned };
      return course;
    }
    if (work.step === 'Evict') course.steps.push(...afterEviction(now.incident, work));
    if (!isReversible(work)) return course;
    now = after(now, work);
  }
  return course;
}

// Nobody can approve what is only supposed: the reasons are told, and not the command.
function heldMessage(
  { incident, facts }: Moment,
  { reason, message }: { reason: string; message: string },
): string {
  if (!ASKING.has(reason) || !facts.pod) return message;
  const now = situationOf(incident, facts, facts.pod);
  const { within } = now.response.settings.approval;
  const because = needsOf(now).map((one) => one.message);
  return `a person has to approve within ${within}, as ${because.join('; ')}`;
}

function stepOf(work: Work, incident: DriftIncident): Course['steps'][number] {
  const { eviction } = responseOf(incident).settings;
  switch (work.step) {
    case 'Label':
    case 'Isolate':
      return { step: work.step, form: work.form, message: work.message };
    case 'Cut':
      return {
        step: 'Cut',
        form: null,
        message: 'A firewall in the network of the pod lets through nothing but the probes of its node.',
      };
    case 'Capture':
      return { step: 'Capture', form: null, message: captured(responseOf(incident).settings) };
    case 'Confirm':
      return {
        step: 'Confirm',
        form: null,
        message:
          'The program of the alert is looked for on the node; what follows is done if it was added or changed.',
      };
    case 'Evict':
      return {
        step: 'Evict',
        form: null,
        message: `The pod is evicted with a grace of ${work.gracePeriodSeconds} s; a disruption budget may hold that back for ${eviction.waitForBudget}, ${AFTER_BUDGET[eviction.then]}.`,
      };
    case 'Keep':
      return { step: 'Keep', form: null, message: keptOf(incident) };
    default:
      return { step: work.step, form: null, message: LATER[work.step] };
  }
}

/** Steps that come once the pod is gone, or that people ask for. */
const LATER = {
  Touch: 'The StatefulSet of the pod is made to start it anew.',
  Settle: 'What Release lent to the pod is taken away.',
  Release: 'The pod is put back as it was: a person asked for that.',
  Contain: 'The pod is deleted: its incident was deleted.',
  Restart:
    'Once it is gone the pod is made anew from its manifest, with its own name; another pod of that name is not touched.',
} as const;

function keptOf({ spec: { target } }: DriftIncident): string {
  return target.workload
    ? 'What the pod ran is told as a patch that pins its workload; die-operator does not apply it.'
    : 'The manifest of the pod is kept, with every image pinned by digest, and the API server is asked whether it would take the copy. Without that the pod is not evicted.';
}

function unpinnedBare({ spec: { target } }: DriftIncident): string | undefined {
  const why = target.workload ? undefined : unpinnable(target);
  return why === undefined ? undefined : `the pod is not restarted: ${why}`;
}

function afterEviction(incident: DriftIncident, { anew }: Work & { step: 'Evict' }): Course['steps'] {
  const restart = { step: 'Restart', form: null, message: LATER.Restart } as const;
  return [...(anew ? [restart] : []), verification(incident)];
}

const AFTER_BUDGET = {
  Hold: 'and then a person decides',
  Delete: 'and then the pod is deleted although the budget is against it',
} as const;

function captured({ evidence: { collectors, required, exec = [] } }: ResponseSettings): string {
  const what = ['a snapshot of API objects', 'the logs', ...collectors.map((name) => FROM_NODE[name])];
  const kept = `${sentence(what.join(', ').replace(/, ([^,]*)$/, ' and $1'))} are kept.`;
  const commands = exec.map(
    ({ container, command }) => `${JSON.stringify(command)} in container ${container}`,
  );
  const run = `Then commands are run in the pod, and what they print is kept: ${commands.join('; ')}.`;
  const held = `Without ${commands.length > 0 ? 'all of that' : 'them'} the pod is not evicted.`;
  return [kept, ...(commands.length > 0 ? [run] : []), ...(required ? [held] : [])].join(' ');
}

const FROM_NODE: Readonly<Record<CollectorName, string>> = {
  Processes: 'the processes',
  Filesystem: 'the changes of the filesystem',
  Checkpoint: 'checkpoints of the running containers',
};

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

function verification(incident: DriftIncident): Course['steps'][number] {
  const { require, readyWithin, quietFor } = responseOf(incident).settings.eviction.replacement;
  const proof =
    require === 'Pinned' ? 'images pinned by digest' : 'images proven by digest or by what ran before';
  return {
    step: 'Verify',
    form: null,
    message: `Its replacement must be Ready within ${readyWithin}, with ${proof}, and then stay Ready for ${quietFor}, without a restart and without drift.`,
  };
}

type Moment = { incident: DriftIncident; facts: Facts };
type Reversible = Extract<Work, { step: 'Label' | 'Isolate' | 'Cut' | 'Capture' | 'Confirm' | 'Keep' }>;

function isReversible(work: Work): work is Reversible {
  return ['Label', 'Isolate', 'Cut', 'Capture', 'Confirm', 'Keep'].includes(work.step);
}

function after({ incident, facts }: Moment, work: Reversible): Moment {
  const status = { ...incident.status, steps: withStep(incident, work.step, facts.now) };
  const { pod } = facts;
  if (work.step === 'Confirm') {
    const confirmation = { state: 'Confirmed', at: new Date(facts.now).toISOString(), message: '' } as const;
    return { incident: { ...incident, status: { ...status, confirmation } }, facts };
  }
  if (work.step === 'Keep')
    return { incident: { ...incident, status: withManifest(status, facts.now) }, facts };
  if (work.step === 'Capture' || !pod) return { incident: { ...incident, status }, facts };
  if (work.step === 'Cut')
    return { incident: { ...incident, status: withCut(status, pod, facts.now) }, facts };
  const { severity } = responseOf(incident);
  const isolation = { form: work.form, at: new Date(facts.now).toISOString() };
  return {
    incident: { ...incident, status: { ...status, isolation } },
    facts: { ...facts, pod: changed(pod, incident.metadata.name, work.form, severity) },
  };
}

function withManifest(
  status: NonNullable<DriftIncident['status']>,
  now: number,
): NonNullable<DriftIncident['status']> {
  const manifest = { revision: '', uid: '', sha256: '', keptAt: new Date(now).toISOString() };
  return { ...status, restart: { ...status.restart, manifest } };
}

function withCut(
  status: NonNullable<DriftIncident['status']>,
  { ip }: PodFacts,
  now: number,
): NonNullable<DriftIncident['status']> {
  const at = new Date(now).toISOString();
  const { isolation } = status;
  return isolation
    ? {
        ...status,
        isolation: { ...isolation, cut: { begunAt: at, at, ...(ip !== undefined && { podIP: ip }) } },
      }
    : status;
}

function withStep({ status }: DriftIncident, name: StepName, now: number): StepStatus[] {
  const done: StepStatus = {
    name,
    state: 'Succeeded',
    attempts: 1,
    startedAt: new Date(now).toISOString(),
    finishedAt: new Date(now).toISOString(),
    reason: 'Supposed',
    message: '',
  };
  return [...(status?.steps ?? []).filter((step) => step.name !== name), done];
}

function changed(pod: PodFacts, incident: string, form: IsolationForm, severity: Severity): PodFacts {
  const quarantine = form === 'LabelOnly' ? {} : { [QUARANTINE_LABEL]: 'true' };
  return {
    ...pod,
    // Which labels of others are left decides nothing any more: the form is recorded.
    labels: { ...pod.labels, ...quarantine, [SEVERITY_LABEL]: severity.toLowerCase() },
    annotations: { ...pod.annotations, [INCIDENT_ANNOTATION]: incident },
  };
}
