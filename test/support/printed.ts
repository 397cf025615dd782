// What a command of the program prints when it runs in this process.
import { vi } from 'vitest';
import { main } from '../../src/cli.ts';

/** Runs `work`, and gives its result with what was written to the two streams meanwhile. */
export async function printedBy<T>(work: () => Promise<T>): Promise<{ out: string; err: string; result: T }> {
  const written = { out: '', err: '' };
  const write = (into: keyof typeof written) => (text: string | Uint8Array) => {
    written[into] += String(text);
    return true;
  };
  const streams = [
    vi.spyOn(process.stdout, 'write').mockImplementation(write('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(write('err')),
  ];
  try {
    const result = await work();
    return { ...written, result };
  } finally {
    for (const stream of streams) stream.mockRestore();
  }
}

/** Runs the whole program with these arguments. */
export async function runProgram(...args: string[]): Promise<{ out: string; err: string; code: number }> {
  const { out, err, result } = await printedBy(() => main(args));
  return { out, err, code: result };
}
