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
import type { Facts, Work } from '../decide/decision.ts';
import { responseOf } from '../decide/merge.ts';
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
        course.held = { reason: decision.reason, message: decision.message };
      return course;
    }
    const { work } = decision;
    course.steps.push(stepOf(work, now.incident));
    if (work.step === 'Evict') course.steps.push(verification(now.incident));
    if (!isReversible(work)) return course;
    now = after(now, work);
  }
  return course;
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
        message: `The pod is evicted with a grace of ${work.gracePeriodSeconds} s; a disruption budget may hold that back for ${eviction.waitForBudget}.`,
      };
    case 'Touch':
      return { step: 'Touch', form: null, message: 'The StatefulSet of the pod is made to start it anew.' };
    case 'Settle':
      return { step: 'Settle', form: null, message: 'What Release lent to the pod is taken away.' };
    case 'Release':
      return {
        step: 'Release',
        form: null,
        message: 'The pod is put back as it was: a person asked for that.',
      };
    case 'Contain':
      return { step: 'Contain', form: null, message: 'The pod is deleted: its incident was deleted.' };
  }
}

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
  const { require, readyWithin } = responseOf(incident).settings.eviction.replacement;
  const proof =
    require === 'Pinned' ? 'images pinned by digest' : 'images proven by digest or by what ran before';
  return {
    step: 'Verify',
    form: null,
    message: `Its replacement must be Ready within ${readyWithin}, with ${proof}.`,
  };
}

type Moment = { incident: DriftIncident; facts: Facts };
type Reversible = Extract<Work, { step: 'Label' | 'Isolate' | 'Cut' | 'Capture' | 'Confirm' }>;

function isReversible(work: Work): work is Reversible {
  return ['Label', 'Isolate', 'Cut', 'Capture', 'Confirm'].includes(work.step);
}

function after({ incident, facts }: Moment, work: Reversible): Moment {
  const status = { ...incident.status, steps: withStep(incident, work.step, facts.now) };
  const { pod } = facts;
  if (work.step === 'Confirm') {
    const confirmation = { state: 'Confirmed', at: new Date(facts.now).toISOString(), message: '' } as const;
    return { incident: { ...incident, status: { ...status, confirmation } }, facts };
  }
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
