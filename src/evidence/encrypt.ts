// Encryption with age (age-encryption.org/v1) as content passes by, in the responder and on the node alike.
import type * as Age from 'age-encryption';
import { hashed, type Digest } from './content.ts';

/** Ending of the path of an encrypted file. */
export const ENCRYPTED_ENDING = '.age';

// First line of every encrypted file.
const INTRO = Buffer.from('age-encryption.org/v1\n');
// What the library encrypts at a time; a larger piece would have it hold that piece twice.
const PIECE = 64 * 1024;

/** What passed, as it was and as it became. */
export interface SealedDigests {
  plain: Digest;
  stored: Digest;
}

/** Content that is encrypted as it is read. */
export interface Encrypted {
  /** Whole only if it is read to its end; rejects with what `plaintext` rejects with, and is then no whole file. */
  ciphertext: AsyncIterable<Uint8Array>;
  /** Of what was read so far. */
  digests: () => SealedDigests;
}

/**
 * Encrypts to all recipients: each alone can decrypt. A few pieces of 64 KiB are in memory at a time, never more. The
 * library is loaded by the first call.
 * @param recipients public keys of age, at least one.
 */
export function encrypt(recipients: readonly string[], plaintext: AsyncIterable<Uint8Array>): Encrypted {
  const plain = hashed(inPieces(plaintext));
  const stored = hashed(ciphertextOf(recipients, plain.content));
  return {
    ciphertext: stored.content,
    digests: () => ({ plain: plain.digest(), stored: stored.digest() }),
  };
}

/**
 * Decrypts with the identities that can. What it yields before it rejects is authentic and not whole.
 * @param identities private keys, `AGE-SECRET-KEY-1...`.
 */
export async function* decrypt(
  identities: readonly string[],
  ciphertext: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { Decrypter } = await loadAge();
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  yield* await decrypter.decrypt(webStream(ciphertext));
}

/** Why one of these is no public key of age, without repeating it: it may be a private one. Undefined if all are. */
export async function refusedRecipient(recipients: readonly string[]): Promise<string | undefined> {
  for (const [index, recipient] of recipients.entries()) {
    const which = `recipient ${index + 1} of ${recipients.length}`;
    if (/^AGE-SECRET-KEY-/i.test(recipient))
      return `${which} is a private key. It belongs to those who read the evidence and not into the cluster: make another one, and give its public key (age1...)`;
    try {
      const { Encrypter } = await loadAge();
      const encrypter = new Encrypter();
      encrypter.addRecipient(recipient);
      await encrypter.encrypt('');
    } catch {
      return `${which} is no public key of age (age1..., as age-keygen prints it)`;
    }
  }
  return undefined;
}

/** Passes on content that begins as encrypted files do; rejects before anything of other content gets through. */
export async function* encryptedOnly(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let begun = Buffer.alloc(0);
  for await (const chunk of content) {
    if (begun.length >= INTRO.length) {
      yield chunk;
      continue;
    }
    begun = Buffer.concat([begun, chunk]);
    if (begun.length < INTRO.length) continue;
    if (!begun.subarray(0, INTRO.length).equals(INTRO)) throw unencrypted();
    yield begun;
  }
  if (begun.length < INTRO.length) throw unencrypted();
}

function unencrypted(): Error {
  return new Error('it came unencrypted, and evidence is encrypted here');
}

async function* ciphertextOf(
  recipients: readonly string[],
  plaintext: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { Encrypter } = await loadAge();
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  yield* await encrypter.encrypt(webStream(plaintext));
}

async function* inPieces(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of content)
    for (let from = 0; from < chunk.length; from += PIECE) yield chunk.subarray(from, from + PIECE);
}

function webStream(content: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return ReadableStream.from(content);
}

/** Costs an installation without recipients nothing. */
function loadAge(): Promise<typeof Age> {
  return import('age-encryption');
}
