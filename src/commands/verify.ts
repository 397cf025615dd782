// `die-operator verify DIRECTORY`: says whether a bundle of evidence is whole and unchanged.
import { Command } from 'commander';
import { verifyManifest } from '../evidence/verify.ts';

// Whoever made the folder chose the names in it: what a terminal obeys, or what hides text, is shown as an escape.
const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** See the file's first line. Exit code 1 if anything differs. */
export function command(): Command {
  return new Command('verify')
    .argument('<directory>', 'directory of one incident, the one with manifest.json')
    .option(
      '--sha256 <hash>',
      'hash of the manifest as the incident records it (status.evidence.manifestSha256)',
    )
    .action(async (directory: string, { sha256 }: { sha256?: string }) => {
      const differences = await verifyManifest(directory, sha256);
      for (const { path, kind, detail } of differences)
        process.stdout.write(`${visible(`${path}: ${kind}: ${detail}`)}\n`);
      if (differences.length > 0) {
        process.exitCode = 1;
        return;
      }
      const proof = sha256
        ? 'as the incident records it'
        : 'and agrees with its own manifest; give --sha256 to check that too';
      process.stdout.write(`${directory}: whole and unchanged, ${proof}\n`);
    });
}

function visible(text: string): string {
  return text.replaceAll(DECEPTIVE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
