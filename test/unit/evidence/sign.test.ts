// Signatures: exactly the bytes that DSSE wants, in the forms that other tools read.
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyIdsOf, parseEnvelope, preAuthEncoding } from '../../../src/evidence/dsse.ts';
import { buildManifest, canonicalJson, sha256 } from '../../../src/evidence/manifest.ts';
import { readSigner, signerOf, verifierOf } from '../../../src/evidence/sign.ts';
import { parseStatement, signManifest } from '../../../src/evidence/statement.ts';
import { SUBJECT } from './fakes.ts';
import { signingKeys } from './keys.ts';

const AT = '2026-11-22T00:00:00.000Z';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sign-'));
});
afterEach(() => rm(folder, { recursive: true }));

function manifest() {
  return buildManifest({
    subject: SUBJECT,
    version: '1.2.3',
    attempt: 1,
    startedAt: AT,
    finishedAt: AT,
    limits: { maxBytes: 1, maxFiles: 1 },
    encryption: { kind: 'None' },
    missing: [],
    problems: [],
    files: ['a', 'b/c'].map((path) => ({
      path,
      size: 3,
      sha256: sha256(Buffer.from(path)),
      collector: 'test',
      contentType: 'text/plain',
      source: 'a test',
      collectedAt: AT,
      truncated: false,
    })),
  });
}

describe('what is signed', () => {
  // The example of the specification: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
  it('is the PAE of DSSE', () => {
    const encoded = preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world'));
    expect(Buffer.from(encoded).toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  it('counts bytes, not characters, and takes any bytes', () => {
    const encoded = preAuthEncoding('ä', Buffer.from([0, 0xff, 0x0a]));
    expect(Buffer.from(encoded).equals(Buffer.from('DSSEv1 2 \u00e4 3 \0\xff\n', 'latin1'))).toBe(false);
    expect(Buffer.from(encoded).toString('hex')).toBe(
      `${Buffer.from('DSSEv1 2 ').toString('hex')}c3a420332000ff0a`,
    );
  });

  it('is an in-toto Statement v1 about the manifest and every file', () => {
    const { signer } = signingKeys();
    const bytes = Buffer.from(canonicalJson(manifest()));
    const { payloadType, payload } = parseEnvelope(signManifest(manifest(), bytes, signer));
    expect(payloadType).toBe('application/vnd.in-toto+json');
    const { namespace, name, uid } = SUBJECT.target;
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [
        { name: 'manifest.json', digest: { sha256: sha256(bytes) } },
        { name: 'a', digest: { sha256: sha256(Buffer.from('a')) } },
        { name: 'b/c', digest: { sha256: sha256(Buffer.from('b/c')) } },
      ],
      predicateType: 'https://die-operator.dev/evidence/v1',
      predicate: {
        incident: SUBJECT.incident,
        target: { namespace, name, uid },
        tool: { name: 'die-operator', version: '1.2.3' },
        finishedAt: AT,
      },
    });
  });

  it.each(['ed25519', 'p256'] as const)('is signed as other tools check it: %s', (kind) => {
    const { signer, publicPem, verifier } = signingKeys(kind);
    const bytes = Buffer.from(canonicalJson(manifest()));
    const envelope = signManifest(manifest(), bytes, signer);
    const { signatures, payload, payloadType } = parseEnvelope(envelope);
    const signed = Buffer.from(
      `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${String(payload)}`,
    );
    const key = createPublicKey(publicPem);
    const signature = signatures[0]?.signature ?? Buffer.alloc(0);
    expect(verify(kind === 'p256' ? 'sha256' : null, signed, key, signature)).toBe(true);
    const keyId = createHash('sha256')
      .update(key.export({ type: 'spki', format: 'der' }))
      .digest('hex');
    expect([signer.keyId, verifier.keyId, signatures[0]?.keyId]).toEqual([keyId, keyId, keyId]);
    expect(keyIdsOf(envelope)).toEqual([keyId]);
  });
});

describe('a key', () => {
  it('is read again each time', async () => {
    const file = join(folder, 'key.pem');
    const [one, two] = [signingKeys(), signingKeys()];
    await writeFile(file, one.privatePem);
    expect((await readSigner(file)).keyId).toBe(one.signer.keyId);
    await writeFile(file, two.privatePem);
    expect((await readSigner(file)).keyId).toBe(two.signer.keyId);
  });

  it('that is not there is named', async () => {
    await expect(readSigner(join(folder, 'none'))).rejects.toThrow(/none cannot be read: ENOENT/);
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
  const ed = generateKeyPairSync('ed25519');
  it.each<[string, string, RegExp]>([
    ['RSA', rsa.export({ type: 'pkcs8', format: 'pem' }), /key of another kind \(rsa\)/],
    ['another curve', p384.export({ type: 'pkcs8', format: 'pem' }), /key of another kind \(ec\)/],
    ['no key', 'secret words', /^key\.pem holds no private key in PEM form without a passphrase$/],
    ['a public one', ed.publicKey.export({ type: 'spki', format: 'pem' }), /holds no private key/],
    [
      'one with a passphrase',
      ed.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }),
      /without a passphrase/,
    ],
  ])('is refused if it is %s', (_what, pem, message) => {
    expect(() => signerOf(pem, 'key.pem')).toThrow(message);
    expect(() => signerOf(pem, 'key.pem')).not.toThrow('secret words');
  });

  it('that checks signatures is public', () => {
    expect(() => verifierOf('words', '--key x')).toThrow('--key x holds no public key');
  });
});

describe('what is no statement', () => {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'a', digest: { sha256: 'a'.repeat(64) } }],
    predicateType: 'https://die-operator.dev/evidence/v1',
  };
  it.each<[string, string, unknown]>([
    ['is no', 'text/plain', statement],
    ['_type', 'application/vnd.in-toto+json', { ...statement, _type: 'x' }],
    ['predicateType', 'application/vnd.in-toto+json', { ...statement, predicateType: 'x' }],
    [
      'it names a file twice',
      'application/vnd.in-toto+json',
      { ...statement, subject: [...statement.subject, ...statement.subject] },
    ],
  ])('is refused: %s', (what, type, value) => {
    expect(() => parseStatement(type, Buffer.from(JSON.stringify(value)))).toThrow(what);
    expect(parseStatement('application/vnd.in-toto+json', Buffer.from(JSON.stringify(statement))).size).toBe(
      1,
    );
  });
});
