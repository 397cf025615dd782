// `die-operator evidence list`: the incidents of which evidence is kept.
import { Command } from 'commander';
import { listBundles, type ListedBundle } from '../../evidence/find-bundle.ts';
import { printLine, table } from './print.ts';
import { addStoreOptions, readerOf, type StoreOptions } from './store.ts';

const EXIT_CODES = `
Exit codes:
  0  the list is complete
  1  the store, or some of the evidence in it, cannot be read
  2  wrong usage`;

const HEADINGS = ['INCIDENT', 'FINISHED', 'FILES', 'BYTES', 'PROBLEMS', 'ENCRYPTION', 'SIGNED BY'];
/** Digits of a key that are shown; enough to tell a few keys apart. */
const KEY_DIGITS = 12;

/** See the file's first line. */
export function listCommand(): Command {
  return addStoreOptions(new Command('list'))
    .description('list the incidents of which evidence is kept')
    .exitOverride()
    .addHelpText('after', EXIT_CODES)
    .action(async (options: StoreOptions) => {
      process.exitCode = await list(options);
    });
}

/** @returns the exit code. */
async function list(options: StoreOptions): Promise<number> {
  const bundles = await Array.fromAsync(listBundles(await readerOf(options)));
  for (const line of table([HEADINGS, ...bundles.flatMap(rowsOf)])) printLine(line);
  const unread = bundles.flatMap((bundle) => ('problem' in bundle ? [bundle] : []));
  for (const { location, problem } of unread) printLine(`${location}: cannot be read: ${problem}`);
  return unread.length > 0 ? 1 : 0;
}

function rowsOf(bundle: ListedBundle): string[][] {
  if ('problem' in bundle) return [];
  const { manifest, summary, namespace, name } = bundle;
  const keys = summary.signedBy.map((key) => key.slice(0, KEY_DIGITS)).join(',');
  const counted = [summary.files, summary.bytes, manifest.problems.length].map(String);
  return [[`${namespace}/${name}`, manifest.finishedAt, ...counted, summary.encryption, keys || 'nobody']];
}
