// Why the journal cannot take a detection, in words for the people who run the operator.
import { messageOf } from '../../evidence/error-message.ts';
import { codeOf } from '../../evidence/files.ts';

/** Why an append failed; a closed set, fit for a metric. */
export const JOURNAL_REASONS = [
  /** The journal has reached its cap. */
  'Full',
  /** The file system can be read only. */
  'ReadOnly',
  /** The disk or its quota is full. */
  'NoSpace',
  /** The disk failed, or holds something that the journal may not touch. */
  'Failed',
  /** Another process uses the journal now. */
  'TakenOver',
  /** The process stops. */
  'Closed',
] as const;

/** See {@link JOURNAL_REASONS}. */
export type JournalReason = (typeof JOURNAL_REASONS)[number];

/** The journal cannot keep a detection. The message says where, why, and what to do. */
export class JournalError extends Error {
  readonly reason: JournalReason;

  constructor(reason: JournalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JournalError';
    this.reason = reason;
  }
}

interface Explanation {
  reason: JournalReason;
  why: string;
  cure: string;
}

const FULL: Explanation = {
  reason: 'NoSpace',
  why: 'the disk or its quota is full',
  cure: 'Free space or give it a larger volume.',
};
const REFUSED: Explanation = {
  reason: 'Failed',
  why: 'the operator may not use it',
  cure: 'Give its user the folder (in a pod: fsGroup), mode 0700.',
};
const GONE: Explanation = {
  reason: 'Failed',
  why: 'the folder or a file in it is missing',
  cure:
    'Check that the volume is mounted there; the folder is not made on the fly, as that would hide a missing volume. If ' +
    'files were removed, restart this process.',
};

// By errno; see open(2), write(2), rename(2).
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EROFS: {
    reason: 'ReadOnly',
    why: 'the file system is read-only',
    cure: 'Mount a writable volume there; if it was writable, its disk failed: see the log of the node.',
  },
  EACCES: REFUSED,
  EPERM: REFUSED,
  ENOENT: GONE,
  ENOTDIR: GONE,
};

/** The error as a {@link JournalError} about that place. */
export function explainDiskError(error: unknown, location: string): JournalError {
  if (error instanceof JournalError) return error;
  const code = codeOf(error);
  const { reason, why, cure } = EXPLANATIONS[code ?? ''] ?? {
    reason: 'Failed',
    why: messageOf(error),
    cure: 'Check the volume and the log of its node.',
  };
  const suffix = code === undefined ? '' : ` (${code})`;
  return new JournalError(reason, `the journal at ${location}: ${why}${suffix}. ${cure}`, { cause: error });
}

/** Whether there is no such file. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** Whether another process has the journal. */
export function isTakenOver(error: unknown): boolean {
  return error instanceof JournalError && error.reason === 'TakenOver';
}
