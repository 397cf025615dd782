// The last word of a helper: a line on its standard output, and the message of its end that the kubelet keeps.
import { writeFile } from 'node:fs/promises';
import { systemClock } from '../../kube/clock.ts';

/** Where the kubelet takes the message of a container's end from, unless the pod says otherwise. */
const TERMINATION_LOG = '/dev/termination-log';
/** For what still runs, in milliseconds. */
const LINGER_MS = 1_000;

/**
 * Says it. What is refused ends the process with an error; in a pod, one that does not end by itself soon after is killed.
 * @param file where the kubelet takes it from.
 */
export async function sayLast(report: { result: string }, file = TERMINATION_LOG): Promise<void> {
  const text = JSON.stringify(report);
  process.stdout.write(`${text}\n`);
  if (report.result === 'Refused') process.exitCode = 1;
  if (!(await tellKubelet(text, file))) return;
  // An attacker can leave a read unanswered for ever. Node waits for that, at its exit too, and the kubelet passes the last
  // word on once the process is gone.
  systemClock.after(LINGER_MS, () => process.kill(process.pid, 'SIGKILL'));
}

/** Only where a kubelet has put the file there: false where it is not. */
async function tellKubelet(text: string, file: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: 'r+' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}
