import { describe, expect, it } from 'vitest';
import {
  createBundle,
  finishedBundle,
  type BundleEnd,
  type BundleLimits,
  type BundleSink,
} from '../../../src/evidence/bundle.ts';
import { MAX_MANIFEST_BYTES, parseManifest, sha256 } from '../../../src/evidence/manifest.ts';
import type { BundleSummary } from '../../../src/evidence/store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, SUBJECT } from './fakes.ts';

class Sink implements BundleSink {
  readonly written = new Map<string, string>();
  sealed: Uint8Array | undefined;
  envelope: Uint8Array | undefined;
  active = 0;
  mostActive = 0;
  failAt: string | undefined;

  async write(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.mostActive = Math.max(this.mostActive, ++this.active);
    await new Promise((resolve) => setImmediate(resolve));
    this.active -= 1;
    if (path === this.failAt) throw new Error('disk full');
    this.written.set(path, Buffer.concat(await Array.fromAsync(content)).toString());
  }

  seal({ manifest, envelope }: BundleEnd): Promise<void> {
    if (this.active > 0) throw new Error('sealed while a file is written');
    this.sealed = manifest;
    this.envelope = envelope;
    return Promise.resolve();
  }

  get manifest() {
    if (!this.sealed) throw new Error('not sealed');
    return parseManifest(this.sealed);
  }
}

function bundle(sink: BundleSink, limits: Partial<BundleLimits> = {}) {
  return createBundle(
    {
      subject: SUBJECT,
      location: '/evidence/x',
      attempt: 3,
      version: '1.2.3',
      limits: { maxBytes: 10, maxFiles: 100, ...limits },
      clock: new VirtualClock(),
    },
    sink,
  );
}

