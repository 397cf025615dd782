// Keys that sign evidence, and keys that check it: Ed25519 or ECDSA P-256, in PEM files.
import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf } from './error-message.ts';

/** Checks signatures of one key. */
export interface Verifier {
  /** SHA-256 of the public key in its SPKI form (DER), 64 hex digits. */
  keyId: string;
  verify(bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** Signs, and knows its own signatures; the private key stays inside. */
export interface Signer extends Verifier {
  sign(bytes: Uint8Array): Uint8Array;
}

const MAX_PEM_CHARS = 16 * 1024;
const KINDS = 'an Ed25519 or ECDSA P-256 key';

/**
 * Reads the private key each time it is called, so that a key which was replaced is used from the next bundle on.
 * Rejects with an Error that names the file; the message holds nothing of its content.
 */
export async function readSigner(file: string): Promise<Signer> {
  const pem = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  });
  return signerOf(pem, file);
}

/** The signer of a private key in PEM form. Throws an Error that begins with `name`. */
export function signerOf(pem: string, name: string): Signer {
  const key = keyOf(pem, name, 'private');
  // ECDSA as DER, as cosign and in-toto have it.
  const digest = digestFor(key);
  return { ...verifierWith(createPublicKey(key)), sign: (bytes) => sign(digest, bytes, key) };
}

/** The verifier of a public key in PEM form. Throws an Error that begins with `name`. */
export function verifierOf(pem: string, name: string): Verifier {
  return verifierWith(keyOf(pem, name, 'public'));
}

function verifierWith(key: KeyObject): Verifier {
  const digest = digestFor(key);
  return { keyId: keyIdOf(key), verify: (bytes, signature) => verify(digest, bytes, key, signature) };
}

function keyOf(pem: string, name: string, kind: 'private' | 'public'): KeyObject {
  const key = parse(pem, kind);
  if (!key) throw new Error(`${name} holds no ${kind} key in PEM form without a passphrase`);
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const isP256 = type === 'ec' && details?.namedCurve === 'prime256v1';
  if (type !== 'ed25519' && !isP256)
    throw new Error(`${name} holds a key of another kind (${type ?? 'unknown'}): make ${KINDS}`);
  return key;
}

// What OpenSSL says of a key that it cannot read helps nobody, and might repeat some of it.
function parse(pem: string, kind: 'private' | 'public'): KeyObject | undefined {
  if (pem.length > MAX_PEM_CHARS) return undefined;
  try {
    return kind === 'private' ? createPrivateKey(pem) : createPublicKey(pem);
  } catch {
    return undefined;
  }
}

function digestFor(key: KeyObject): string | null {
  return key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
}

function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}
