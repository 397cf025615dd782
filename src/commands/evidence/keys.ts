// The key files that people give to the evidence commands.
import { readFile } from 'node:fs/promises';
import { messageOf } from '../../evidence/error-message.ts';
import { parseIdentities } from '../../evidence/identities.ts';
import { verifierOf, type Verifier } from '../../evidence/sign.ts';

/** Public keys that may have signed. Rejects with an Error that names the file. */
export function readVerifiers(files: readonly string[]): Promise<Verifier[]> {
  return Promise.all(
    files.map(async (file) => verifierOf(await textOf(`--key ${file}`, file), `--key ${file}`)),
  );
}

/** Private keys of age; none without a file. Rejects with an Error that names the file and repeats nothing of it. */
export async function readIdentities(file: string | undefined): Promise<string[]> {
  return file === undefined
    ? []
    : parseIdentities(await textOf(`--identity ${file}`, file), `--identity ${file}`);
}

async function textOf(flag: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new Error(`${flag} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
