// Where evidence is kept: the contract of every store, and the error that all of them answer with.
import type { Target } from '../api/incident.ts';
import type { BundleWriter } from './bundle.ts';

/** Names one DriftIncident. */
export interface IncidentRef {
  namespace: string;
  name: string;
  uid: string;
  /** Which of its bundles, from 2 on: what is captured once more lies beside what there was. Absent: the first. */
  round?: number | undefined;
}

/** What a bundle is about. */
export interface EvidenceSubject {
  incident: IncidentRef;
  target: Target;
}

/** What a finished bundle holds; fits into `status.evidence` of a DriftIncident as it is. */
export interface BundleSummary {
  /** Where it lies: a directory, or a URL. */
  location: string;
  /** Hash of the manifest's bytes, 64 hex digits; with it nothing in the bundle can be changed unnoticed. */
  manifestSha256: string;
  files: number;
  /** Bytes of these files, the manifest not counted. */
  bytes: number;
  /** At most 16 collectors that gave nothing at all. */
  missing: string[];
  /** At most 16 of at most 512 characters; the manifest has all of them. */
  problems: string[];
  /** `Age`: every file is encrypted; the manifest says to whom. */
  encryption: 'None' | 'Age';
  /** Keys that signed it, SHA-256 of their SPKI form in hex, at most 4. Empty: it is not signed. */
  signedBy: string[];
}

/** The evidence of one incident while it is written. */
export interface EvidenceBundle extends BundleWriter {
  /** Set if an earlier run finished this bundle; then it takes nothing more. */
  readonly finished?: BundleSummary;
  /**
   * Writes the manifest and makes the bundle durable and visible in one step. Rejects with an
   * {@link EvidenceStoreError} if anything that was added could not be stored: a bundle never loses a file silently.
   */
  finish(): Promise<BundleSummary>;
}

/** Keeps one bundle for each incident. */
export interface EvidenceStore {
  /** Public keys of age to which everything is encrypted, on the node already. Empty: nothing is encrypted. */
  readonly recipients: readonly string[];
  /**
   * The bundle of the incident: the finished one, or a new one. What an earlier run left unfinished is discarded.
   * Rejects with an {@link EvidenceStoreError}.
   */
  open(subject: EvidenceSubject): Promise<EvidenceBundle>;
  /**
   * Whether that bundle is still there: its manifest with this hash, and a file for each of its entries. Their content is
   * not read. Rejects with an {@link EvidenceStoreError} if nobody can tell.
   */
  holds(summary: Pick<BundleSummary, 'location' | 'manifestSha256'>): Promise<boolean>;
  /**
   * Deletes what is older than evidence is to be kept: bundles of incidents that are not in use, and what captures left that
   * nobody will finish. Absent: everything is kept for ever. Rejects with an {@link EvidenceStoreError}, or with the
   * reason of the signal.
   */
  readonly sweep?: (inUse: (incident: IncidentRef) => boolean, signal: AbortSignal) => Promise<SweepReport>;
  /** Undefined if evidence can be stored now; else a sentence that says why not and what to do. Never rejects. */
  readiness(): Promise<string | undefined>;
}

/** What a sweep did. Places are as in `location`. */
export interface SweepReport {
  /** Finished bundles that were deleted. */
  bundles: string[];
  /** What unfinished captures had left, and was deleted. */
  attempts: string[];
  /** What may be due and is still there, and why. */
  kept: { place: string; why: string }[];
}

/** Why a store failed, in one word for programs. */
export type StoreFailure =
  'NoSpace' | 'ReadOnly' | 'Denied' | 'Missing' | 'Conflict' | 'Corrupt' | 'Unreachable' | 'Busy' | 'Failed';

/** Evidence could not be stored or found again. */
export class EvidenceStoreError extends Error {
  readonly reason: StoreFailure;
  /** What could not be written or read: a path or a URL. */
  readonly path: string;

  /** @param message which path, why, and what a person can do. */
  constructor(reason: StoreFailure, path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EvidenceStoreError';
    this.reason = reason;
    this.path = path;
  }
}
