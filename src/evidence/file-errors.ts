// Errors of the file system in words for the people who run the operator.
import { codeOf } from './files.ts';
import { EvidenceStoreError, type StoreFailure } from './store.ts';
import { messageOf } from './error-message.ts';

interface Explanation {
  reason: StoreFailure;
  why: string;
  cure: string;
}

const FULL: Explanation = {
  reason: 'NoSpace',
  why: 'the disk or its quota is full',
  cure: 'Free space or give it a larger volume; the capture is then done again.',
};
const REFUSED: Explanation = {
  reason: 'Denied',
  why: 'the operator may not write there',
  cure: 'Give its user the directory (in a pod: fsGroup), mode 0700; the capture is then done again.',
};
const OCCUPIED: Explanation = {
  reason: 'Conflict',
  why: 'something else is there already, and nothing is ever overwritten',
  cure: 'If another responder finished this capture, the next run takes it; else move away what is there.',
};
const GONE: Explanation = {
  reason: 'Missing',
  why: 'it is gone, or another run of the operator took the capture over',
  cure: 'Check that the evidence volume is still mounted; the capture is then done again.',
};

// By errno; see open(2), write(2), rename(2).
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EROFS: {
    reason: 'ReadOnly',
    why: 'the file system is read-only',
    cure: 'Mount a writable volume there; the capture is then done again.',
  },
  EACCES: REFUSED,
  EPERM: REFUSED,
  EEXIST: OCCUPIED,
  ENOTEMPTY: OCCUPIED,
  ENOTDIR: OCCUPIED,
  ELOOP: OCCUPIED,
  ENOENT: GONE,
};

/** The error as an {@link EvidenceStoreError} that says which path, why, and what to do. */
export function explainFileError(error: unknown, path: string): EvidenceStoreError {
  if (error instanceof EvidenceStoreError) return error;
  const code = codeOf(error);
  const { reason, why, cure } = EXPLANATIONS[code ?? ''] ?? unexplained(error);
  const suffix = code === undefined ? '' : ` (${code})`;
  return new EvidenceStoreError(reason, path, `evidence at ${path}: ${why}${suffix}. ${cure}`, {
    cause: error,
  });
}

/** Runs the work; what it rejects with is explained as being about `path`. */
export async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainFileError(error, path);
  }
}

function unexplained(error: unknown): Explanation {
  return {
    reason: 'Failed',
    why: messageOf(error),
    cure: 'Check the volume and the log of its node; the capture is tried again.',
  };
}
