// The question before a decision is written. It goes to standard error, so that standard output can be read by programs.
import { createInterface } from 'node:readline/promises';

/** What was answered. NoTerminal: there is nobody to ask. */
export type Reply = 'Yes' | 'No' | 'NoTerminal';

/** Asks; anything but y or yes, and the end of the input, is No. */
export async function askPerson(question: string): Promise<Reply> {
  if (!process.stdin.isTTY) return 'NoTerminal';
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>((resolve) => void terminal.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), ended]);
    return /^y(es)?$/i.test(answer.trim()) ? 'Yes' : 'No';
  } finally {
    terminal.close();
  }
}
