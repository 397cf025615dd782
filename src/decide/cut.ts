// When a firewall goes into the network of a pod, and whether one is there.
import type { DriftIncident } from '../api/incident.ts';
import type { PodFacts } from '../api/pod.ts';
import type { Action } from '../api/policy.ts';
import type { Decision } from './decision.ts';
import type { Situation } from './form.ts';
import { quarantinedByUs, stepOf } from './marks.ts';
import { responseOf } from './merge.ts';
import { due, waitFor } from './tries.ts';

/** Whether there may be a firewall of ours: one was begun, and none was taken away since. */
export function mayBeCut(incident: DriftIncident): boolean {
  return incident.status?.isolation?.cut !== undefined;
}

/**
 * Whether the firewall is in the network that the pod has now. A pod whose sandbox had to be made anew, after a reboot for
 * instance, has another network; on some networks with the address that it had before.
 */
export function isCut(incident: DriftIncident, pod: PodFacts): boolean {
  const { at, podIP, sandboxAt } = incident.status?.isolation?.cut ?? {};
  return at !== undefined && podIP !== undefined && podIP === pod.ip && sandboxAt === pod.sandboxAt;
}

/** Whether actions bring a firewall with them. */
export function bringsCut(
  incident: DriftIncident,
  pod: PodFacts | undefined,
  actions: readonly Action[],
): boolean {
  const { cut } = responseOf(incident).settings.isolation;
  // Without a network of its own there is nothing to put it into.
  return actions.includes('Isolate') && cut === 'PodFirewall' && pod?.hostNetwork !== true;
}

/** The step that puts it in, once the pod is in quarantine. */
export function cutNext({ incident, facts, pod, actions }: Situation): Decision | undefined {
  if (pod.deletionTimestamp !== undefined || pod.phase !== 'Running' || pod.ip === undefined)
    return undefined;
  if (!bringsCut(incident, pod, actions.enforce) || !quarantinedByUs(incident, pod)) return undefined;
  // Without a record of the isolation there is none to note the firewall in, and a release would leave it where it is.
  if (isCut(incident, pod) || incident.status?.isolation === undefined) return undefined;
  const step = stepOf(incident, 'Cut');
  if (!step || due(step, facts.now)) return { kind: 'Run', work: { step: 'Cut' } };
  // As with the isolation: what lasts is tried again slowly, and nothing waits for it.
  return step.state === 'Waiting' ? waitFor('Responding', step) : undefined;
}
