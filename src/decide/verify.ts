// The proof of recovery: what took the place of a pod has to come, to be Ready with clean images, and then to be quiet.
import type { DriftIncident } from '../api/incident.ts';
import type { WaitingReason } from '../api/pod.ts';
import { done, wait, type Decision, type Facts, type Replacement } from './decision.ts';
import { recordedDuration } from './duration.ts';
import { responseOf } from './merge.ts';
import { quietOf } from './quiet.ts';
import { touch } from './touch.ts';

/** A registry that says nothing for so long, in milliseconds, may as well not be there. */
const LEARN_MS = 15_000;
const ASKING =
  'took its place and is Ready; its registry is asked whether what it runs is the image that it should run';
/** Controllers start a pod within a second or two, if nothing holds them back. */
const SLOW_RETURN_MS = 5_000;
const IMAGE_TROUBLES: ReadonlySet<WaitingReason> = new Set<WaitingReason>([
  'ImagePullBackOff',
  'ErrImagePull',
  'ErrImageNeverPull',
  'InvalidImageName',
]);
const NEXT = 'until somebody looks at it, each eviction of this workload needs a person';

/** What is next for an incident whose pod went by our eviction. */
export function verify(incident: DriftIncident, facts: Facts): Decision {
  const { now, replacement, driftedAgain } = facts;
  if (driftedAgain !== undefined) {
    const name = replacement?.pod.name ?? incident.status?.replacement?.name ?? '';
    const message = `${name} took its place and drifted, too (incident ${driftedAgain}): what let this in is still open; ${NEXT}`;
    return done('Failed', 'DriftedAgain', message);
  }
  const since = goneSince(incident, now);
  const { readyWithin } = responseOf(incident).settings.eviction.replacement;
  const deadline = readyBy(incident, now);
  if (!replacement) return missing(incident, facts, { since, deadline });
  if (replacement.pod.ready) return quieten(incident, replacement, { now, deadline });
  return now < deadline
    ? waitForIt(deadline)
    : neverReady(replacement, `was not Ready within ${readyWithin}`);
}

/** Whether what took the place should have been Ready by now. */
export function isOverdue(incident: DriftIncident, now: number): boolean {
  return now >= readyBy(incident, now);
}

function readyBy(incident: DriftIncident, now: number): number {
  const { readyWithin } = responseOf(incident).settings.eviction.replacement;
  return goneSince(incident, now) + recordedDuration(readyWithin);
}

/** Whether nobody has come for so long that the workload is asked whether it still wants somebody. */
export function isSlow(incident: DriftIncident, now: number): boolean {
  return incident.status?.eviction?.goneAt !== undefined && now >= goneSince(incident, now) + SLOW_RETURN_MS;
}

// A pod goes after its incident came, by the API server's clock: an earlier time was written by a clock that was behind, unless
// it is ours that is.
function goneSince({ metadata, status }: DriftIncident, now: number): number {
  const at = Date.parse(status?.restart?.pod?.createdAt ?? status?.eviction?.goneAt ?? '') || now;
  const created = Date.parse(metadata.creationTimestamp);
  return created <= now ? Math.max(at, created) : at;
}

function missing(
  incident: DriftIncident,
  { now, needless, driftedFirst }: Facts,
  { since, deadline }: { since: number; deadline: number },
): Decision {
  if (needless && (needless.certain || now >= deadline)) {
    const message = `nothing has to take its place: ${needless.message}`;
    return done('Resolved', 'NoReplacementNeeded', message);
  }
  if (now >= deadline) return noReplacement(incident, driftedFirst);
  const late = since + SLOW_RETURN_MS;
  if (now < late) return waitForIt(Math.min(late, deadline));
  return touch(incident, now) ?? waitForIt(deadline);
}

function noReplacement(incident: DriftIncident, driftedFirst: Facts['driftedFirst']): Decision {
  const { readyWithin } = responseOf(incident).settings.eviction.replacement;
  if (driftedFirst) {
    const { pod, incident: name } = driftedFirst;
    const message = `nothing came in its place within ${readyWithin} but ${pod}, which drifted, too (incident ${name}): what let this in is still open; ${NEXT}`;
    return done('Failed', 'DriftedAgain', message);
  }
  const before = incident.status?.replacement;
  return before
    ? done(
        'Failed',
        'ReplacementGone',
        `${before.name} took its place and went away before it was proven: look at why, and at what came after it`,
      )
    : done(
        'Failed',
        'NoReplacement',
        `no replacement appeared within ${readyWithin}: look at the events of the controller; ${NEXT}`,
      );
}

function waitForIt(until: number): Decision {
  const message = 'the pod is gone; waiting for a Ready replacement';
  return wait('Verifying', 'WaitingForReplacement', message, until);
}

function quieten(
  incident: DriftIncident,
  replacement: Replacement,
  { now, deadline }: { now: number; deadline: number },
): Decision {
  const { require, quietFor } = responseOf(incident).settings.eviction.replacement;
  const { pod } = replacement;
  const judged = verdict(replacement, require);
  const quiet = quietOf(incident, pod, now);
  const learned = Math.min(quiet.from + LEARN_MS, deadline);
  if (judged.phase === 'Failed') {
    const isLearning = replacement.proof.undecided === true && now < learned;
    return isLearning ? wait('Verifying', 'AskingRegistry', `${pod.name} ${ASKING}`, learned) : judged;
  }
  // Until then it may need a second start; a crash loop ends here, however often it is Ready in between.
  if (quiet.disturbed && now >= deadline) return neverReady(replacement, 'did not stay as it was');
  if (now >= quiet.until) return judged;
  const message = `${pod.name} took its place and is Ready; it has to stay so for ${quietFor}, without a restart and without drift`;
  return wait('Verifying', 'Quiet', message, quiet.until);
}

function verdict(
  { pod, proof, otherRevision }: Replacement,
  require: 'Baseline' | 'Pinned',
): Decision & { kind: 'Done' } {
  const proven = proof.verdict === 'Pinned' || (require === 'Baseline' && proof.verdict !== 'Mismatch');
  const name = otherRevision === true ? `${pod.name}, of another revision of the workload,` : pod.name;
  if (proven) return done('Resolved', 'Replaced', `${name} took its place: ${proof.message}`);
  const reason = proof.verdict === 'Mismatch' ? 'UnapprovedImage' : 'Unpinned';
  return done(
    'Failed',
    reason,
    `${name} took its place, but ${proof.message}: look at it before you trust the workload; ${NEXT}`,
  );
}

// The reason that says the most.
function neverReady({ pod, proof }: Replacement, what: string): Decision {
  const { name, waiting, restarts = 0 } = pod;
  if (proof.verdict === 'Mismatch') return failed('UnapprovedImage', `${name} ${what}, and ${proof.message}`);
  if (waiting && IMAGE_TROUBLES.has(waiting))
    return failed('ImageUnavailable', `${name} ${what}: an image of it cannot be had (${waiting})`);
  if (waiting === 'CrashLoopBackOff' || restarts > 0)
    return failed('CrashLooping', `${name} ${what}: its containers were started again ${restarts} times`);
  return failed('NotReady', `${name} ${what}${waiting ? ` (${waiting})` : ''}`);
}

function failed(reason: string, message: string): Decision {
  return done('Failed', reason, `${message}: look at the pod; ${NEXT}`);
}
