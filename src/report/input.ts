// What a report is made of: the incident, and as much of its evidence as could be read.
import type { DriftIncident } from '../api/incident.ts';
import type { Manifest } from '../evidence/manifest.ts';

const MIB = 2 ** 20;

/** Files of a bundle that a report reads, each with the most bytes that are read of it. */
export const REPORT_FILES = {
  processes: { path: 'node/processes.json', maxBytes: 32 * MIB },
  sockets: { path: 'node/sockets.json', maxBytes: 16 * MIB },
  changes: { path: 'node/filesystem.ndjson', maxBytes: 128 * MIB },
  rotate: { path: 'rotate.json', maxBytes: 4 * MIB },
} as const;
/** See {@link REPORT_FILES}. */
export type ReportFile = keyof typeof REPORT_FILES;

/** A file of the bundle: its first bytes, or why it was not read. */
export type FileContent = { bytes: Uint8Array; cut: boolean } | { problem: string };

/** The evidence, or why there is none to read. */
export type EvidenceInput =
  | { state: 'Absent'; why: string }
  | {
      state: 'Read';
      /** Where it was read from. */
      location: string;
      manifest: Manifest;
      manifestSha256: string;
      /** How the directory differs from its manifest, a sentence each; empty if it is whole. */
      differences: readonly string[];
      /** What is known of the signature of the manifest, in words. */
      signature: { tone: 'Bad' | 'Good' | 'Unknown'; text: string };
      /** Those of {@link REPORT_FILES} that the manifest lists, by their paths without `.age`. */
      files: ReadonlyMap<string, FileContent>;
    };

/** About the report itself. */
export interface Edition {
  /** Milliseconds since 1970. */
  madeAt: number;
  version: string;
}

/** What each section is made of. */
export interface Source {
  incident: DriftIncident;
  evidence: EvidenceInput;
  edition: Edition;
}

const ENCRYPTED = '.age';

/** The path of a file as it was before it was encrypted. */
export function plainPath(path: string): string {
  return path.endsWith(ENCRYPTED) ? path.slice(0, -ENCRYPTED.length) : path;
}

/** Whether a stored file is encrypted. */
export function isEncrypted(path: string): boolean {
  return path.endsWith(ENCRYPTED);
}
