// The variables of processes, with their values, which may be secrets: they are in one file of their own and nowhere else.
import { parseEnvironment } from './process-parse.ts';
import type { Beginning } from './process-files.ts';

/** Of one process, in bytes. */
export const MAX_ENVIRONMENT = 262_144;
/** Of all of them. */
const MAX_ALL = 16_777_216;

/** An entry of node/environment.json. */
export interface EnvironmentRecord {
  container: string;
  containerId: string;
  pid: number;
  startTicks: number;
  /** `NAME=value`, as the process left them: it may write over what it was started with. */
  variables: string[];
  /** There are more, or the last is longer. */
  truncated: boolean;
}

/** Environments as they are read, within a limit for all. */
export interface Environments {
  /** How many bytes of the next may be read. */
  room(): number;
  add(
    of: Pick<EnvironmentRecord, 'container' | 'containerId' | 'pid' | 'startTicks'>,
    environ: Beginning,
  ): void;
  all(): readonly EnvironmentRecord[];
}

/** None yet. */
export function environments(): Environments {
  const records: EnvironmentRecord[] = [];
  let left = MAX_ALL;
  return {
    room: () => Math.min(left, MAX_ENVIRONMENT),
    add: ({ container, containerId, pid, startTicks }, { bytes, more }) => {
      left -= bytes.length;
      const variables = parseEnvironment(bytes);
      records.push({ container, containerId, pid, startTicks, variables, truncated: more });
    },
    all: () => records,
  };
}
