// `evidence list` and `evidence get`: what is kept, and a copy of it that nothing was lost from on the way.
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { command } from '../../../src/commands/evidence.ts';
import { createDirectoryStore } from '../../../src/evidence/directory-store.ts';
import { verifyBundle } from '../../../src/evidence/verify.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, INCIDENT, SUBJECT } from '../evidence/fakes.ts';
import { ageKeys, signingKeys, streamOf, type AgeKeys } from '../evidence/keys.ts';

const signing = signingKeys();

let folder: string;
let store: string;
let out: string;
let identity: string;
let keys: AgeKeys;
beforeAll(async () => {
  keys = await ageKeys();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evidence-command-'));
  store = join(folder, 'store');
  out = join(folder, 'out');
  identity = join(folder, 'identity.txt');
  await mkdir(store);
  await writeFile(identity, `# created: today\n# public key: ${keys.recipient}\n${keys.identity}\n`);
});
afterEach(async () => {
  process.exitCode = undefined;
  await rm(folder, { recursive: true });
});

async function captured(
  uid: string,
  { encrypted = true, name = INCIDENT.name, round = 1 } = {},
): Promise<string> {
  const directory = createDirectoryStore({
    root: store,
    clock: new VirtualClock(),
    version: '1',
    recipients: encrypted ? [keys.recipient] : [],
    signer: () => Promise.resolve(signing.signer),
  });
  const bundle = await directory.open({ ...SUBJECT, incident: { ...INCIDENT, uid, name, round } });
  await bundle.add(fileOf('api/pod.json', '{"a":1}'));
  await bundle.add(fileOf('node/x.tar', streamOf('x'.repeat(70_000), 'y')));
  return (await bundle.finish()).location;
}

/** What it prints, and its exit code; an error is what `die-operator` says of it. */
async function run(...args: string[]): Promise<{ text: string; code: unknown }> {
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  try {
    await command().parseAsync(args, { from: 'user' });
  } finally {
    write.mockRestore();
  }
  return { text: lines.join(''), code: process.exitCode };
}

const list = () => run('list', '--store', store);
const get = (incident: string, ...rest: string[]) =>
  run('get', incident, '--store', store, '--to', out, ...rest);

describe('list', () => {
  test('shows the incidents of which there is evidence, and what is known of it', async () => {
    await captured('one');
    await captured('two', { encrypted: false });
    const { text, code } = await list();
    expect(code).toBe(0);
    expect(text.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['INCIDENT', 'FINISHED', 'FILES', 'BYTES', 'PROBLEMS', 'ENCRYPTION', 'SIGNED BY'],
      [
        `shop/${INCIDENT.name}-one`,
        expect.stringMatching(/^2026-/),
        '2',
        expect.any(String),
        '0',
        'Age',
        signing.signer.keyId.slice(0, 12),
      ],
      [
        `shop/${INCIDENT.name}-two`,
        expect.stringMatching(/^2026-/),
        '2',
        '70008',
        '0',
        'None',
        signing.signer.keyId.slice(0, 12),
      ],
      [''],
    ]);
  });

  test('names what cannot be read, and fails', async () => {
    const location = await captured('one');
    await writeFile(join(location, 'manifest.json'), '\u001b[2J');
    const { text, code } = await list();
    expect(code).toBe(1);
    expect(text).toMatch(/one: cannot be read: [\x20-\x7e]+\n$/);
  });

  test('names a bundle that was put in the place of another', async () => {
    await rename(await captured('one'), join(store, 'shop', 'another-uid'));
    expect((await list()).text).toContain('another-uid: cannot be read: its manifest is of another incident');
  });

  test('knows nothing but directories', async () => {
    await expect(run('list', '--store', 'ftp://host/x')).rejects.toThrow('--store ftp://host/x');
    await expect(run('list', '--store', join(folder, 'none'))).rejects.toThrow('ENOENT');
  });
});

