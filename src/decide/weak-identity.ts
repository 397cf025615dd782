// Detections that name a pod and prove nothing: what only they ask for is done once a person approves.
import type { Contribution, DriftIncident } from '../api/incident.ts';
import type { OtherNeed } from './decision.ts';
import { actionsOf, triggerPolicies } from './merge.ts';
import type { Standing } from './standing.ts';

const MESSAGE =
  'the alert names the pod, but tells neither its UID nor a container of it: what only it asks for is not done until somebody has looked, or a detector that is surer asks for it, too';

/** The incident as if only detections that are sure which pod they are about had asked; undefined: all are. */
export function surePart(incident: DriftIncident): DriftIncident | undefined {
  const { spec, status } = incident;
  const reports = Object.entries(status?.reports ?? {});
  const triggered = triggerPolicies(incident);
  const asked = [...triggered, ...reports.flatMap(([, { policies }]) => policies ?? [])];
  if (!asked.some(isWeak)) return undefined;
  const sure = (policies: readonly Contribution[]) => policies.filter((one) => !isWeak(one));
  return {
    ...incident,
    spec: { ...spec, trigger: { ...spec.trigger, policies: sure(triggered) } },
    status: {
      ...status,
      reports: Object.fromEntries(
        reports.map(([key, { policies, ...report }]) => [
          key,
          policies ? { ...report, policies: sure(policies) } : report,
        ]),
      ),
    },
  };
}

/**
 * The need for a person before what only weak detections ask for is done; undefined: there is nothing of that kind. A sure
 * detection that asks for less, or is only recorded, takes it away for nothing but what it asks for itself.
 */
export function weakIdentity(incident: DriftIncident, standing: Standing): OtherNeed | undefined {
  const part = surePart(incident);
  if (!part) return undefined;
  const [all, sure] = [actionsOf(incident, standing), actionsOf(part, standing)];
  const later = new Set([...sure.enforce, ...(sure.ifConfirmed ?? [])]);
  const isAdded =
    all.enforce.some((action) => !sure.enforce.includes(action)) ||
    (all.ifConfirmed ?? []).some((action) => !later.has(action));
  return isAdded ? { need: 'WeakIdentity', message: MESSAGE } : undefined;
}

function isWeak({ weak }: Contribution): boolean {
  return weak === true;
}
