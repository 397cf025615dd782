// Encryption as content passes by: everybody who may can read it, nobody else, and little of it is in memory.
import fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { decrypt, encrypt, encryptedOnly, refusedRecipient } from '../../../src/evidence/encrypt.ts';
import { sha256 } from '../../../src/evidence/manifest.ts';
import { ageKeys, bytesOf, streamOf, type AgeKeys } from './keys.ts';

const MIB = 1024 * 1024;

let one: AgeKeys;
let two: AgeKeys;
beforeAll(async () => {
  one = await ageKeys();
  two = await ageKeys();
});

async function* failing(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from('begun'));
  throw new Error('the node is gone');
}

describe('encryption', () => {
  it('gives back any content to each recipient alone, with the hashes of both sides', async () => {
    const nearPieces = fc.constantFrom(0, 1, 65_535, 65_536, 65_537, 131_072);
    const property = fc.asyncProperty(nearPieces, fc.integer({ min: 1, max: 70_000 }), async (size, step) => {
      const plain = Buffer.alloc(size, 'evidence');
      const pieces = Array.from({ length: Math.ceil(size / step) }, (_, at) =>
        plain.subarray(at * step, (at + 1) * step),
      );
      const { ciphertext, digests } = encrypt([one.recipient, two.recipient], streamOf(...pieces));
      const stored = await bytesOf(ciphertext);
      expect(digests()).toEqual({
        plain: { size, sha256: sha256(plain) },
        stored: { size: stored.length, sha256: sha256(stored) },
      });
      for (const { identity } of [one, two])
        expect(plain.equals(await bytesOf(decrypt([identity], streamOf(stored))))).toBe(true);
    });
    await fc.assert(property, { numRuns: 20 });
  });

  it('is read by nobody else', async () => {
    const stored = await bytesOf(encrypt([one.recipient], streamOf('secret')).ciphertext);
    await expect(bytesOf(decrypt([two.identity], streamOf(stored)))).rejects.toThrow('no identity matched');
    expect(stored.includes('secret')).toBe(false);
  });

  it('notices a byte that was changed, and an end that is missing', async () => {
    const stored = await bytesOf(encrypt([one.recipient], streamOf(Buffer.alloc(100_000))).ciphertext);
    const flipped = Buffer.from(stored);
    flipped.writeUInt8(flipped.readUInt8(80_000) ^ 1, 80_000);
    await expect(bytesOf(decrypt([one.identity], streamOf(flipped)))).rejects.toThrow('invalid tag');
    await expect(bytesOf(decrypt([one.identity], streamOf(stored.subarray(0, -10))))).rejects.toThrow(
      'invalid tag',
    );
  });

  it('holds little of 64 MiB in memory, however slowly they are taken', async () => {
    let made = 0;
    let taken = 0;
    let most = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (; made < 64 * MIB; made += MIB / 4) {
        most = Math.max(most, made - taken);
        yield await Promise.resolve(Buffer.alloc(MIB / 4, made));
      }
    }
    for await (const chunk of encrypt([one.recipient], source()).ciphertext) {
      taken += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(taken).toBeGreaterThan(64 * MIB);
    expect(most).toBeLessThan(MIB);
  }, 60_000);

  it('rejects where what it reads does, and ends its source where nobody reads on', async () => {
    let ended = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield await Promise.resolve(Buffer.alloc(1000));
      } finally {
        ended = true;
      }
    }
    const iterator = encrypt([one.recipient], endless()).ciphertext[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();
    await vi.waitFor(() => expect(ended).toBe(true));
    await expect(bytesOf(encrypt([one.recipient], failing()).ciphertext)).rejects.toThrow('the node is gone');
  });
});

describe('recipients', () => {
  it('are fine if all are public keys of age', async () => {
    expect(await refusedRecipient([])).toBeUndefined();
    expect(await refusedRecipient([one.recipient, two.recipient])).toBeUndefined();
  });

  it.each(['age1xyz', 'ssh-ed25519 AAAA', 'age1'.padEnd(62, 'q')])(
    'that are none are named by number: %s',
    async (bad) => {
      expect(await refusedRecipient([one.recipient, bad])).toBe(
        'recipient 2 of 2 is no public key of age (age1..., as age-keygen prints it)',
      );
    },
  );

  it('that are private keys are refused and not repeated', async () => {
    const refused = await refusedRecipient([one.identity]);
    expect(refused).toContain('recipient 1 of 1 is a private key');
    expect(refused).not.toContain(one.identity.slice(20, 40));
  });
});

describe('what must be encrypted', () => {
  it('gets through whole, in whatever pieces it comes', async () => {
    const stored = await bytesOf(encrypt([one.recipient], streamOf('x')).ciphertext);
    const bytes = Array.from(stored, (byte) => Uint8Array.of(byte));
    expect(stored.equals(await bytesOf(encryptedOnly(streamOf(...bytes))))).toBe(true);
  });

  it.each(['', 'age-encryption.org/v1', 'plain text that is longer than the first line'])(
    'lets nothing of other content through: %j',
    async (text) => {
      const passed: Uint8Array[] = [];
      const read = async () => {
        for await (const chunk of encryptedOnly(streamOf(text))) passed.push(chunk);
      };
      await expect(read()).rejects.toThrow('it came unencrypted');
      expect(passed).toEqual([]);
    },
  );
});
