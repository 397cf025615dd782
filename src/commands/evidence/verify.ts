// `die-operator evidence verify DIRECTORY`: says whether a bundle of evidence is whole and unchanged, and who signed it.
import { Command, InvalidArgumentError, Option } from 'commander';
import { verifyBundle, type EvidenceOf, type Verification } from '../../evidence/verify.ts';
import { visibleJson } from '../../explain/visible.ts';
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
  output: 'text' | 'json';
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
    .addOption(
      new Option('-o, --output <form>', 'form of the output').choices(['text', 'json']).default('text'),
    )
    .addHelpText('after', EXIT_CODES)
    .action(async (directory: string, flags: VerifyFlags) => {
      process.exitCode = await verify(directory, flags);
    });
}

/** @returns the exit code. */
async function verify(directory: string, flags: VerifyFlags): Promise<number> {
  const keys = await readVerifiers(flags.key);
  const identities = await readIdentities(flags.identity);
  const found = await verifyBundle(directory, { sha256: flags.sha256, keys, identities });
  if (flags.output === 'json') process.stdout.write(visibleJson(documentOf(directory, found)));
  else for (const line of linesOf(directory, found, flags)) printLine(line);
  return found.differences.length > 0 ? 1 : 0;
}

/** For programs: one document. */
function documentOf(directory: string, { differences, of, ...rest }: Verification): object {
  return { directory, whole: differences.length === 0, of: of ?? null, differences, ...rest };
}

/** For people: first what it is of, as what differs matters for that. */
function linesOf(directory: string, found: Verification, { sha256, key }: VerifyFlags): string[] {
  const { of, differences, encrypted } = found;
  const subject = of ? aboutLines(of) : [];
  if (differences.length > 0) return [...subject, ...differences.map(differenceLine)];
  return [
    ...subject,
    `${directory}: whole and unchanged, ${proofOf(found, sha256)}`,
    ...found.signedBy.map((keyId) => `signed by ${keyId}`),
    ...(found.signed && key.length === 0 ? ['it is signed, which was not checked: give --key'] : []),
    ...(of ? [] : ['of which incident and pod it is: not said, as no signature was checked']),
    ...(encrypted > 0
      ? [`${count(encrypted, 'file')} encrypted, the content of ${found.opened} checked`]
      : []),
  ];
}

function aboutLines({ incident, pod, startedAt, finishedAt }: EvidenceOf): string[] {
  const { round } = incident;
  const bundle = round === undefined ? '' : `, its bundle ${round}`;
  return [
    `incident ${incident.namespace}/${incident.name} (uid ${incident.uid})${bundle}`,
    `pod ${pod.namespace}/${pod.name} (uid ${pod.uid})`,
    `captured from ${startedAt} to ${finishedAt}`,
  ];
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
