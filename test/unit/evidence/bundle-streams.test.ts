// Content that comes as a stream: cut, failed, late or encrypted already, and what is recorded of it.
import { beforeAll, describe, expect, it } from 'vitest';
import type { BundleFile } from '../../../src/evidence/bundle.ts';
import { decrypt, encrypt } from '../../../src/evidence/encrypt.ts';
import { sha256 } from '../../../src/evidence/manifest.ts';
import { createMemoryStore, type MemoryStoreOptions } from '../../support/memory-store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, INCIDENT, SUBJECT } from './fakes.ts';
import { ageKeys, bytesOf, signingKeys, streamOf, type AgeKeys } from './keys.ts';

let keys: AgeKeys;
beforeAll(async () => {
  keys = await ageKeys();
});

async function begun(options: Partial<MemoryStoreOptions> = {}) {
  const store = createMemoryStore({ clock: new VirtualClock(), ...options });
  return { store, bundle: await store.open(SUBJECT) };
}

/** A stream that tells whether it was ended. */
function watched(...pieces: string[]): { content: AsyncIterable<Uint8Array>; ended: () => boolean } {
  let ended = false;
  const inner = streamOf(...pieces);
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => inner.next(),
    return: () => {
      ended = true;
      return inner.return(undefined);
    },
  };
  return { content: { [Symbol.asyncIterator]: () => iterator }, ended: () => ended };
}

async function* failing(text: string): AsyncGenerator<Uint8Array> {
  yield* streamOf(text);
  throw new Error('the node is gone');
}

/** Never yields anything, and cannot be ended either. */
const hanging: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: () => new Promise(() => {}) }),
};

describe('a stream', () => {
  it('is stored as it comes, and what was stored is answered', async () => {
    const { store, bundle } = await begun();
    const stored = await bundle.add(fileOf('a', streamOf('one ', '', 'two')));
    expect(stored).toEqual({ path: 'a', size: 7, sha256: sha256(Buffer.from('one two')), truncated: false });
    await bundle.finish();
    expect(store.text(INCIDENT.uid, 'a')).toBe('one two');
  });

  it.each([
    ['not encrypted', false],
    ['encrypted', true],
  ])('beyond the limit is cut after as many bytes of it as fit: %s', async (_what, isEncrypted) => {
    const recipients = isEncrypted ? [keys.recipient] : [];
    const { store, bundle } = await begun({ limits: { maxBytes: 10 }, recipients });
    const source = watched('12345', '67890123', 'never read');
    const stored = await bundle.add(fileOf('a', source.content));
    expect(stored).toMatchObject({ truncated: true, ...(isEncrypted && { plain: { size: 10 } }) });
    const later = watched('x');
    expect(await bundle.add(fileOf('b', later.content))).toBeUndefined();
    expect([source.ended(), later.ended()]).toEqual([true, true]);
    const { problems, files } = await bundle.finish();
    expect(files).toBe(1);
    expect(problems).toEqual([
      expect.stringMatching(/^test: a(\.age)? is cut after 10 bytes: .* limited to 10 bytes/),
      expect.stringMatching(/^test: b is left out/),
    ]);
    const content = store.bytes(INCIDENT.uid, stored?.path ?? '') ?? Buffer.alloc(0);
    const plain = isEncrypted ? await bytesOf(decrypt([keys.identity], streamOf(content))) : content;
    expect(Buffer.from(plain).toString()).toBe('1234567890');
  });

  it('that just fits is whole', async () => {
    const { bundle } = await begun({ limits: { maxBytes: 4 } });
    expect(await bundle.add(fileOf('a', streamOf('12', '34')))).toMatchObject({ truncated: false });
    expect((await bundle.finish()).problems).toEqual([]);
  });

  it.each([
    ['not encrypted', false],
    ['encrypted', true],
  ])(
    'that fails in the middle is kept as far as it came, as truncated, and named: %s',
    async (_what, isEncrypted) => {
      const recipients = isEncrypted ? [keys.recipient] : [];
      const { store, bundle } = await begun({ recipients });
      const stored = await bundle.add(fileOf('a', failing('half')));
      expect(stored).toMatchObject({ truncated: true });
      await bundle.add(fileOf('b', 'whole'));
      const { files, problems } = await bundle.finish();
      expect(files).toBe(2);
      expect(problems).toEqual([
        expect.stringMatching(/^test: a(\.age)? is cut after 4 bytes: the node is gone$/),
      ]);
      const content = store.bytes(INCIDENT.uid, stored?.path ?? '') ?? Buffer.alloc(0);
      const plain = isEncrypted ? await bytesOf(decrypt([keys.identity], streamOf(content))) : content;
      expect(Buffer.from(plain).toString()).toBe('half');
    },
  );

  it('that hangs is given up when its signal fires, and holds up nothing', async () => {
    const { bundle } = await begun();
    const patience = new AbortController();
    const added = bundle.add(fileOf('a', hanging, { signal: patience.signal }));
    const next = bundle.add(fileOf('b', 'next'));
    patience.abort(new Error('no more time'));
    expect(await added).toMatchObject({ size: 0, truncated: true });
    expect(await next).toMatchObject({ size: 4 });
    expect((await bundle.finish()).problems).toEqual(['test: a is cut after 0 bytes: no more time']);
  });

  it('is ended where the store fails', async () => {
    const { bundle } = await begun({
      before: ({ name }) => {
        if (name === 'write') throw new Error('disk full');
      },
    });
    const source = watched('x');
    await expect(bundle.add(fileOf('a', source.content))).rejects.toThrow('disk full');
    expect(source.ended()).toBe(true);
  });
});

