// From what a comparison of a pod with its images found to a Detection, one for a pod: the worst change speaks for all.
import { createHash } from 'node:crypto';
import type { Detection } from '../api/detection.ts';
import type { FileChange } from '../api/file-change.ts';
import type { PodFacts } from '../api/pod.ts';
import type { Severity } from '../api/severity.ts';
import { driftOf } from '../decide/filesystem-drift.ts';
import { anyGlob } from '../decide/image-patterns.ts';
import { keptFields } from './fields.ts';
import { cleanText } from './sanitize.ts';

/** Name of the rule that policies match. */
export const FILESYSTEM_RULE = 'Filesystem differs from image';
/** Tag of the rule. */
const TAGS = ['filesystem'];
/** Changes of each kind that are kept; more are counted. */
const MAX_KEPT = 10_000;
const MAX_EXECUTABLE = 512;
/** What programs read to find out what they do. */
const CONFIGURATION = /^\/(usr\/local\/)?etc\//;

/** What of the changes of a pod matters. */
export interface Findings {
  danger: FileChange[];
  /** Other drift. */
  other: FileChange[];
  counts: { danger: number; other: number };
}

/** Takes changes one by one and keeps those that are drift. @param expectedWrites patterns. */
export function collectFindings(expectedWrites: readonly string[]): {
  take: (change: FileChange) => void;
  findings: Findings;
} {
  const isExpected = anyGlob(expectedWrites);
  const findings: Findings = { danger: [], other: [], counts: { danger: 0, other: 0 } };
  const take = (change: FileChange) => {
    const { drift, danger } = driftOf(change, isExpected);
    if (!drift) return;
    const kind = danger ? 'danger' : 'other';
    findings.counts[kind] += 1;
    if (findings[kind].length < MAX_KEPT) findings[kind].push(change);
  };
  return { take, findings };
}

/**
 * The detection; undefined where there is no drift. Its ID is the same as long as the same is found: what can be run, with
 * its content; only where there is nothing of that kind, the names of other files.
 * @param time when the comparison ended, RFC 3339.
 */
export function filesystemDetection(pod: PodFacts, findings: Findings, time: string): Detection | undefined {
  const { danger, other, counts } = findings;
  const all = (danger.length > 0 ? danger : other).toSorted(worstFirst);
  const [worst] = all;
  if (!worst) return undefined;
  const container = worst.containerId === '' ? undefined : worst.containerId;
  const program = danger.length > 0 && worst.where === 'Root' && worst.pathBase64 === undefined;
  const hostname = pod.nodeName === undefined ? {} : { hostname: pod.nodeName };
  return {
    summary: {
      id: idOf(all, danger.length > 0, container),
      source: 'Filesystem',
      rule: FILESYSTEM_RULE,
      severity: severityOf(worst, danger.length > 0),
      time,
      receivedAt: time,
      ...hostname,
      ...(container !== undefined && { containerID: container, containerName: worst.container }),
      ...(program && { executable: cleanText(worst.path, MAX_EXECUTABLE) }),
    },
    identity: {
      podUid: pod.uid,
      podName: pod.name,
      namespace: pod.namespace,
      ...hostname,
      ...(container !== undefined && { containerId: container, containerName: worst.container }),
    },
    tags: TAGS,
    fields: fieldsOf(worst, counts),
  };
}

// An absent one is `null`, which is left out.
function fieldsOf(
  { path, kind, type, content, sha256, containerId }: FileChange,
  counts: Findings['counts'],
) {
  return keptFields({
    'file.path': path,
    'file.change': kind,
    'file.type': type,
    'file.content': content ?? null,
    'file.sha256': sha256 ?? null,
    'container.id': containerId || null,
    'drift.programs': counts.danger,
    'drift.others': counts.other,
  });
}

function severityOf(worst: FileChange, isDanger: boolean): Severity {
  if (isDanger) return worst.kind === 'Added' ? 'Error' : 'Critical';
  // Many programs write some file: it is worth a note. What the image brought, or configures programs, is more.
  return isPlain(worst) ? 'Notice' : 'Warning';
}

function isPlain({ kind, path, where }: FileChange): boolean {
  return kind === 'Added' && !(where === 'Root' && CONFIGURATION.test(path));
}

function worstFirst(a: FileChange, b: FileChange): number {
  return (
    Number(a.kind === 'Added') - Number(b.kind === 'Added') || rank(a) - rank(b) || compare(key(a), key(b))
  );
}

// A program in a volume is in no container for certain.
function rank(change: FileChange): number {
  return (change.where === 'Root' ? 0 : 1) + (isPlain(change) ? 2 : 0);
}

function idOf(all: readonly FileChange[], isDanger: boolean, container: string | undefined): string {
  const entries = all.map((change) => [
    key(change),
    isDanger ? (change.sha256 ?? change.mode ?? null) : null,
  ]);
  const identity = ['Filesystem', FILESYSTEM_RULE, container ?? null, entries];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32);
}

function key({ where, containerId, path, pathBase64, kind }: FileChange): string {
  return JSON.stringify([where, containerId, pathBase64 ?? path, kind]);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
