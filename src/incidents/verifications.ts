// What verifications of pods found, kept in memory for the conditions of policies and for metrics; found again by each leader.
import { POLICY_CONDITIONS, type NewCondition } from '../api/conditions.ts';
import type { PodFacts } from '../api/pod.ts';
import { VERIFICATION_VERDICTS, type VerificationVerdict } from '../api/verification.ts';
import type { AskedVerification } from '../decide/verification.ts';
import type { TemplateFinding } from '../decide/template-finding.ts';
import { worstVerdict, type VerifiedImage } from '../decide/verify-images.ts';

/** What was found of one pod. */
interface Verified {
  where: string;
  policies: AskedVerification['policies'];
  verdicts: VerificationVerdict[];
  drift: number;
  /** Why its configuration could not be compared; absent: it was. */
  unknown?: string;
  /** What people are told of it: the worst of its containers, or the first difference. */
  note?: string;
}

/** What a look at a pod found. */
interface Found {
  images: readonly VerifiedImage[];
  drift: readonly TemplateFinding[];
  unknown?: string;
}

/** What is not known yet. */
interface Unread {
  /** With the list of approved images of the policy. */
  problem?: string | undefined;
  /** How many of its pods were not looked at. */
  pending: number;
}

/** Pods that a message names. */
const MAX_NAMED = 3;
const MAX_NOTE = 256;
/** Reason of the condition while not all pods were looked at. */
export const VERIFYING = 'Verifying';

/** See the file's first line. */
export class Verifications {
  readonly #byPod = new Map<string, Verified>();

  /** Notes what was found. @returns the keys of the policies whose condition may be another one now. */
  note(
    pod: PodFacts,
    { policies }: Pick<AskedVerification, 'policies'>,
    { images, drift, unknown }: Found,
  ): string[] {
    const verdicts = images.map(({ verdict }) => verdict);
    const worst = worstVerdict(verdicts);
    const image = worst === 'Approved' ? undefined : images.find(({ verdict }) => verdict === worst);
    const note = worst === 'Unapproved' ? image?.message : (drift[0]?.message ?? image?.message);
    const found: Verified = {
      where: `${pod.namespace}/${pod.name}`,
      policies,
      verdicts,
      drift: drift.length,
      ...(unknown !== undefined && { unknown: unknown.slice(0, MAX_NOTE) }),
      ...(note !== undefined && { note: note.slice(0, MAX_NOTE) }),
    };
    const before = this.#byPod.get(pod.uid);
    this.#byPod.set(pod.uid, found);
    return isSame(before, found) ? [] : keysOf(before, found);
  }

  /** Forgets a pod. @returns as {@link note}. */
  forget(podUid: string): string[] {
    const before = this.#byPod.get(podUid);
    this.#byPod.delete(podUid);
    return keysOf(before);
  }

  /** Whether a pod was looked at for that policy. */
  has(podUid: string, policyUid: string): boolean {
    return this.#byPod.get(podUid)?.policies.some(({ uid }) => uid === policyUid) === true;
  }

  /** How many containers have which verdict. */
  counts(): Record<VerificationVerdict, number> {
    const all = [...this.#byPod.values()].flatMap(({ verdicts }) => verdicts);
    const counts = VERIFICATION_VERDICTS.map((verdict) => [
      verdict,
      all.filter((one) => one === verdict).length,
    ]);
    return Object.fromEntries(counts) as Record<VerificationVerdict, number>;
  }

  /** How many pods differ from their template. */
  drifted(): number {
    return [...this.#byPod.values()].filter(({ drift }) => drift > 0).length;
  }

  /** The condition `Verified` of a policy. */
  conditionOf(policyUid: string, { problem, pending }: Unread): NewCondition {
    const pods = [...this.#byPod.values()].filter(({ policies }) =>
      policies.some(({ uid }) => uid === policyUid),
    );
    const condition = pendingOr(judge(pods), pending, pods.length);
    if (problem === undefined) return condition;
    const message = `${problem}. ${condition.message}`;
    // What a list would refuse is not known.
    return condition.status === 'False'
      ? { ...condition, message }
      : { ...condition, status: 'Unknown', reason: 'ListUnreadable', message };
  }
}

/** Nothing is true of pods that were not looked at: a pipeline may wait for it. */
function pendingOr(condition: NewCondition, pending: number, looked: number): NewCondition {
  if (pending === 0 || !(condition.status === 'True' || condition.reason === 'NoPods')) return condition;
  const message = `${pending} of ${count(looked + pending, 'pod')} not looked at yet`;
  return { ...condition, status: 'Unknown', reason: VERIFYING, message };
}

function judge(pods: readonly Verified[]): NewCondition {
  const { Verified: type } = POLICY_CONDITIONS;
  if (pods.length === 0) {
    const message = 'there is no running pod to be verified';
    return { type, status: 'Unknown', reason: 'NoPods', message };
  }
  const all = pods.flatMap(({ verdicts }) => verdicts);
  const worst = worstVerdict(all);
  const drifted = pods.filter(({ drift }) => drift > 0);
  const of = `of ${count(all.length, 'container')} of ${count(pods.length, 'pod')}`;
  const unapproved = pods.filter(({ verdicts }) => verdicts.includes('Unapproved'));
  if (unapproved.length > 0 || drifted.length > 0) {
    const images = `${count(all.filter((one) => one === 'Unapproved').length, 'image')} ${of} not approved`;
    const differ = `${count(drifted.length, 'pod')} ${drifted.length === 1 ? 'differs' : 'differ'} from the template`;
    return {
      type,
      status: 'False',
      reason: unapproved.length > 0 ? 'Unapproved' : 'ConfigurationDrift',
      message: `${images}, ${differ}: ${named([...new Set([...unapproved, ...drifted])])}`,
    };
  }
  const unknown = pods.filter((one) => one.unknown !== undefined);
  if (worst === 'Approved' && unknown.length > 0)
    return {
      type,
      status: 'Unknown',
      reason: 'NoTemplate',
      message: `the images ${of} are approved; the configuration of ${count(unknown.length, 'pod')} could not be compared: ${named(unknown.map((one) => ({ ...one, note: one.unknown ?? '' })))}`,
    };
  if (worst === 'Approved')
    return { type, status: 'True', reason: 'Verified', message: `the images ${of} are approved` };
  const some = VERIFICATION_VERDICTS.filter((verdict) => verdict !== 'Approved' && all.includes(verdict));
  const counts = some.map((verdict) => `${all.filter((one) => one === verdict).length} ${verdict}`);
  const unproven = pods.filter(({ verdicts }) => worstVerdict(verdicts) !== 'Approved');
  return {
    type,
    status: 'Unknown',
    reason: worst,
    message: `${of.slice(3)}: ${counts.join(', ')}: ${named(unproven)}`,
  };
}

function named(pods: readonly Verified[]): string {
  const more = pods.length > MAX_NAMED ? `; and ${pods.length - MAX_NAMED} more pods` : '';
  const first = pods.slice(0, MAX_NAMED).map(({ where, note }) => `${where}: ${note ?? ''}`);
  return `${first.join('; ')}${more}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function isSame(a: Verified | undefined, b: Verified): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

function keysOf(...all: (Verified | undefined)[]): string[] {
  return [...new Set(all.flatMap((one) => one?.policies.map(({ key }) => key) ?? []))];
}
