// A bundle that is encrypted and signed: whatever somebody changed is named, and at which layer.
import { mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDirectoryStore } from '../../../src/evidence/directory-store.ts';
import { canonicalJson, parseManifest, sha256 } from '../../../src/evidence/manifest.ts';
import { signManifest } from '../../../src/evidence/statement.ts';
import { verifyBundle, type VerifyOptions } from '../../../src/evidence/verify.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, SUBJECT } from './fakes.ts';
import { ageKeys, signingKeys, type AgeKeys } from './keys.ts';

const own = signingKeys();
const other = signingKeys('p256');

let root: string;
let bundle: string;
let keys: AgeKeys;
let strangers: AgeKeys;
beforeAll(async () => {
  keys = await ageKeys();
  strangers = await ageKeys();
});
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'verify-signed-'));
  bundle = await captured(true);
});
afterEach(() => rm(root, { recursive: true }));

async function captured(isEncrypted: boolean, uid = 'u'): Promise<string> {
  const store = createDirectoryStore({
    root,
    clock: new VirtualClock(),
    version: '1',
    recipients: isEncrypted ? [keys.recipient] : [],
    signer: () => Promise.resolve(own.signer),
  });
  const open = await store.open({ ...SUBJECT, incident: { ...SUBJECT.incident, uid } });
  await open.add(fileOf('api/pod.json', '{"a":1}'));
  await open.add(fileOf('logs/app.log', 'x'.repeat(100_000)));
  return (await open.finish()).location;
}

const at = (path: string) => join(bundle, path);

/** Changes one byte of a file. */
async function flip(path: string, where = 0.5): Promise<void> {
  const bytes = await readFile(at(path));
  const index = Math.floor(bytes.length * where);
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index);
  await writeFile(at(path), bytes);
}

/** What is found, in short. */
async function found(options: VerifyOptions = {}): Promise<string[]> {
  const all = { keys: [own.verifier], identities: [keys.identity], ...options };
  const { differences } = await verifyBundle(bundle, all);
  return differences.map(({ path, layer, kind }) => `${path} ${layer} ${kind}`);
}

/** Rewrites the manifest, and with a key also what is signed. */
async function forge(change: (text: string) => string, signer?: typeof other.signer): Promise<void> {
  const bytes = Buffer.from(change(await readFile(at('manifest.json'), 'utf8')));
  await writeFile(at('manifest.json'), bytes);
  if (signer) await writeFile(at('manifest.dsse.json'), signManifest(parseManifest(bytes), bytes, signer));
}

describe('a bundle as it was stored', () => {
  it('is whole, signed, and its content is what was read', async () => {
    expect(await verifyBundle(bundle, { keys: [own.verifier], identities: [keys.identity] })).toEqual({
      differences: [],
      of: expect.objectContaining({ incident: { ...SUBJECT.incident, uid: 'u' } }) as unknown,
      signedBy: [own.verifier.keyId],
      signed: true,
      encrypted: 2,
      opened: 2,
    });
  });

  it('says what was not checked', async () => {
    expect(await verifyBundle(bundle)).toMatchObject({
      differences: [],
      signedBy: [],
      signed: true,
      opened: 0,
    });
  });

  it('passes with any of the keys that may have signed, the old and the new one', async () => {
    expect(await found({ keys: [other.verifier, own.verifier] })).toEqual([]);
    await forge((text) => text, other.signer);
    expect(await found({ keys: [other.verifier, own.verifier] })).toEqual([]);
  });
});

