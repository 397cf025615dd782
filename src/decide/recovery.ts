// The pod is gone: is its evidence safe, was it our eviction, and is what took its place clean?
import type { DriftIncident } from '../api/incident.ts';
import { done, type Decision, type Facts } from './decision.ts';
import { lacksEvidence } from './evidence.ts';
import { wasAccepted, wasAttempted } from './marks.ts';
import { actionsOf } from './merge.ts';
import { restartNext } from './restart.ts';
import { touch } from './touch.ts';
import { verify } from './verify.ts';

/** The decision about an incident whose pod is gone. */
export function afterPod(incident: DriftIncident, facts: Facts): Decision {
  const actions = actionsOf(incident, facts.standing);
  // Who wants no evidence only has to get the pod deleted; what was read of it before is kept all the same.
  if (facts.snapshotBegun && lacksEvidence(incident, actions))
    return { kind: 'Run', work: { step: 'Capture' } };
  const { decision } = incident.spec;
  // Whoever deleted a pod that a person wants kept, it was not an eviction that nobody accepted.
  const isDenied = decision?.action === 'Deny' && !wasAccepted(incident);
  if (wasAttempted(incident) && !isDenied) return restartNext(incident, facts.now) ?? verify(incident, facts);
  const orphaned = incident.status?.isolation?.form === 'Orphan';
  return (
    (orphaned ? touch(incident, facts.now) : undefined) ?? done('TargetGone', 'PodGone', howItWent(incident))
  );
}

function howItWent(incident: DriftIncident): string {
  return wasAttempted(incident)
    ? 'the pod went away; whether by an eviction that was asked for before it was denied is not known'
    : 'the pod went away, and not by an eviction of this incident';
}
