// What may be said about the isolation of a pod: only what was proven. Read with residual.ts, which finds what is open.
import type { IsolationForm, IsolationPath } from '../api/incident.ts';
import type { Condition } from '../api/policy.ts';
import { plainText } from './policy-words.ts';

/** What a test on a node showed: two throw-away pods, a connection that works, then must fail, in both directions. */
export interface NodeEnforcement {
  verdict: 'Enforced' | 'Unenforced';
  /** When it ended, in milliseconds since the epoch. */
  at: number;
  /** From the change to the first refused packet, in milliseconds. */
  tookMs: number;
  /** A connection that was open before was cut as well. */
  establishedCut: boolean;
  /** The boot of the node that was tested; absent if it could not be read. */
  boot?: string | undefined;
}

/** What a probe from within the pod's own network showed. */
export interface NetworkProbe {
  verdict: 'Closed' | 'Open';
  /** When it began, in milliseconds since the epoch. */
  at: number;
  /** What got through, in words. */
  ways?: string;
}

/** What the condition is made of. */
export interface IsolationEvidence {
  /** Milliseconds since the epoch. */
  now: number;
  form: IsolationForm;
  hostNetwork: boolean;
  nodeName: string | undefined;
  /** Who refused to let the labels go, in words. */
  deniedBy: string | undefined;
  /** All that is open, see residual-paths.ts. */
  paths: readonly IsolationPath[];
  /** Paths that found no room in `paths`. */
  morePaths: number;
  /** Why it is not known what is open, in words; undefined if it is. */
  blind: string | undefined;
  /** Whose policies are not read, and may allow more. */
  unread?: readonly string[];
  enforcement: NodeEnforcement | undefined;
  probe: NetworkProbe | undefined;
  /** A firewall is in the network of the pod; `passedBy`: who may get around it, in words. */
  firewall?: { passedBy: string | undefined } | undefined;
  /** Since when nothing is known to be open: the patch of the pod, or the end of what was open; milliseconds. */
  closedSince: number;
}

/** The condition `Isolated` without its times. */
export interface IsolationVerdict extends Pick<Condition, 'status' | 'message'> {
  reason: IsolationReason;
  /** When time alone makes another one of it, in milliseconds since the epoch. */
  until?: number;
}

/** Reasons of the condition while the pod is in quarantine, the best first. */
export const ISOLATION_REASONS = [
  'Verified',
  'Enforced',
  'Pending',
  'Partial',
  'Denied',
  'Unenforced',
  'Unsupported',
] as const;
/** See {@link ISOLATION_REASONS}. */
export type IsolationReason = (typeof ISOLATION_REASONS)[number];

/**
 * Whether people are to be told: more is known to be open than by the reason before. Of a proof that is missing (again, after
 * each start of a leader) nobody is told.
 */
export function isWorse(before: string | undefined, now: IsolationReason): boolean {
  const rank = (reason: string | undefined) => ISOLATION_REASONS.findIndex((one) => one === reason);
  return rank(now) > Math.max(rank(before), rank('Pending'));
}

/**
 * How long a test of a node counts, in milliseconds. What changes on a node meanwhile, another network plugin or another
 * configuration of it, is not seen before the next test, which comes when half of this is over.
 */
export const NODE_TEST_VALID_MS = 24 * 3_600_000;
/** So far the clocks of two leaders may be apart. A time that is further ahead was written by one that was wrong. */
export const MAX_AHEAD_MS = 300_000;
/** How long a probe counts, in milliseconds. */
export const PROBE_VALID_MS = 3_600_000;
/** Shortest time from a change to the word that it is enforced, in milliseconds. */
const LEAST_MARGIN_MS = 1_000;
/** Paths that a message names. */
const NAMED = 3;
const MAX_MESSAGE = 900;

/** Judges the isolation. @throws never. */
export function judgeIsolation(evidence: IsolationEvidence): IsolationVerdict {
  const verdict = impossible(evidence) ?? disproved(evidence) ?? partial(evidence) ?? proven(evidence);
  const passedBy = evidence.firewall?.passedBy;
  const despite =
    passedBy === undefined ? '' : `; that there is a firewall in the pod does not count, as ${passedBy}`;
  return { ...verdict, message: plainText(verdict.message + despite, MAX_MESSAGE) };
}

/** Whether a firewall in the network of the pod cuts it off, whatever policies say and networks do. */
export function isCutOff({ firewall }: Pick<IsolationEvidence, 'firewall'>): boolean {
  return firewall !== undefined && firewall.passedBy === undefined;
}

function impossible({ hostNetwork }: IsolationEvidence): IsolationVerdict | undefined {
  if (!hostNetwork) return undefined;
  return no('Unsupported', 'the pod uses the network of its node, which network policies do not reach');
}