describe('get', () => {
  test('copies evidence as it is stored, so that it can be checked elsewhere', async () => {
    await captured('one');
    const { text, code } = await get(`shop/${INCIDENT.name}`);
    expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining(`${out}: 2 files\n`) });
    const options = { keys: [signing.verifier], identities: [keys.identity] };
    expect(await verifyBundle(out, options)).toMatchObject({ differences: [], opened: 2 });
  });

  test('decrypts what it has a key for, and that can be checked too', async () => {
    await captured('one');
    const { text, code } = await get(`shop/${INCIDENT.name}`, '--identity', identity);
    expect({ code, text }).toEqual({
      code: 0,
      text: expect.stringContaining('2 files, 2 of them decrypted'),
    });
    expect((await readdir(out, { recursive: true })).toSorted()).toEqual([
      'api',
      'api/pod.json',
      'manifest.dsse.json',
      'manifest.json',
      'node',
      'node/x.tar',
    ]);
    expect(await readFile(join(out, 'api/pod.json'), 'utf8')).toBe('{"a":1}');
    expect(await verifyBundle(out, { keys: [signing.verifier] })).toMatchObject({
      differences: [],
      opened: 2,
    });
  });

  test('copies evidence that is not encrypted', async () => {
    await captured('one', { encrypted: false });
    expect((await get(`shop/${INCIDENT.name}`, '--identity', identity)).text).toContain(
      '0 of them decrypted',
    );
    expect(await verifyBundle(out)).toMatchObject({ differences: [] });
  });

  test('overwrites nothing, not even what is empty', async () => {
    await captured('one');
    await mkdir(out);
    await expect(get(`shop/${INCIDENT.name}`)).rejects.toThrow('is there already: name a new directory');
    await rm(out, { recursive: true });
    await symlink(join(folder, 'nowhere'), out);
    await expect(get(`shop/${INCIDENT.name}`)).rejects.toThrow('is there already');
  });

  test('asks which, where several incidents had the name', async () => {
    await captured('one');
    await captured('two');
    await captured('three', { name: `${INCIDENT.name}-b` });
    await expect(get(`shop/${INCIDENT.name}`)).rejects.toThrow(
      `more than one incident shop/${INCIDENT.name}; name one with its UID: shop/${INCIDENT.name}-one, shop/${INCIDENT.name}-two`,
    );
    expect((await get(`shop/${INCIDENT.name}-two`)).code).toBe(0);
  });

  test('takes the last of several that were made of one incident, and any that is named', async () => {
    const first = await captured('one');
    const last = await captured('one', { round: 10 });
    await captured('one', { round: 2 });
    expect(last).toBe(`${first}.10`);
    await get(`shop/${INCIDENT.name}`);
    const manifest = await readFile(join(out, 'manifest.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ incident: { uid: 'one', round: 10 } });
    await rm(out, { recursive: true });
    await get(`shop/${INCIDENT.name}-one`);
    const other = await readFile(join(out, 'manifest.json'), 'utf8');
    expect(JSON.parse(other)).not.toHaveProperty('incident.round');
  });

  test.each(['shop/nothing', 'nowhere/x'])('says that there is no evidence of %s', async (incident) => {
    await captured('one');
    await expect(get(incident)).rejects.toThrow(`there is no evidence of ${incident}`);
  });

  test.each(['x', 'a/b/c', '/x', 'a/'])('does not take %j for an incident', async (incident) => {
    await expect(get(incident)).rejects.toThrow('does not have the form NAMESPACE/INCIDENT');
  });

  test.each<[string, (location: string) => Promise<unknown>, string]>([
    [
      'was changed',
      (location) => appendFile(join(location, 'api/pod.json.age'), 'x'),
      'api/pod.json.age: changed (file): has more than',
    ],
    [
      'is gone',
      (location) => unlink(join(location, 'api/pod.json.age')),
      'api/pod.json.age: changed (file): cannot be read',
    ],
    [
      'is a link to something else',
      async (location) => {
        await unlink(join(location, 'api/pod.json.age'));
        await symlink(identity, join(location, 'api/pod.json.age'));
      },
      'api/pod.json.age: changed (file): cannot be read',
    ],
    [
      'lies behind a link',
      async (location) => {
        await rename(join(location, 'api'), join(folder, 'moved'));
        await symlink(join(folder, 'moved'), join(location, 'api'));
      },
      'api/pod.json.age: changed (file): cannot be read: api is not a directory',
    ],
  ])('names a file that %s, copies the rest, and fails', async (_what, tamper, line) => {
    await tamper(await captured('one'));
    const { text, code } = await get(`shop/${INCIDENT.name}`, '--identity', identity);
    expect(code).toBe(1);
    expect(text).toContain(line);
    expect(await readFile(join(out, 'node/x.tar'), 'utf8')).toHaveLength(70_001);
    expect(await readdir(join(out, 'api'))).toEqual(['pod.json.age']);
    expect(await readFile(join(out, 'api/pod.json.age'), 'utf8')).not.toContain('AGE-SECRET-KEY');
  });

  test('copies what it cannot decrypt as it is stored, and names it', async () => {
    await captured('one');
    const { identity: strangers } = await ageKeys();
    await writeFile(identity, strangers);
    const { text, code } = await get(`shop/${INCIDENT.name}`, '--identity', identity);
    expect(code).toBe(1);
    expect(text).toContain('api/pod.json.age: changed (content): cannot be decrypted: no identity matched');
    expect(await verifyBundle(out, { keys: [signing.verifier] })).toMatchObject({ differences: [] });
  });

  test('repeats nothing of a file that is no identity file', async () => {
    await captured('one');
    await writeFile(identity, `${keys.identity.toLowerCase()}\n`);
    const refused = await get(`shop/${INCIDENT.name}`, '--identity', identity).then(
      ({ text }) => text,
      (error: unknown) => String(error),
    );
    expect(refused).toContain(`--identity ${identity} is not an identity file of age`);
    expect(refused).not.toContain(keys.identity.toLowerCase().slice(20, 40));
  });
});

describe('evidence in the place of another incident', () => {
  test('is refused, also where it is named with its UID', async () => {
    const one = await captured('one');
    await rename(one, one.replace(/-one$/, '-two'));
    await expect(get(`shop/${INCIDENT.name}-two`)).rejects.toThrow(
      /is not that of .*-two: its manifest is of another incident, shop\/.*, UID one/,
    );
    await expect(get(`shop/${INCIDENT.name}`)).rejects.toThrow(/of another incident/);
    expect(await readdir(folder)).not.toContain('out');
  });
});
