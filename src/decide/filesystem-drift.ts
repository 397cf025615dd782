// Which changes of a container's filesystem are drift: what its image did not bring, and nobody said that it writes.
import type { FileChange } from '../api/file-change.ts';

/** Whether a change is drift, and why, for people. */
export interface DriftVerdict {
  drift: boolean;
  /** It can be run, or decides what is run: nothing excuses it. */
  danger: boolean;
  why: string;
}

const [SETUID, SETGID] = [0o4000, 0o2000];
/** What a program can be run from, or what decides which programs run, wherever it lies. */
const EXECUTION = /(^|\/)etc\/(ld\.so\.preload|ld\.so\.conf|ld\.so\.conf\.d\/.*)$/;

/**
 * Judges one change.
 * @param isExpected whether the container is known to write to that path: `anyGlob` makes it of patterns, in which `*` stands for
 * any characters, also `/`. It never excuses what can be run: whoever can write there would choose that place.
 */
export function driftOf(change: FileChange, isExpected: (path: string) => boolean): DriftVerdict {
  const danger = dangerOf(change);
  if (danger !== undefined) return { ...drift(danger), danger: true };
  // A name that was lost in part may be made to look like an expected one; paths with `..` no filesystem has.
  if (change.pathBase64 === undefined && isExpected(change.path)) return none('expected there');
  if (change.where === 'EmptyDir') return none('data in a volume, which no image has anything in');
  return ordinary(change);
}

function dangerOf({ kind, executable, mode = 0, type, path, imageMode }: FileChange): string | undefined {
  if (kind === 'Deleted') return undefined;
  if (type === 'File' && (mode & (SETUID | SETGID)) !== 0 && mode !== imageMode)
    return 'it runs with the rights of another user or group';
  if (executable && kind === 'Metadata') return madeExecutable(mode, imageMode);
  if (executable)
    return kind === 'Added' ? 'a program that the image does not have' : 'another program than the image has';
  return EXECUTION.test(path) ? 'it decides what is loaded into every program' : undefined;
}

// A program of the image that was copied up, with an owner or a time of its own, is the same program.
function madeExecutable(mode: number, imageMode = 0): string | undefined {
  const added = (mode & ~imageMode & 0o111) !== 0;
  return added ? 'a file of the image that was made executable' : undefined;
}

function ordinary({ kind, type, problem }: FileChange): DriftVerdict {
  switch (kind) {
    case 'Added':
      return type === 'Directory'
        ? none('a directory: what is in it is judged on its own')
        : drift('the image does not have it');
    case 'Modified':
      return drift('the image has something else there');
    case 'Deleted':
      return drift('the image has it, and the container does not');
    case 'Opaque':
      return problem === undefined
        ? drift('a directory of the image was replaced as a whole')
        : none('it is not certain that it hides anything');
    case 'Metadata':
      return none('the same content as in the image');
  }
}

function drift(why: string): DriftVerdict {
  return { drift: true, danger: false, why };
}

function none(why: string): DriftVerdict {
  return { drift: false, danger: false, why };
}
