// Which objects a decision touches, and how: by name, before anybody says yes.
import type { DriftIncident, StepName } from '../../api/incident.ts';
import type { PodFacts } from '../../api/pod.ts';
import {
  DELETION_COST_ANNOTATION,
  FINALIZER,
  INCIDENT_ANNOTATION,
  QUARANTINE_LABEL,
  QUARANTINE_LIST,
  QUARANTINE_POLICY,
  QUARANTINED_PODS_LIST,
  SEVERITY_LABEL,
  SYSTEM_NAMESPACE,
  TOUCHED_ANNOTATION,
} from '../../api/names.ts';
import { mayBeCut } from '../../decide/cut.ts';
import { carriesChange } from '../../decide/marks.ts';
import { responseOf } from '../../decide/merge.ts';
import { losesOwners, ownerKind } from '../../decide/owners.ts';
import { mayEvict, restarts, type DecisionAction } from './sense.ts';

/** An object, and what becomes of it. */
export interface Touch {
  /** Kind, namespace and name; of the pod also UID and node. */
  object: string;
  what: string;
}

/** The pod as the person can see it. Unread: nobody knows. */
export type LivePod =
  { state: 'There'; pod: PodFacts } | { state: 'Gone' } | { state: 'Unread'; why: string };

/** Label keys that are named. */
const MAX_NAMED = 12;
const DONE: ReadonlySet<string> = new Set(['Succeeded', 'Skipped']);
/** Steps of the plan that a decision for the response leads to. */
const LATER: ReadonlySet<StepName> = new Set(['Release', 'Settle', 'Contain']);

/** Steps of the plan that are not done yet, in order. */
export function stepsLeft({ status }: DriftIncident): StepName[] {
  const done = new Set(status?.steps?.filter(({ state }) => DONE.has(state)).map(({ name }) => name));
  return (status?.plan?.steps ?? []).filter((name) => !done.has(name) && !LATER.has(name));
}

/** See the file's first line. Empty: nothing but the incident itself. */
export function touchesOf(incident: DriftIncident, action: DecisionAction, live: LivePod): Touch[] {
  if (action === 'Release') return released(incident, live);
  if (action === 'Deny' || action === 'Hold') return [stays(incident, action)];
  // A Resume has a person asked again where one has to be asked.
  if (action === 'Resume' && (incident.status?.plan?.needs ?? []).length > 0)
    return [{ object: podName(incident), what: 'is left as it is: a person is asked again' }];
  return [...isolated(incident), ...evicted(incident)];
}

/** Pod with namespace, name, UID and node. */
export function podName({ spec: { target } }: DriftIncident): string {
  const node = target.nodeName === undefined ? '' : `, node ${target.nodeName}`;
  return `Pod ${target.namespace}/${target.name} (UID ${target.uid}${node})`;
}

function stays(incident: DriftIncident, action: 'Deny' | 'Hold'): Touch {
  const isQuarantined =
    incident.status?.isolation !== undefined && incident.status.isolation.form !== 'LabelOnly';
  const rest = isQuarantined ? 'its quarantine stays' : 'what isolates it without harm goes on';
  const what =
    action === 'Deny'
      ? `is not evicted: ${rest}`
      : `is neither evicted nor taken out of its workload: ${rest}`;
  return { object: podName(incident), what };
}

function isolated(incident: DriftIncident): Touch[] {
  if (!stepsLeft(incident).includes('Isolate')) return [];
  const { form } = incident.status?.plan ?? {};
  const { namespace } = incident.spec.target;
  const owners = form === 'Orphan' && losesOwners(incident.spec.target) ? ', and its owner references' : '';
  const labels = `the labels ${QUARANTINE_LABEL} and ${SEVERITY_LABEL} and the annotation ${INCIDENT_ANNOTATION}`;
  const what =
    form === 'Orphan'
      ? `is isolated: all of its labels${owners} are taken away, it gets ${labels}`
      : `is isolated gently: it gets ${labels}`;
  return [
    { object: podName(incident), what },
    {
      object: `NetworkPolicy ${namespace}/${QUARANTINE_POLICY}`,
      what: 'is made where it is missing: it denies all traffic of pods with the label',
    },
    ...lists(incident, 'gets the pod as an entry'),
  ];
}

