// Realistic bugs, each planted into the source text as it is loaded by a process of its own: production code has no switch.
// The text must be there exactly once, or the hunt fails, so that no mutant rots.
import { EVICTION_MUTANTS } from './mutants/evictions.ts';
import { AVAILABILITY_MUTANTS } from './mutants/availability.ts';
import { DECISION_MUTANTS } from './mutants/decisions.ts';
import { DEFENDER_MUTANTS } from './mutants/defender.ts';
import { EVIDENCE_MUTANTS } from './mutants/evidence.ts';
import { INTAKE_MUTANTS } from './mutants/intake.ts';
import type { Mutant } from './mutants/mutant.ts';
import { NOTIFICATION_MUTANTS } from './mutants/notifications.ts';
import { PROTECTION_MUTANTS } from './mutants/protection.ts';
import { QUARANTINE_MUTANTS } from './mutants/quarantine.ts';
import { RECOVERY_MUTANTS } from './mutants/recovery.ts';
import { RESTART_MUTANTS } from './mutants/restarts.ts';
import { SILENCE_MUTANTS } from './mutants/silence.ts';
import { SPENDING_MUTANTS } from './mutants/spending.ts';
import { VERIFICATION_MUTANTS } from './mutants/verification.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'isolate-without-uid',
    file: 'respond/isolate.ts',
    find: "{ op: 'test', path: '/metadata/uid', value: incident.spec.target.uid },",
    replacement: '',
    about: 'the pod is patched whoever has its name by now',
  },
  {
    name: 'evict-without-uid',
    file: 'respond/evict.ts',
    find: 'const preconditions = tries > 0 ? { uid, resourceVersion } : { uid };',
    replacement: 'const preconditions = {};',
    about: 'whoever has the name of the pod is evicted',
  },
  {
    name: 'evict-before-it-is-written',
    file: 'incidents/execute.ts',
    find: `  record.current = noteAnew(withStep(record.current, change, now), anew === true, now);
  await record.write();
  // Pause switch`,
    replacement: '  // Pause switch',
    about: 'the eviction is not written ahead: after a crash nobody knows of it',
  },
  {
    name: 'drop-finalizer-early',
    file: 'decide/plan.ts',
    find: '|| !carriesOurs) return',
    replacement: '|| pod.name !== "") return',
    about: 'a deleted incident goes while its pod is in quarantine',
  },
  {
    name: 'ignore-pause',
    file: 'decide/pause.ts',
    find: "value === undefined || value === 'false'",
    replacement: 'value !== "x"',
    about: 'the pause switch has no effect',
    prey: ['paused', 'paused-midway', 'paused-deletion'],
  },
  {
    name: 'unreadable-is-not-paused',
    file: 'incidents/facts.ts',
    find: 'return `paused, because ${PAUSE_SWITCH} cannot be read',
    replacement:
      'if (error !== PAUSE_SWITCH) return undefined; return `paused, because ${PAUSE_SWITCH} cannot be read',
    about: 'a pause switch that cannot be read counts as off',
    prey: ['replace', 'paused', 'paused-deletion'],
  },
  {
    name: 'evict-before-capture',
    file: 'decide/plan.ts',
    find: '  capture,\n  confirmNext,\n  person,\n  keepNext,\n  eviction,\n];',
    replacement: '  confirmNext,\n  person,\n  keepNext,\n  eviction,\n  capture,\n];',
    about: 'the pod goes before its evidence is kept',
  },
  {
    name: 'capture-before-isolation',
    file: 'decide/plan.ts',
    find: '  isolation,\n  cutNext,\n  capture,\n',
    replacement: '  capture,\n  isolation,\n  cutNext,\n',
    about: 'the pod is isolated only when its evidence is kept',
  },
  {
    name: 'policy-from-cache',
    file: 'incidents/facts.ts',
    find: ', ...(live.standing ?? [])]',
    replacement: ']',
    about: 'an eviction goes by what the watch told of its policy, however long ago',
    prey: ['policy-to-audit', 'policy-deleted'],
  },
  {
    name: 'ignore-narrowed-rung',
    file: 'decide/standing.ts',
    find: '.flatMap(({ actions }) => actions)',
    replacement: ".flatMap(() => ['Label', 'Isolate', 'Capture', 'Evict'])",
    about: 'what was taken off a rung is done all the same',
    prey: ['rung-narrowed'],
  },
  {
    name: 'ignore-release',
    file: 'decide/plan.ts',
    find: "if (incident.spec.decision?.action === 'Release') return release(incident, facts);",
    replacement: '',
    about: 'the response goes on after a Release',
  },
  {
    name: 'evict-as-planned',
    file: 'incidents/execute.ts',
    find: 'if (wasDecidedSince(planned, record.current)) return;',
    replacement: '',
    about: 'an eviction that was planned is sent though people have decided meanwhile',
    prey: ['release', 'delete-incident'],
  },
  {
    name: 'sibling-is-replacement',
    file: 'decide/replacement.ts',
    find: 'return pod.createdAt >= metadata.creationTimestamp && !status?.plan?.bystanders?.includes(pod.uid);',
    replacement: 'return status !== undefined;',
    about: 'a pod that was there before counts as the replacement',
  },
  {
    name: 'taken-name-is-ours',
    file: 'incidents/open.ts',
    find: 'return client.get<DriftIncident>(DRIFT_INCIDENTS, { namespace, name });',
    replacement: 'return undefined;',
    about: 'a 409 for the name of an incident counts as having opened it',
  },
  {
    name: 'acknowledge-too-soon',
    file: 'detect/intake.ts',
    find: 'inHand.durable = Promise.race([inHand.ended, journal.append(detection)]);',
    replacement: 'void journal.append(detection).catch(() => {}); inHand.durable = Promise.resolve();',
    about: 'an alert is acknowledged before it is on the disk',
    prey: ['replace', 'escalation'],
  },
  {
    name: 'settle-too-soon',
    file: 'detect/intake.ts',
    find: 'inHand.durable = Promise.race([inHand.ended, journal.append(detection)]);',
    replacement:
      'inHand.durable = Promise.race([inHand.ended, journal.append(detection).then(() => journal.settle(detection.summary.id))]);',
    about: 'an alert is taken off the disk before it has its outcome',
    prey: ['replace', 'escalation'],
  },
  {
    name: 'patch-as-javascript-writes',
    file: 'kube/request.ts',
    find: 'body: asGoWrites(ops),',
    replacement: 'body: JSON.stringify(ops),',
    about: 'an incident whose status holds an arrow is never written again',
  },
  {
    name: 'no-fence',
    file: 'kube/fence.ts',
    find: 'if (leadership.remainingMs() <= 0) throw new NotLeadingError();',
    replacement: '',
    about: 'a replica that leads no longer goes on sending',
  },
  {
    name: 'room-is-free-again',
    file: 'incidents/execute.ts',
    find: "if (work.step === 'Isolate' && !isUnavailable(error))",
    replacement: "if (work.step === 'Isolate')",
    about: 'an isolation whose answer is lost counts as not done, so that the limits are passed',
    prey: ['beyond-limits'],
  },
  {
    name: 'limit-plus-one',
    file: 'decide/limits.ts',
    find: 'workload.quarantinedOthers >= perWorkload.quarantined',
    replacement: 'workload.quarantinedOthers > perWorkload.quarantined',
    about: 'one pod too many is taken out of its workload',
  },
  {
    name: 'labels-are-lost',
    file: 'respond/release.ts',
    find: 'labels: { ...kept, ...recorded },',
    replacement: 'labels: kept,',
    about: 'a Release does not give the labels back',
  },
  {
    name: 'edited-labels-stay',
    file: 'respond/release.ts',
    find: 'labels: { ...kept, ...recorded },',
    replacement: 'labels: { ...recorded, ...kept },',
    about: 'a label that somebody set on the orphan outlives its release',
    prey: ['release-edited'],
  },
  {
    name: 'owners-are-lost',
    file: 'respond/owners.ts',
    find: 'if (!losesOwners(target)) return { owners: [] };',
    replacement: 'if (target.name !== "") return { owners: [] };',
    about: 'a Release does not give a pod back to an owner that nobody knows',
    prey: ['release-unowned'],
  },
  {
    name: 'cost-stays',
    file: 'respond/release.ts',
    find: '...(cost === KEPT_COST ? [test(COST, cost), remove(COST)] : []),',
    replacement: '',
    about: 'the deletion cost that a Release lends is never taken back',
    prey: ['release', 'release-contained'],
  },
  {
    name: 'over-before-it-is-settled',
    file: 'decide/plan.ts',
    find: `  if (isSettling(incident, pod)) return settling(incident, facts);
  if (carriesChange`,
    replacement:
      '  if (isSettling(incident, pod)) return done("Released", "Released", by);\n  if (carriesChange',
    about: 'an incident is over while what its Release lent is still on the pod',
    prey: ['release', 'release-contained'],
  },
  {
    name: 'released-pod-goes',
    file: 'decide/marks.ts',
    find: "'2147483647'",
    replacement: "'-2147483647'",
    about: 'of two the pod goes that a person found clean',
    prey: ['release-contained'],
  },
  {
    name: 'expiry-without-evidence',
    file: 'decide/expiry.ts',
    find: 'if (!hasCompleteEvidence(incident))',
    replacement: 'if (!hasCompleteEvidence(incident) && at === 0)',
    about: 'a quarantine that expires ends in an eviction, evidence or not',
    prey: ['expires-without-evidence'],
  },
  {
    name: 'expiry-in-audit',
    file: 'decide/expiry.ts',
    find: "if (!effectiveActions(uncapped, standing, isConfirmed).enforce.includes('Isolate'))",
    replacement: "if (effectiveActions(uncapped, standing).audit.includes('Evict'))",
    about: 'a quarantine that expires ends in an eviction, though its policy is in Audit by then',
    prey: ['expires-in-audit'],
  },
  {
    name: 'quarantine-never-ends',
    file: 'decide/plan.ts',
    find: 'if (at !== undefined && at <= facts.now) return wait(',
    replacement: 'if (at !== undefined && at < 0) return wait(',
    about: 'nobody is told that a quarantine is over',
    prey: ['expires-without-evidence', 'expires-in-audit'],
  },
  {
    name: 'evict-what-is-going',
    file: 'decide/plan.ts',
    find: `  if (isGoing(pod)) return terminating(incident, pod, facts);
  const because`,
    replacement: `  if (isGoing(pod) && pod.name === '') return terminating(incident, pod, facts);
  const because`,
    about: 'a pod that is being deleted is evicted again',
  },
  {
    name: 'first-come-first-served',
    file: 'decide/replacement.ts',
    find: '(wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) ||',
    replacement: '',
    about: 'an incident takes the one replacement that another one could have',
  },
  {
    name: 'lost-eviction-is-none',
    file: 'decide/marks.ts',
    find: "(step.state !== 'Waiting' || !REFUSALS.has(step.reason))",
    replacement: "step.state !== 'Waiting'",
    about: 'an eviction whose answer is lost counts as not done',
  },
  ...AVAILABILITY_MUTANTS,
  ...PROTECTION_MUTANTS,
  ...QUARANTINE_MUTANTS,
  ...DECISION_MUTANTS,
  ...DEFENDER_MUTANTS,
  ...VERIFICATION_MUTANTS,
  ...EVIDENCE_MUTANTS,
  ...RECOVERY_MUTANTS,
  ...SPENDING_MUTANTS,
  ...INTAKE_MUTANTS,
  ...EVICTION_MUTANTS,
  ...RESTART_MUTANTS,
  ...NOTIFICATION_MUTANTS,
  ...SILENCE_MUTANTS,
];

/** The mutant of that name. @throws RangeError that names all, if there is none. */
export function mutantNamed(name: string): Mutant {
  const found = MUTANTS.find((mutant) => mutant.name === name);
  if (found) return found;
  throw new RangeError(`no mutant ${name}; there are ${MUTANTS.map((each) => each.name).join(', ')}`);
}
