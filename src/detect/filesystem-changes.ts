// Takes in how the files of a pod differ from its images, a change at a time as its node tells it. Nothing of it is stored.
import { FileChangeSchema, type FileChange } from '../api/file-change.ts';
import type { BundleFile, BundleWriter } from '../evidence/bundle.ts';

/** Where the collector Filesystem tells of changes. */
const CHANGES = 'node/filesystem.ndjson';
/** Longest line that is read, in characters: no path makes a longer one. */
const MAX_LINE = 64 * 1024;
const MAX_PROBLEMS = 256;

/** How a reading ended. */
export interface ReadingEnd {
  /** Everything was compared, and every change came. */
  complete: boolean;
  /** Why it was not, for people; texts of the node and of the pod are in them as they came. */
  problems: readonly string[];
}

/** A reading on its way. */
export interface ChangeReading {
  /** What a collector of the node is given in the place of a bundle. */
  writer: BundleWriter;
  /** Once the collector is done. */
  end: () => ReadingEnd;
}

/** Begins to read. @param take is called for each change as it comes; must not throw. */
export function readChanges(take: (change: FileChange) => void): ChangeReading {
  const problems: string[] = [];
  let isWhole = false;
  let unread = 0;
  const problem = (message: string) => {
    if (problems.length < MAX_PROBLEMS && !problems.includes(message)) problems.push(message);
  };
  const line = (text: string) => {
    if (text === '') return;
    const change = FileChangeSchema.safeParse(parsed(text)).data;
    if (change) take(change);
    else unread += 1;
  };
  return {
    writer: {
      add: async (file) => {
        const isWanted = file.path === CHANGES;
        await eachLine(file.content, isWanted ? line : () => {});
        if (isWanted) isWhole = !(file.sealed?.().truncated ?? file.truncated ?? false);
        return undefined;
      },
      problem: (_collector, message) => problem(message),
      failed: (_collector, message) => problem(message),
    },
    end: () => {
      if (unread > 0) problem(`the node told of ${unread} files in a way that cannot be read`);
      if (!isWhole && problems.length === 0) problem('the node did not tell all');
      return { complete: isWhole && problems.length === 0, problems };
    },
  };
}

/** @throws what the content throws; Error if a line is too long. */
async function eachLine(content: BundleFile['content'], take: (line: string) => void): Promise<void> {
  const pieces = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of pieces) {
    rest += typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(take);
    if (rest.length > MAX_LINE) throw new Error('the node sent a line that is too long');
  }
  take(rest + decoder.decode());
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