describe('a bundle with recipients', () => {
  it('encrypts everything, and says to whom', async () => {
    const { store, bundle } = await begun({ recipients: [keys.recipient] });
    const stored = await bundle.add(fileOf('api/pod.json', '{"secret":1}'));
    const plain = { size: 12, sha256: sha256(Buffer.from('{"secret":1}')) };
    expect(stored).toMatchObject({ path: 'api/pod.json.age', plain });
    const summary = await bundle.finish();
    expect(summary).toMatchObject({ encryption: 'Age', bytes: stored?.size });
    expect(store.manifest(INCIDENT.uid)).toMatchObject({
      encryption: { kind: 'Age', recipients: [keys.recipient] },
      files: [{ path: 'api/pod.json.age', size: stored?.size, sha256: stored?.sha256, plain }],
    });
    expect(store.text(INCIDENT.uid, 'api/pod.json')).toBeUndefined();
    expect(store.text(INCIDENT.uid, 'api/pod.json.age')).not.toContain('secret');
  });

  it('refuses a path twice, and its own files, as without', async () => {
    const { bundle } = await begun({ recipients: [keys.recipient] });
    await bundle.add(fileOf('a'));
    await expect(bundle.add(fileOf('a'))).rejects.toThrow('a was added before');
    await expect(bundle.add(fileOf('manifest.json'))).rejects.toThrow('not a path for evidence');
    await expect(bundle.add(fileOf('manifest.dsse.json'))).rejects.toThrow('not a path for evidence');
  });
});

