// `die-operator evidence get NAMESPACE/INCIDENT --to DIRECTORY`: copies evidence out of its store, decrypted if wished.
import { lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { exportBundle } from '../../evidence/export.ts';
import { findBundle } from '../../evidence/find-bundle.ts';
import { readIdentities } from './keys.ts';
import { count, differenceLine, printLine } from './print.ts';
import { addStoreOptions, readerOf, type StoreOptions } from './store.ts';

const EXIT_CODES = `
Exit codes:
  0  everything was copied, and is as its manifest says
  1  something is not as its manifest says and was copied all the same, or it cannot be copied
  2  wrong usage`;

interface GetOptions extends StoreOptions {
  to: string;
  identity?: string;
}

/** See the file's first line. */
export function getCommand(): Command {
  return addStoreOptions(new Command('get'))
    .description('copy the evidence of an incident out of its store')
    .exitOverride()
    .argument(
      '<incident>',
      'NAMESPACE/INCIDENT, as evidence list shows it; without the UID if that names one only',
    )
    .requiredOption('--to <directory>', 'where to; must not be there yet')
    .option('--identity <file>', 'identity file of age: what is encrypted to it is decrypted')
    .addHelpText('after', EXIT_CODES)
    .action(async (incident: string, options: GetOptions) => {
      process.exitCode = await get(incident, options);
    });
}

/** @returns the exit code. */
async function get(incident: string, { to, identity, ...store }: GetOptions): Promise<number> {
  const directory = resolve(to);
  const identities = await readIdentities(identity);
  if (await isThere(directory)) throw new Error(`--to ${to} is there already: name a new directory`);
  const bundle = await findBundle(await readerOf(store), incident);
  const { files, decrypted, differences } = await exportBundle(bundle, { directory, identities });
  for (const difference of differences) printLine(differenceLine(difference));
  const opened = identities.length > 0 ? `, ${decrypted} of them decrypted` : '';
  printLine(`${directory}: ${count(files, 'file')}${opened}`);
  printLine('Whether that is what was captured: die-operator evidence verify, with --key or --sha256');
  return differences.length > 0 ? 1 : 0;
}

function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
