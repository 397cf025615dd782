// A part of the evidence, or why it is not there: what is missing must never look like nothing.
import type { DriftIncident } from '../api/incident.ts';
import type { CollectorName } from '../api/policy.ts';
import type { Manifest } from '../evidence/manifest.ts';
import type { Block, Text } from './model.ts';
import { plainPath, REPORT_FILES, type ReportFile, type Source } from './input.ts';
import { bytes } from './visible.ts';

/** See the file's first line. */
export type Captured = Part | { missing: Text[] };

/** What is there of a file. */
export interface Part {
  content: Uint8Array;
  /** There is more than a report reads. */
  cut: boolean;
  /** What of it was not captured, as the manifest says; empty if everything was. */
  lacking: Text[];
}

/** What is asked of the evidence. */
export interface Wanted {
  file: ReportFile;
  /** How the manifest calls what collects it, and what stands for that in problems: matched as a part, in any case. */
  collectors: readonly string[];
  /** What policies ask for it by; absent where it is always captured. */
  askedAs?: CollectorName;
}

/** For {@link Wanted.collectors}: what reads processes, and what reads files; both fail with the pod that runs them. */
export const NODE_COLLECTORS = ['process', 'capture', 'node'] as const;
/** See {@link NODE_COLLECTORS}. */
export const FILE_COLLECTORS = ['filesystem', 'capture', 'node'] as const;

const MAX_REASONS = 8;

/** The content of a file, or why there is none. */
export function captured({ incident, evidence }: Source, { file, collectors, askedAs }: Wanted): Captured {
  if (evidence.state === 'Absent') return { missing: [evidence.why] };
  const { path, maxBytes } = REPORT_FILES[file];
  const found = evidence.files.get(path);
  if (found && 'bytes' in found) {
    const lacking = lackingOf(evidence.manifest, path, collectors);
    if (found.bytes.length <= maxBytes) return { content: found.bytes, cut: found.cut, lacking };
    return { content: found.bytes.subarray(0, maxBytes), cut: true, lacking };
  }
  if (found) return { missing: [{ code: path }, found.problem] };
  if (evidence.manifest.files.some((entry) => plainPath(entry.path) === path))
    return { missing: ['It is in the evidence, and was not read.'] };
  const why = reasons(evidence.manifest.problems, collectors);
  return { missing: why.length > 0 ? why : [unasked(incident, askedAs)] };
}

function lackingOf({ files, problems }: Manifest, path: string, collectors: readonly string[]): Text[] {
  const isCut = files.some((entry) => plainPath(entry.path) === path && entry.truncated);
  return [...(isCut ? [[{ code: path }, 'ends before its end.']] : []), ...reasons(problems, collectors)];
}

/** Says that a part is missing, and why: what is there must not look like all there was. */
export function partMissing(what: string, lacking: Text[]): Block[] {
  return lacking.length === 0 ? [] : [{ kind: 'Missing', in: 'Evidence', what, why: lacking }];
}

/** What a note about a file that was read in part says. */
export function cutNote(file: ReportFile): string {
  const { path, maxBytes } = REPORT_FILES[file];
  return `Only the first ${bytes(maxBytes)} of ${path} were read: there is more in the evidence.`;
}

/** What a note says about a list that was read as far as its last whole entry. */
export function listCutNote(file: ReportFile, { cut }: Part): string {
  return cut
    ? `${cutNote(file)} What follows here is not all.`
    : `${REPORT_FILES[file].path} ends within the list: what follows here is not all.`;
}

function reasons(
  problems: readonly { collector: string; message: string }[],
  collectors: readonly string[],
): Text[] {
  const about = problems.filter(({ collector }) =>
    collectors.some((name) => collector.toLowerCase().includes(name)),
  );
  const shown = about
    .slice(0, MAX_REASONS)
    .map(({ collector, message }): Text => [{ code: collector }, message]);
  const rest = about.length - shown.length;
  return rest === 0 ? shown : [...shown, `${rest} more problems are listed with the evidence.`];
}

function unasked({ spec, status }: DriftIncident, name: CollectorName | undefined): string {
  const responses = [spec.trigger, ...Object.values(status?.reports ?? {})].map(({ response }) => response);
  const asked = name === undefined || responses.some((one) => one?.evidence.collectors.includes(name));
  return asked ? 'The manifest does not say why.' : `No policy asked for it (evidence.collectors: ${name}).`;
}