describe('content that was encrypted on its node', () => {
  const sealed = (text: string, rest: Partial<BundleFile> = {}): BundleFile => {
    const { ciphertext, digests } = encrypt([keys.recipient], streamOf(text));
    return fileOf('node/a', ciphertext, {
      sealed: () => ({ plain: digests().plain, truncated: false }),
      ...rest,
    });
  };

  it('is stored as it came, with what the node says of it', async () => {
    const { store, bundle } = await begun({ recipients: [keys.recipient] });
    const stored = await bundle.add(sealed('processes'));
    expect(stored).toMatchObject({
      path: 'node/a.age',
      truncated: false,
      plain: { size: 9, sha256: sha256(Buffer.from('processes')) },
    });
    await bundle.finish();
    const content = store.bytes(INCIDENT.uid, 'node/a.age') ?? Buffer.alloc(0);
    expect(sha256(content)).toBe(stored?.sha256);
    expect((await bytesOf(decrypt([keys.identity], streamOf(content)))).toString()).toBe('processes');
  });

  it('counts by what was encrypted: what fits before fits after', async () => {
    const { bundle } = await begun({ recipients: [keys.recipient], limits: { maxBytes: 200_000 } });
    expect(await bundle.add(sealed('x'.repeat(199_990)))).toMatchObject({ truncated: false });
    expect(await bundle.add(fileOf('b', '1234567890'))).toMatchObject({ truncated: false });
    expect(await bundle.add(fileOf('c', '1'))).toBeUndefined();
  });

  it('is cut where a node sends far more than there is room for, whatever it says', async () => {
    const { bundle } = await begun({ recipients: [keys.recipient], limits: { maxBytes: 1000 } });
    const stored = await bundle.add(sealed('x'.repeat(200_000)));
    expect(stored).toMatchObject({ truncated: true });
    expect(stored?.plain).toBeUndefined();
    expect(stored?.size).toBeLessThan(40_000);
    expect(await bundle.add(fileOf('b', '1'))).toBeUndefined();
  });

  it.each<[string, Partial<BundleFile>, string]>([
    ['fails', { content: failing('age-encryption.org/v1\nhalf') }, 'the node is gone'],
    ['comes unencrypted', { content: streamOf('in plain sight of everybody') }, 'it came unencrypted'],
    [
      'has no known end',
      {
        sealed: () => {
          throw new Error('the hashes differ');
        },
      },
      'the hashes differ',
    ],
  ])('that %s is truncated and named', async (_what, rest, why) => {
    const { store, bundle } = await begun({ recipients: [keys.recipient] });
    const stored = await bundle.add({ ...sealed('x'), ...rest });
    expect(stored).toMatchObject({ truncated: true });
    expect(stored).not.toHaveProperty('plain');
    expect((await bundle.finish()).problems).toEqual([expect.stringContaining(why)]);
    expect(store.text(INCIDENT.uid, 'node/a.age')).not.toContain('plain sight');
  });

  it('is taken as it is where nothing is encrypted, and the node may say that it is cut', async () => {
    const { store, bundle } = await begun();
    await bundle.add(fileOf('node/a', streamOf('text'), { sealed: () => ({ truncated: true }) }));
    await bundle.finish();
    expect(store.manifest(INCIDENT.uid)?.files).toMatchObject([{ path: 'node/a', truncated: true }]);
    expect(store.text(INCIDENT.uid, 'node/a')).toBe('text');
  });
});

describe('what is missing', () => {
  it('are the collectors that gave nothing at all', async () => {
    const { store, bundle } = await begun();
    bundle.failed('nothing', 'refused');
    bundle.failed('something', 'cut');
    await bundle.add(fileOf('a', 'x', { collector: 'something' }));
    bundle.failed('empty', 'died');
    await bundle.add(fileOf('b', failing(''), { collector: 'empty' }));
    const { missing, problems } = await bundle.finish();
    expect(missing).toEqual(['empty', 'nothing']);
    expect(problems).toContain('nothing: refused');
    expect(store.manifest(INCIDENT.uid)?.missing).toEqual(missing);
  });
});

describe('a bundle with a key', () => {
  it('is signed by the key of that moment', async () => {
    const [first, second] = [signingKeys(), signingKeys('p256')];
    let current = first;
    const store = createMemoryStore({
      clock: new VirtualClock(),
      signer: () => Promise.resolve(current.signer),
    });
    const one = await (await store.open(SUBJECT)).finish();
    current = second;
    const two = await (await store.open({ ...SUBJECT, incident: { ...INCIDENT, uid: 'other' } })).finish();
    expect([one.signedBy, two.signedBy]).toEqual([[first.signer.keyId], [second.signer.keyId]]);
    expect((await store.open(SUBJECT)).finished).toEqual(one);
  });

  it('that cannot be read is kept without a signature, and says so', async () => {
    const { bundle } = await begun({ signer: () => Promise.reject(new Error('no such file')) });
    await bundle.add(fileOf('a'));
    expect(await bundle.finish()).toMatchObject({
      files: 1,
      signedBy: [],
      problems: ['bundle: not signed: no such file'],
    });
  });
});
