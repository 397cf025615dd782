// `die-operator report`: where it reads the incident and its evidence, what it writes, and what it refuses.
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { getIncident } from '../../../src/commands/report/incident.ts';
import { encrypt } from '../../../src/evidence/encrypt.ts';
import { canonicalJson, sha256, type Manifest } from '../../../src/evidence/manifest.ts';
import { signerOf } from '../../../src/evidence/sign.ts';
import { signManifest } from '../../../src/evidence/statement.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { runProgram } from '../../support/printed.ts';
import { exampleIncident } from '../report/example.ts';
import { EXAMPLE_FILES, exampleManifest } from '../report/example-evidence.ts';

let folder: string;
let incident: DriftIncident;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-command-'));
  incident = exampleIncident();
});
afterEach(async () => {
  process.exitCode = undefined;
  await rm(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);
const run = (...args: string[]) => runProgram('report', ...args);

async function write(name: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(at(name)), { recursive: true });
  await writeFile(at(name), content);
  return at(name);
}

/** The evidence of the incident in the folder `evidence`, and the incident with its hash in `incident.yaml`. */
async function stored(change: Partial<Manifest> = {}, location = at('evidence')): Promise<Manifest> {
  const manifest = { ...exampleManifest(incident, EXAMPLE_FILES), ...change };
  for (const [path, text] of Object.entries(EXAMPLE_FILES)) await write(`evidence/${path}`, text);
  await storeManifest(manifest, location);
  return manifest;
}

async function storeManifest(manifest: Manifest, location = at('evidence')): Promise<void> {
  const bytes = canonicalJson(manifest);
  await write('evidence/manifest.json', bytes);
  const evidence = { ...incident.status?.evidence, location, manifestSha256: sha256(Buffer.from(bytes)) };
  await write('incident.yaml', stringify({ ...incident, status: { ...incident.status, evidence } }));
}

/** The files in the folder `evidence` encrypted in their places. */
async function seal(manifest: Manifest): Promise<string> {
  const identity = await generateIdentity();
  const recipients = [await identityToRecipient(identity)];
  const files: Manifest['files'] = [];
  for (const file of manifest.files) {
    const plain = await readFile(at(`evidence/${file.path}`));
    const chunks: Uint8Array[] = [];
    for await (const chunk of encrypt(recipients, ReadableStream.from([plain])).ciphertext)
      chunks.push(chunk);
    const sealed = Buffer.concat(chunks);
    await write(`evidence/${file.path}.age`, sealed);
    await rm(at(`evidence/${file.path}`));
    const { size, sha256: hash } = file;
    files.push({
      ...file,
      path: `${file.path}.age`,
      size: sealed.length,
      sha256: sha256(sealed),
      plain: { size, sha256: hash },
    });
  }
  await storeManifest({ ...manifest, encryption: { kind: 'Age', recipients }, files });
  return write('identity.txt', `# made by a test\n${identity}\n`);
}

describe('a report from a file', () => {
  test('has the evidence from where the incident says that it is', async () => {
    await stored();
    const { out, err, code } = await run('-f', at('incident.yaml'));
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out).toMatch(/^<!doctype html>/);
    expect(out).toContain('its manifest is the one that the incident records');
    expect(out).toContain('/memfd:update');
  });

  test('has the evidence from where a person says, and is written to a file for nobody else to read', async () => {
    await stored({}, '/nowhere');
    await cp(at('evidence'), at('copy'), { recursive: true });
    const { out, code } = await run(
      'cart-0-2349fe66d5-1',
      '-f',
      at('incident.yaml'),
      '--evidence',
      at('copy'),
      '--format',
      'markdown',
      '-o',
      at('report.md'),
    );
    expect({ out, code }).toEqual({ out: '', code: 0 });
    expect(await readFile(at('report.md'), 'utf8')).toMatch(
      /^# Incident `shop\/cart-0-2349fe66d5-1`\n[^]*\/memfd:update/,
    );
    expect((await stat(at('report.md'))).mode & 0o777).toBe(0o600);
  });

  test.for(['/nowhere', 's3://evidence/shop/cart', 'relative/path'])(
    'is made without the evidence where that is not here, and says so: %s',
    async (location) => {
      await stored({}, location);
      const { out, err, code } = await run('-f', at('incident.yaml'));
      expect(code).toBe(0);
      expect(err).toContain(`give --evidence. The incident says that it is at ${location}`);
      expect(out).toContain('Not captured: The processes of the pod.');
    },
  );

  test('says that evidence was changed', async () => {
    await stored();
    await write('evidence/rotate.json', '{}');
    const { out, err, code } = await run('-f', at('incident.yaml'));
    expect(code).toBe(0);
    expect(err).toContain('not whole and unchanged');
    expect(out).toContain('rotate.json: file changed:');
  });

  test('says that nobody signed, that a key was not given, and whose signature it is', async () => {
    const manifest = await stored();
    expect((await run('-f', at('incident.yaml'))).out).toContain('nobody signed it');
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const signer = signerOf(privateKey.export({ type: 'pkcs8', format: 'pem' }), 'key');
    await write(
      'evidence/manifest.dsse.json',
      signManifest(manifest, Buffer.from(canonicalJson(manifest)), signer),
    );
    expect((await run('-f', at('incident.yaml'))).out).toContain('no public key was given: give --key');
    const key = await write('key.pem', publicKey.export({ type: 'spki', format: 'pem' }));
    expect((await run('-f', at('incident.yaml'), '--key', key)).out).toContain(`by the key ${signer.keyId}`);
    const other = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
    const { out, err } = await run('-f', at('incident.yaml'), '--key', await write('other.pem', other));
    expect(out).toContain('none of the given keys signed it');
    expect(err).toContain('not whole and unchanged');
  });
});