describe('a bundle', () => {
  it('records of each file what was stored', async () => {
    const sink = new Sink();
    const open = bundle(sink);
    await open.add(fileOf('a/b', 'hello', { source: 'GET /x\u001b[31m', truncated: true }));
    open.problem('logs', 'two\nlines');
    const summary = await open.finish();
    expect(sink.written).toEqual(new Map([['a/b', 'hello']]));
    expect(sink.manifest).toMatchObject({
      attempt: 3,
      limits: { maxBytes: 10, maxFiles: 100 },
      files: [
        {
          path: 'a/b',
          size: 5,
          sha256: sha256(Buffer.from('hello')),
          source: 'GET /x [31m',
          truncated: true,
        },
      ],
      problems: [{ collector: 'logs', message: 'two lines' }],
    });
    expect(summary).toMatchObject({
      location: '/evidence/x',
      files: 1,
      bytes: 5,
      problems: ['logs: two lines'],
    });
    expect(summary.manifestSha256).toBe(sha256(sink.sealed ?? Buffer.alloc(0)));
  });

  it('cuts the file that meets the byte limit, leaves out later ones, and names each', async () => {
    const sink = new Sink();
    const open = bundle(sink);
    await open.add(fileOf('a', '12345678'));
    await open.add(fileOf('b', 'abcd'));
    await open.add(fileOf('c', 'x'));
    const { problems, bytes } = await open.finish();
    expect(sink.written).toEqual(
      new Map([
        ['a', '12345678'],
        ['b', 'ab'],
      ]),
    );
    expect(sink.manifest.files.map(({ path, size, truncated }) => [path, size, truncated])).toEqual([
      ['a', 8, false],
      ['b', 2, true],
    ]);
    expect(bytes).toBe(10);
    expect(problems).toEqual([
      expect.stringMatching(/^test: b is cut after 2 bytes: .* limited to 10 bytes/),
      expect.stringMatching(/^test: c is left out: .* limited to 10 bytes/),
    ]);
  });

  it('takes a file that just fits, and an empty one after it, without a word', async () => {
    const sink = new Sink();
    const open = bundle(sink);
    await open.add(fileOf('a', '1234567890'));
    await open.add(fileOf('b', ''));
    expect(await open.finish()).toMatchObject({ files: 2, bytes: 10, problems: [] });
  });

  it('leaves out files beyond their number', async () => {
    const sink = new Sink();
    const open = bundle(sink, { maxFiles: 1 });
    await open.add(fileOf('a', '1'));
    await open.add(fileOf('b', '2'));
    expect(await open.finish()).toMatchObject({
      files: 1,
      problems: [expect.stringContaining('b is left out')],
    });
  });

  it('leaves out files that its manifest has no room for: it must be readable afterwards', async () => {
    const sink = new Sink();
    const open = bundle(sink, { maxBytes: 1, maxFiles: 20_000 });
    const source = 's'.repeat(1000);
    const added = Array.from({ length: 14_000 }, (_, n) => open.add(fileOf(`files/${n}`, '', { source })));
    const left = (await Promise.all(added)).filter((stored) => stored === undefined).length;
    const { files } = await open.finish();
    expect(left).toBeGreaterThan(0);
    expect(files).toBe(14_000 - left);
    expect(sink.sealed?.length).toBeLessThan(MAX_MANIFEST_BYTES);
    expect(sink.manifest.problems.at(-1)?.message).toContain('more problems are not listed');
  });

  it('stores files that are added at the same time one after the other, and finishes after them', async () => {
    const sink = new Sink();
    const open = bundle(sink, { maxBytes: 1000 });
    const added = ['a', 'b', 'c', 'd'].map((path) => open.add(fileOf(path)));
    const summary = await open.finish();
    await Promise.all(added);
    expect(sink.mostActive).toBe(1);
    expect(summary.files).toBe(4);
  });

  it('takes nothing once it is finished, and finishes once', async () => {
    const sink = new Sink();
    const open = bundle(sink);
    const first = open.finish();
    await expect(open.add(fileOf('late'))).rejects.toThrow('late came after the bundle was finished');
    expect(await open.finish()).toBe(await first);
    expect(sink.written.size).toBe(0);
  });

  it('never finishes after a file was lost, even if the collector did not care', async () => {
    const sink = new Sink();
    sink.failAt = 'b';
    const open = bundle(sink, { maxBytes: 1000 });
    await open.add(fileOf('a'));
    await expect(open.add(fileOf('b'))).rejects.toThrow('disk full');
    await expect(open.add(fileOf('c'))).rejects.toThrow('disk full');
    await expect(open.finish()).rejects.toThrow('disk full');
    expect(sink.sealed).toBeUndefined();
    expect([...sink.written.keys()]).toEqual(['a']);
  });

  it.each(['../escape', '/etc/passwd', 'manifest.json', 'a/../../b', '', '.hidden', 'a\0b'])(
    'refuses the path %j and goes on',
    async (path) => {
      const sink = new Sink();
      const open = bundle(sink);
      await expect(open.add(fileOf(path))).rejects.toThrow('is not a path for evidence');
      await open.add(fileOf('good', '1'));
      expect((await open.finish()).files).toBe(1);
      expect([...sink.written.keys()]).toEqual(['good']);
    },
  );

  it('refuses a path that it has', async () => {
    const sink = new Sink();
    const open = bundle(sink);
    await open.add(fileOf('a', 'old'));
    await expect(open.add(fileOf('a', 'new'))).rejects.toThrow('a was added before');
    await open.finish();
    expect(sink.written.get('a')).toBe('old');
  });

  it('bounds what it says about problems, and says how many it does not list', async () => {
    const sink = new Sink();
    const open = bundle(sink);
    for (let n = 0; n < 300; n++) open.problem('logs', `${n} ${'x'.repeat(5000)}`);
    await open.finish();
    const { problems } = sink.manifest;
    expect(problems).toHaveLength(257);
    expect(problems[0]?.message.length).toBeLessThanOrEqual(1024);
    expect(problems.at(-1)).toEqual({ collector: 'bundle', message: '44 more problems are not listed' });
  });
});

describe('a bundle that was finished earlier', () => {
  it('answers its summary and takes nothing', async () => {
    const summary: BundleSummary = {
      location: 'x',
      manifestSha256: 'a'.repeat(64),
      files: 1,
      bytes: 1,
      missing: [],
      problems: [],
      encryption: 'None',
      signedBy: [],
    };
    const done = finishedBundle(summary);
    expect(done.finished).toBe(summary);
    expect(await done.finish()).toBe(summary);
    await expect(done.add(fileOf('a'))).rejects.toThrow('a came after the bundle was finished');
  });
});
