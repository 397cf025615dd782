// What tells one process from another in /proc, also when its PID is used again.

/** What /proc/PID/stat says, as far as it is used. */
export interface ProcessStat {
  /** The attacker's choice, any characters. */
  name: string;
  /** A letter, see proc_pid_stat(5). */
  state: string;
  ppid: number;
  /** In ticks since the machine started; with the PID it names one process. */
  startTicks: number;
}

/** Undefined where the text is not what the kernel writes. */
export function parseStat(text: string): ProcessStat | undefined {
  // The name comes in brackets and may hold any character; the start time is the 20th value after it.
  const [begin, end] = [text.indexOf('('), text.lastIndexOf(')')];
  const values = text.slice(end + 2).split(' ');
  const [ppid, startTicks] = [Number(values[1]), Number(values[19])];
  const isStat = begin > 0 && end > begin && isCount(ppid) && isCount(startTicks);
  return isStat ? { name: text.slice(begin + 1, end), state: values[0] ?? '', ppid, startTicks } : undefined;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** The PID that an entry of /proc is named after, if it is one. */
export function pidOf(entry: string): number | undefined {
  return /^[1-9][0-9]{0,9}$/.test(entry) ? Number(entry) : undefined;
}

const GONE = new Set<unknown>(['ENOENT', 'ESRCH']);

/** Whether an error of reading in /proc means that the process has ended. */
export function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && GONE.has(error.code);
}