describe('somebody who changes', () => {
  it('a byte of a file that is encrypted', async () => {
    await flip('api/pod.json.age');
    expect(await found()).toEqual(['api/pod.json.age file changed']);
    expect(await found({ keys: [], identities: [] })).toEqual(['api/pod.json.age file changed']);
  });

  it('a byte of a file that is not encrypted', async () => {
    bundle = await captured(false, 'plain');
    await flip('api/pod.json');
    expect(await found()).toEqual(['api/pod.json file changed']);
  });

  it('a byte of the manifest', async () => {
    await forge((text) => text.replace('"a test"', '"b test"'));
    expect(await found()).toEqual(['manifest.json manifest invalid']);
    expect(await found({ keys: [] })).toEqual(['manifest.json manifest invalid']);
  });

  it('manifest and files: those that were changed are named by what was signed', async () => {
    await flip('logs/app.log.age');
    const hash = sha256(await readFile(at('logs/app.log.age')));
    await forge((text) => text.replace(/("path":"logs\/app.log.age".*?"sha256":")[0-9a-f]{64}/, `$1${hash}`));
    expect(await found()).toEqual(['manifest.json manifest invalid', 'logs/app.log.age file changed']);
  });

  it('manifest, files and statement', async () => {
    await flip('logs/app.log.age');
    await forge((text) => text, other.signer);
    expect(await found()).toEqual(['manifest.dsse.json signature invalid', 'logs/app.log.age file changed']);
  });

  it('everything, and signs it with a key of his own', async () => {
    await forge((text) => text.replace('"a test"', '"b test"'), other.signer);
    expect(await found()).toEqual(['manifest.dsse.json signature invalid']);
    const { differences } = await verifyBundle(bundle, { keys: [own.verifier] });
    expect(differences[0]?.detail).toContain(`none of the given keys; it names "${other.signer.keyId}"`);
  });

  it('everything, and claims that the right key signed it', async () => {
    await forge((text) => text.replace('"a test"', '"b test"'), { ...other.signer, keyId: own.signer.keyId });
    expect(await found()).toEqual(['manifest.dsse.json signature invalid']);
  });

  it('a byte of the statement', async () => {
    await flip('manifest.dsse.json', 0.3);
    expect((await found())[0]).toBe('manifest.dsse.json signature invalid');
  });

  it('what the statement says, where no key is given', async () => {
    const manifest = parseManifest(await readFile(at('manifest.json')));
    const files = manifest.files.map((file) =>
      file.path === 'api/pod.json.age' ? { ...file, sha256: 'f'.repeat(64) } : file,
    );
    const bytes = await readFile(at('manifest.json'));
    await writeFile(at('manifest.dsse.json'), signManifest({ ...manifest, files }, bytes, other.signer));
    expect(await found({ keys: [] })).toEqual(['api/pod.json.age statement invalid']);
  });

  it('nothing but takes the signature away', async () => {
    await unlink(at('manifest.dsse.json'));
    expect(await found()).toEqual(['manifest.dsse.json signature missing']);
    expect(await found({ keys: [] })).toEqual([]);
  });

  it('what is encrypted, with the public key that everybody has', async () => {
    const manifest = parseManifest(await readFile(at('manifest.json')));
    const files = manifest.files.map((file) => ({ ...file, plain: { size: 1, sha256: 'f'.repeat(64) } }));
    await forge(() => canonicalJson({ ...manifest, files }), own.signer);
    expect(await found()).toEqual(['api/pod.json.age content changed', 'logs/app.log.age content changed']);
  });

  it('the set of files', async () => {
    await unlink(at('api/pod.json.age'));
    await writeFile(at('extra'), '');
    expect(await found()).toEqual(['api/pod.json.age file missing', 'extra file extra']);
  });
});

describe('content', () => {
  it('that another key is for cannot be checked, and each file of it is named', async () => {
    expect(await found({ identities: [strangers.identity] })).toEqual([
      'api/pod.json.age content changed',
      'logs/app.log.age content changed',
    ]);
  });

  it('may lie decrypted in the place of its file, or beside it, and is checked too', async () => {
    await writeFile(at('api/pod.json'), '{"a":1}');
    expect(await found({ identities: [] })).toEqual([]);
    await unlink(at('api/pod.json.age'));
    expect(await found({ identities: [] })).toEqual([]);
    await writeFile(at('api/pod.json'), '{"a":2}');
    expect(await found({ identities: [] })).toEqual(['api/pod.json content changed']);
  });
});
