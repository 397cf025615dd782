// Keys for the tests of encryption and signatures.
import { generateKeyPairSync } from 'node:crypto';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { signerOf, verifierOf, type Signer, type Verifier } from '../../../src/evidence/sign.ts';

/** A key pair of age. */
export interface AgeKeys {
  identity: string;
  recipient: string;
}

export async function ageKeys(): Promise<AgeKeys> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** A key pair for signatures, in both forms. */
export interface SigningKeys {
  privatePem: string;
  publicPem: string;
  signer: Signer;
  verifier: Verifier;
}

export function signingKeys(kind: 'ed25519' | 'p256' = 'ed25519'): SigningKeys {
  const { privateKey, publicKey } =
    kind === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' });
  return {
    privatePem,
    publicPem,
    signer: signerOf(privatePem, 'private'),
    verifier: verifierOf(publicPem, 'public'),
  };
}

/** Pieces as a stream. */
export async function* streamOf(...pieces: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    await Promise.resolve();
    yield typeof piece === 'string' ? Buffer.from(piece) : piece;
  }
}

/** All of a stream. */
export async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(content));
}
