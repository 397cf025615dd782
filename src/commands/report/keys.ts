// Keys that a person names on the command line: age identities, and public keys of those who sign. Never shown.
import { open } from 'node:fs/promises';
import { messageOf } from '../../evidence/error-message.ts';
import { verifierOf, type Verifier } from '../../evidence/sign.ts';

const MAX_BYTES = 64 * 1024;
const IDENTITY = /^AGE-SECRET-KEY-[A-Z0-9-]{10,20000}$/;

/** The private keys in files as `age-keygen` writes them. @throws Error naming the file, and nothing of its content. */
export async function readIdentities(files: readonly string[]): Promise<string[]> {
  const all: string[] = [];
  for (const file of files) {
    const lines = (await textOf(file)).split('\n').map((line) => line.trim());
    const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
    const bad = lines.findIndex((line) => line !== '' && !line.startsWith('#') && !IDENTITY.test(line));
    if (bad !== -1) throw new Error(`${file}:${bad + 1}: is no private key of age (AGE-SECRET-KEY-1...)`);
    if (keys.length === 0) throw new Error(`${file} holds no private key of age (AGE-SECRET-KEY-1...)`);
    all.push(...keys);
  }
  return all;
}

/** The public keys in PEM files. @throws Error naming the file. */
export async function readKeys(files: readonly string[]): Promise<Verifier[]> {
  const all: Verifier[] = [];
  for (const file of files) all.push(verifierOf(await textOf(file), file));
  return all;
}

async function textOf(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_BYTES + 1), 0, MAX_BYTES + 1, 0);
    if (bytesRead > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    throw new Error(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