function evicted(incident: DriftIncident): Touch[] {
  if (!mayEvict(incident)) return [];
  const { target } = incident.spec;
  const { settings } = responseOf(incident);
  const { gracePeriodSeconds, waitForBudget, then } = settings.eviction;
  const when = incident.status?.plan?.steps.includes('Evict')
    ? ''
    : `, once it was in quarantine for ${settings.isolation.ttl}`;
  const past =
    then === 'Delete' ? `; deleted, if a disruption budget is against that for ${waitForBudget}` : '';
  return [
    {
      object: podName(incident),
      what: `is evicted by its UID, with a grace of ${gracePeriodSeconds} s${when}${past}`,
    },
    ...restarted(incident),
    ...(ownerKind(target.workload) === 'StatefulSet'
      ? [
          {
            object: `StatefulSet ${target.namespace}/${target.workload?.name ?? ''}`,
            what: `gets the annotation ${TOUCHED_ANNOTATION} if it does not start a new pod`,
          },
        ]
      : []),
    ...ending(incident, 'once the pod is gone'),
  ];
}

function restarted(incident: DriftIncident): Touch[] {
  if (!restarts(incident)) return [];
  const { namespace, name } = incident.spec.target;
  const kept = incident.status?.restart?.manifest;
  return [
    {
      object: `ControllerRevision ${namespace}/${kept?.revision ?? '(not kept yet)'}`,
      what: 'is read: the pod is made anew from it, if its hash is as recorded',
    },
    { object: `Pod ${namespace}/${name}`, what: 'is made anew under the same name, with another UID' },
  ];
}

function released(incident: DriftIncident, live: LivePod): Touch[] {
  const object = podName(incident);
  if (live.state === 'Gone')
    return [{ object, what: 'is gone: nothing is put back' }, ...ending(incident, 'then')];
  const { target } = incident.spec;
  if (live.state === 'There' && live.pod.deletionTimestamp !== undefined)
    return [
      { object, what: 'is being deleted already, and that cannot be taken back' },
      ...ending(incident, 'once it is gone'),
    ];
  const carries = live.state === 'Unread' || carriesChange(incident, live.pod);
  const cost =
    incident.status?.isolation?.form === 'Orphan' && ownerKind(target.workload) === 'ReplicaSet'
      ? `; it has the annotation ${DELETION_COST_ANNOTATION} until its ReplicaSet has removed one pod too many`
      : '';
  const owners = losesOwners(target) ? ', annotation and owner references' : ' and annotation';
  const what = carries
    ? `gets its labels (${labelNames(target.labels)})${owners} back as recorded: traffic and Services reach it again${cost}`
    : 'carries nothing of this incident: it is left as it is';
  return [
    { object, what },
    ...(mayBeCut(incident)
      ? [{ object, what: 'the firewall in its network is taken away by a helper pod' }]
      : []),
    ...ending(incident, 'once it is put back'),
  ];
}

function labelNames(labels: Readonly<Record<string, string>>): string {
  const keys = Object.keys(labels);
  const more = keys.length - MAX_NAMED;
  const named = keys.slice(0, MAX_NAMED).join(', ');
  return more > 0 ? `${named} and ${more} more` : named || 'none';
}

function ending(incident: DriftIncident, when: string): Touch[] {
  const { namespace = '', name } = incident.metadata;
  const isQuarantined =
    incident.status?.isolation !== undefined && incident.status.isolation.form !== 'LabelOnly';
  const holds = incident.metadata.finalizers?.includes(FINALIZER) ?? false;
  return [
    ...(isQuarantined ? lists(incident, `loses the entry of the pod ${when}`) : []),
    ...(holds
      ? [{ object: `DriftIncident ${namespace}/${name}`, what: `loses the finalizer ${FINALIZER} ${when}` }]
      : []),
  ];
}

function lists({ spec: { target } }: DriftIncident, what: string): Touch[] {
  const object = `ConfigMaps ${target.namespace}/${QUARANTINE_LIST} and ${SYSTEM_NAMESPACE}/${QUARANTINED_PODS_LIST}`;
  return [{ object, what: `each ${what}, where the quarantine is protected` }];
}
