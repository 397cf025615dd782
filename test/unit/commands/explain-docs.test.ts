// The examples of docs/explain.md: what the page shows is what the program prints.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { examplesOf } from '../../support/docs-commands.ts';
import { runProgram } from '../../support/printed.ts';

const ROOT = join(import.meta.dirname, '../../..');
const OUTPUT = /^```text\n(?<output>[\s\S]*?)^```$/gm;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'explain-docs-'));
  const [guard = ''] = await examplesOf('explain.md', 'From files', 'yaml');
  await writeFile(join(folder, 'guard.yaml'), guard);
});
afterAll(() => rm(folder, { recursive: true }));

/** The arguments as a shell would give them; the examples quote with single quotes only. */
function argumentsOf(command: string): string[] {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  return words.slice(1).map((word) => {
    if (word === 'guard.yaml') return join(folder, word);
    return word.startsWith('examples/') ? join(ROOT, word) : word;
  });
}

test.for([
  ['From files', 0],
  ['One alert', 1],
] as const)('the example "%s" prints what the page shows', async ([heading, index]) => {
  const [command = ''] = await examplesOf('explain.md', heading, 'sh');
  const page = await readFile(join(ROOT, 'docs/explain.md'), 'utf8');
  const shown = [...page.matchAll(OUTPUT)].map(({ groups }) => groups?.['output'] ?? '');
  expect(await runProgram(...argumentsOf(command))).toEqual({ code: 0, err: '', out: shown[index] });
});