function disproved(evidence: IsolationEvidence): IsolationVerdict | undefined {
  const { deniedBy, probe, nodeName, now } = evidence;
  if (deniedBy !== undefined) {
    const refused = `taking the labels away was refused by ${plainText(deniedBy, 300)}, so the pod is still in its Services and every policy that selects its labels applies`;
    return no('Denied', [refused, ...openWays(evidence)].join('; '));
  }
  // What got through where a policy lets something through says nothing about the network.
  if (probe?.verdict === 'Open' && now < probe.at + PROBE_VALID_MS && openWays(evidence).length === 0)
    return no(
      'Unenforced',
      `a probe in the network of the pod got through: ${probe.ways ?? 'it is not cut off'}`,
    );
  // Also an old test: as long as no newer one shows the opposite, nothing speaks for a network that enforces.
  if (evidence.enforcement?.verdict !== 'Unenforced' || isCutOff(evidence)) return undefined;
  const where = `the network of node ${nodeName ?? 'unknown'}`;
  return no(
    'Unenforced',
    `a test showed that ${where} does not enforce network policies: the pod is not cut off`,
  );
}

/** A path that leaves the isolation incomplete. Those of the node and of exec are there with every isolation. */
export function isHole({ kind }: Pick<IsolationPath, 'kind'>): boolean {
  return kind === 'Policy' || kind === 'Established';
}

function partial(evidence: IsolationEvidence): IsolationVerdict | undefined {
  const ways = openWays(evidence);
  return ways.length > 0 ? no('Partial', ways.join('; ')) : undefined;
}

function openWays({ paths, morePaths }: IsolationEvidence): string[] {
  const holes = paths.filter(isHole);
  if (holes.length === 0) return [];
  const named = holes.slice(0, NAMED).map(pathWords);
  const others = holes.length - named.length + morePaths;
  return [
    `still open: ${named.join('; ')}`,
    ...(others > 0 ? [`and ${others} more: see status.isolation.paths`] : []),
  ];
}

function pathWords({ kind, direction, peer, ports, policy }: IsolationPath): string {
  if (kind === 'Established') return peer;
  const way = direction === 'Egress' ? `to ${peer}` : `from ${peer}`;
  return `${way}, ${ports}${policy === undefined ? ', denied by no policy' : ` (${policy})`}`;
}

function proven(evidence: IsolationEvidence): IsolationVerdict {
  const { now, probe, enforcement, nodeName, blind, closedSince } = evidence;
  // A probe tries a few ways: it does not show what policies allow that nobody could read.
  const isKnown = blind === undefined;
  if (isKnown && probe && now < probe.at + PROBE_VALID_MS && probe.at >= closedSince) {
    return yes(
      'Verified',
      'a probe from within the network of the pod, and into it, got nowhere, and no policy that is known lets the pod through',
      probe.at + PROBE_VALID_MS,
    );
  }
  if (isCutOff(evidence)) {
    const message = 'a firewall in the network of the pod lets through nothing but the probes of its node';
    return { status: 'True', reason: 'Enforced', message };
  }
  if (!enforcement || !isFresh(enforcement, now)) {
    const where = nodeName === undefined ? 'the network' : `the network of node ${nodeName}`;
    return pending(`label and deny policy are in place; that ${where} enforces them was not tested`);
  }
  if (blind !== undefined) return pending(`label and deny policy are in place; ${blind}`);
  const until = closedSince + Math.max(LEAST_MARGIN_MS, 2 * enforcement.tookMs);
  if (now < until)
    return pending('label and deny policy are in place; the network is given time to act on them', until);
  return yes('Enforced', enforcedWords(evidence), enforcement.at + NODE_TEST_VALID_MS);
}

/** Whether a test of a node still counts. */
export function isFresh({ at }: Pick<NodeEnforcement, 'at'>, now: number): boolean {
  return at <= now + MAX_AHEAD_MS && now < at + NODE_TEST_VALID_MS;
}

function enforcedWords({ nodeName = 'unknown', unread = [] }: IsolationEvidence): string {
  const but = unread.length === 0 ? '' : `; what policies of ${unread.join(', ')} allow was not read`;
  return `a test showed that the network of node ${nodeName} enforces network policies, and no NetworkPolicy or policy of Cilium lets the pod through${but}`;
}

function no(reason: IsolationReason, message: string): IsolationVerdict {
  return { status: 'False', reason, message };
}

function yes(reason: IsolationReason, message: string, until: number): IsolationVerdict {
  return { status: 'True', reason, message, until };
}

function pending(message: string, until?: number): IsolationVerdict {
  return { status: 'Unknown', reason: 'Pending', message, ...(until !== undefined && { until }) };
}