describe('encrypted evidence', () => {
  test('is opened with an identity', async () => {
    const identity = await seal(await stored());
    const { out, err, code } = await run('-f', at('incident.yaml'), '--identity', identity);
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out).toContain('/memfd:update');
    expect(out).toContain('every file (age, to 1 public key that the manifest lists)');
  });

  test('is told to be encrypted without one, and with one of somebody else', async () => {
    await seal(await stored());
    const { out, code } = await run('-f', at('incident.yaml'));
    expect(code).toBe(0);
    expect(out).toContain('is encrypted, and was not opened: give --identity.');
    expect(out).not.toContain('/memfd:update');
    const other = await write('other.txt', await generateIdentity());
    expect((await run('-f', at('incident.yaml'), '--identity', other)).out).toContain(
      'these identities do not open it',
    );
  });

  test('is read where it was decrypted in its place', async () => {
    await seal(await stored());
    for (const [path, text] of Object.entries(EXAMPLE_FILES)) await write(`evidence/${path}`, text);
    const { out, err } = await run('-f', at('incident.yaml'));
    expect(err).toBe('');
    expect(out).toContain('/memfd:update');
  });

  test('is read where it was copied and decrypted, with the identity given once more', async () => {
    const identity = await seal(await stored());
    // As `evidence get --identity` leaves it.
    for (const [path, text] of Object.entries(EXAMPLE_FILES)) {
      await write(`evidence/${path}`, text);
      await rm(at(`evidence/${path}.age`));
    }
    const { out, err } = await run('-f', at('incident.yaml'), '--identity', identity);
    expect(err).toBe('');
    expect(out).toContain('/memfd:update');
  });
});

describe('exit code 1, with what to do, for', () => {
  const expectRefusal = async (message: RegExp, ...args: string[]) => {
    const { out, err, code } = await run(...args);
    expect({ out, code }).toEqual({ out: '', code: 1 });
    expect(err).toMatch(message);
    expect(err).toMatch(/^die-operator: [^\n]+\n$/);
  };

  test('evidence of another incident, and a directory without evidence', async () => {
    const manifest = await stored();
    await storeManifest({
      ...manifest,
      incident: { ...manifest.incident, uid: 'other', name: 'x\u001b[31m' },
    });
    const args = ['-f', at('incident.yaml'), '--evidence', at('evidence')];
    await expectRefusal(/holds the evidence of another incident: shop\/x⟨U\+001B⟩\[31m, UID other/, ...args);
    await write('evidence/manifest.json', '{');
    await expectRefusal(/manifest\.json that cannot be read/, ...args);
    await rm(at('evidence/manifest.json'));
    await expectRefusal(/there is no manifest\.json/, ...args);
  });

  test('a file without such an incident, with several, or with one that is none', async () => {
    await stored();
    await expectRefusal(/holds no such incident: there are shop\/cart-0/, 'nope', '-f', at('incident.yaml'));
    await expectRefusal(
      /holds no DriftIncident/,
      '-f',
      await write('none.yaml', stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } })),
    );
    const two = [incident, { ...incident, metadata: { ...incident.metadata, name: 'other' } }]
      .map((each) => stringify(each))
      .join('---\n');
    await expectRefusal(/several such incidents .*name one/, '-f', await write('two.yaml', two));
    const broken = { ...incident, spec: { ...incident.spec, target: {} } };
    await expectRefusal(
      /not one that this version can read: spec\.target/,
      '-f',
      await write('broken.yaml', stringify(broken)),
    );
  });

  test('identities and keys that are none, without a word of what is in their files', async () => {
    await stored();
    const secret = await write('secret', 'hunter2\n');
    const identity = run('-f', at('incident.yaml'), '--identity', secret);
    expect((await identity).err).toMatch(/secret:1: is no private key of age/);
    expect((await identity).err).not.toContain('hunter2');
    await expectRefusal(/holds no public key in PEM form/, '-f', at('incident.yaml'), '--key', secret);
    await expectRefusal(/missing cannot be read/, '-f', at('incident.yaml'), '--key', at('missing'));
  });
});

test.for([
  [[], /name the incident/],
  [['x', '-f', 'y', '--context', 'z'], /leave --kubeconfig and --context out/],
  [['x', '-f', 'y', '--format', 'pdf'], /Allowed choices are html, markdown/],
] as const)('exit code 2 for %j', async ([args, message]) => {
  const { err, code } = await run(...args);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});

describe('an incident of a cluster', () => {
  const client = (answer: unknown) => ({ get: () => Promise.resolve(answer) }) as unknown as KubeClient;
  const where = { namespace: 'shop', name: 'cart' };

  test('is taken with the defaults of its kind', async () => {
    const { response, ...trigger } = incident.spec.trigger;
    const { evidence: _, ...older } = response;
    const old = { ...incident, spec: { ...incident.spec, trigger: { ...trigger, response: older } } };
    const read = await getIncident(client(old), where);
    expect(read.spec.trigger.response.evidence.collectors).toEqual([]);
    expect(read.metadata).toEqual(incident.metadata);
  });

  test('is refused if this version cannot read it', async () => {
    const later = { ...incident, status: { phase: 'Later' } };
    await expect(getIncident(client(later), where)).rejects.toThrow(
      /shop\/cart is not one that this version can read: status\.phase/,
    );
  });
});
