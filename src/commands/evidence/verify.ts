// `die-operator evidence verify DIRECTORY`: says whether a bundle of evidence is whole and unchanged, and who signed it.
import { Command, InvalidArgumentError } from 'commander';
import { verifyBundle, type Verification } from '../../evidence/verify.ts';
import { readIdentities, readVerifiers } from './keys.ts';
import { count, differenceLine, printLine } from './print.ts';

const EXIT_CODES = `
Exit codes:
  0  whole and unchanged
  1  something is missing, changed or not in the manifest, or nobody signed it whose key was given
  2  wrong usage

It asks no cluster and no network. A public key, and the hash that the incident records, come from somewhere else than the
evidence, or they prove nothing.`;

interface VerifyFlags {
  sha256?: string;
  key: string[];
  identity?: string;
}

/** See the file's first line. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('check that evidence is whole and unchanged')
    .exitOverride()
    .argument('<directory>', 'directory of one incident, the one with manifest.json')
    .option(
      '--key <file>',
      'public key that may have signed it (PEM); give it again for each further key',
      (file: string, before: string[]) => [...before, file],
      [],
    )
    .option(
      '--sha256 <hash>',
      'hash of the manifest as the incident records it (status.evidence.manifestSha256)',
      asHash,
    )
    .option('--identity <file>', 'identity file of age: what is encrypted is decrypted and checked, too')
    .addHelpText('after', EXIT_CODES)
    .action(async (directory: string, flags: VerifyFlags) => {
      process.exitCode = await verify(directory, flags);
    });
}

/** @returns the exit code. */
async function verify(directory: string, { sha256, key, identity }: VerifyFlags): Promise<number> {
  const keys = await readVerifiers(key);
  const found = await verifyBundle(directory, { sha256, keys, identities: await readIdentities(identity) });
  for (const difference of found.differences) printLine(differenceLine(difference));
  if (found.differences.length > 0) return 1;
  printLine(`${directory}: whole and unchanged, ${proofOf(found, sha256)}`);
  for (const keyId of found.signedBy) printLine(`signed by ${keyId}`);
  if (found.signed && key.length === 0) printLine('it is signed, which was not checked: give --key');
  if (found.encrypted > 0)
    printLine(`${count(found.encrypted, 'file')} encrypted, the content of ${found.opened} checked`);
  return 0;
}

function proofOf({ signedBy }: Verification, sha256: string | undefined): string {
  if (sha256 !== undefined) return 'as the incident records it';
  if (signedBy.length > 0) return 'as it was signed';
  return 'and agrees with its own manifest; give --key or --sha256 to check that too';
}

function asHash(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('64 lower-case hex digits');
  return text;
}
