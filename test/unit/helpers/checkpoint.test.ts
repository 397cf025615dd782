// A checkpoint pod: which archives it takes from the folder of its node, what stays there, and what its reader gets.
import { randomBytes } from 'node:crypto';
import { link, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, test as base } from 'vitest';
import { dialCapture } from '../../../src/helpers/capture-dial.ts';
import {
  CheckpointOrderSchema,
  isArchiveOf,
  type CheckpointOrder,
} from '../../../src/helpers/checkpoint-order.ts';
import { checkpointLimits, runCheckpoint } from '../../../src/helpers/programs/checkpoint.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { take } from '../../support/capture-stream.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const POD = { namespace: 'shop', name: 'web-1', createdAt: '2026-11-23T09:00:00Z' };
const ARCHIVE = 'checkpoint-web-1_shop-web-2026-11-23T09:05:00Z.tar';
const OLDER = 'checkpoint-web-1_shop-web-2026-11-23T09:01:00+00:00.tar';
const FOLDER = '/var/lib/kubelet/checkpoints';
const USER = process.getuid?.() ?? 0;

const orderOf = (more: Partial<CheckpointOrder> = {}): CheckpointOrder => ({
  pod: POD,
  containers: [{ name: 'web', archive: ARCHIVE }],
  folder: FOLDER,
  limits: { deadlineMs: 20_000, maxBytes: 1_000_000 },
  recipients: [],
  ...more,
});

interface Scene {
  order?: Partial<CheckpointOrder>;
  owner?: number;
  clock?: VirtualClock;
}

const test = base
  .extend('folder', async ({}, { onCleanup }) => {
    const folder = await mkdtemp(join(tmpdir(), 'die-operator-checkpoints-'));
    onCleanup(() => rm(folder, { recursive: true }));
    return folder;
  })
  .extend('run', ({ folder }) => {
    return async ({ order: more, owner = USER }: Scene = {}) => {
      const order = orderOf(more);
      const key = randomBytes(32);
      const port = Promise.withResolvers<number>();
      const report = runCheckpoint({
        clock: systemClock,
        order,
        folder,
        owner,
        serve: { key, port: 0, host: '127.0.0.1', listening: port.resolve },
      });
      const signal = AbortSignal.timeout(10_000);
      const connection = await dialCapture(
        {
          clock: systemClock,
          host: '127.0.0.1',
          port: await port.promise,
          key,
          deadlineMs: 10_000,
          dialing: signal,
          signal,
        },
        () => {},
      );
      if (!connection) throw new Error('no connection');
      const taken = await take(connection.source, checkpointLimits(order));
      return { taken, report: await report, left: await readdir(folder) };
    };
  });

describe('an archive', () => {
  test('comes whole, and is gone from the node', async ({ folder, run }) => {
    const content = randomBytes(700_001);
    await writeFile(join(folder, ARCHIVE), content, { mode: 0o600 });
    const { taken, report, left } = await run();
    expect(taken.problems).toEqual([]);
    expect(taken.files.map(({ head: { path, source } }) => ({ path, source }))).toEqual([
      {
        path: 'node/checkpoint-web.tar',
        source: `checkpoint of container web by its kubelet, ${FOLDER}/${ARCHIVE}`,
      },
    ]);
    expect(taken.files[0]?.content.equals(content)).toBe(true);
    expect(report).toMatchObject({ result: 'Sent', files: 1, sha256: taken.done.sha256 });
    expect(left).toEqual([]);
  });

  test('is encrypted before it leaves the node', async ({ folder, run }) => {
    const recipient = await identityToRecipient(await generateX25519Identity());
    await writeFile(join(folder, ARCHIVE), 'what was in memory');
    const { taken } = await run({ order: { recipients: [recipient] } });
    expect(taken.files[0]?.content.toString('latin1')).toMatch(/^age-encryption\.org\/v1\n/);
    expect(taken.files[0]?.content.includes('memory')).toBe(false);
    expect(taken.files[0]?.end.plain).toMatchObject({ size: 18 });
  });

  test('beyond the limit is not sent, and gone all the same', async ({ folder, run }) => {
    await writeFile(join(folder, ARCHIVE), 'x'.repeat(101));
    const { taken, left } = await run({ order: { limits: { deadlineMs: 20_000, maxBytes: 100 } } });
    expect(taken.files).toEqual([]);
    expect(taken.problems).toEqual([
      'the checkpoint of container web is left out: it has 101 bytes, and there is room for 100',
    ]);
    expect(left).toEqual([]);
  });

  test('that is not there is a problem', async ({ run }) => {
    const { taken } = await run();
    expect(taken.problems).toEqual([`${FOLDER}/${ARCHIVE} cannot be opened: ENOENT`]);
  });

  test.for<[string, (at: string) => Promise<unknown>, RegExp]>([
    ['is a link', (at) => symlink('/etc/hostname', at), /cannot be opened: ELOOP/],
    ['is a folder', (at) => mkdir(at), /neither taken nor removed: it is no regular file/],
    [
      'has a second name',
      async (at) => {
        await writeFile(at, 'x');
        await link(at, `${at}.other`);
      },
      /neither taken nor removed: it has a second name/,
    ],
  ])('that %s is neither taken nor removed', async ([, make, why], { folder, run }) => {
    await make(join(folder, ARCHIVE));
    const { taken, left } = await run();
    expect(taken.files).toEqual([]);
    expect(taken.problems).toEqual([expect.stringMatching(why)]);
    expect(left).toContain(ARCHIVE);
  });

  test('of another user is neither taken nor removed', async ({ folder, run }) => {
    await writeFile(join(folder, ARCHIVE), 'x');
    const { taken, left } = await run({ owner: USER + 1 });
    expect(taken.problems).toEqual([expect.stringContaining(`it belongs to user ${USER}`)]);
    expect(left).toEqual([ARCHIVE]);
  });

  test('is gone though nobody ever comes for it', async ({ folder }) => {
    await writeFile(join(folder, ARCHIVE), 'x');
    const clock = new VirtualClock();
    const port = Promise.withResolvers<number>();
    const report = runCheckpoint({
      clock,
      order: orderOf(),
      folder,
      owner: USER,
      serve: { key: randomBytes(32), port: 0, host: '127.0.0.1', listening: port.resolve },
    });
    await port.promise;
    expect(await readdir(folder)).toEqual([]);
    await clock.advance(60_000);
    expect(await report).toMatchObject({ result: 'Refused', reason: 'NoReader' });
  });
});

describe('what lies beside it', () => {
  test('goes if it is of the same container, and stays if it is not certainly so', async ({
    folder,
    run,
  }) => {
    const others = [
      'checkpoint-web-1_shop-db-2026-11-23T09:01:00Z.tar',
      'checkpoint-web-1_other-web-2026-11-23T09:01:00Z.tar',
      'checkpoint-web-2_shop-web-2026-11-23T09:01:00Z.tar',
      // Of a pod of that name that was there before.
      'checkpoint-web-1_shop-web-2026-11-22T09:01:00Z.tar',
      'checkpoint-web-1_shop-web-x-2026-11-23T09:01:00Z.tar',
      'checkpoint-web-1_shop-web-2026-11-23T09:01:00Z.tar.gz',
      'checkpoint-web-1_shop-web-.tar',
    ];
    for (const name of [ARCHIVE, OLDER, ...others]) await writeFile(join(folder, name), 'x');
    await mkdir(join(folder, 'checkpoint-web-1_shop-web-2026-11-23T09:02:00Z.tar'));
    const { taken, left } = await run();
    expect(taken.files).toHaveLength(1);
    expect(taken.problems).toEqual([`${FOLDER}/${OLDER} was left by an earlier run: removed, not kept`]);
    expect(left.toSorted()).toEqual(
      [...others, 'checkpoint-web-1_shop-web-2026-11-23T09:02:00Z.tar'].toSorted(),
    );
  });

  test('goes where the kubelet did not say what it made', async ({ folder, run }) => {
    await writeFile(join(folder, ARCHIVE), 'x');
    const { taken, left } = await run({ order: { containers: [{ name: 'web' }] } });
    expect(taken.files).toEqual([]);
    expect(taken.problems).toEqual([expect.stringContaining('was left by an earlier run')]);
    expect(left).toEqual([]);
  });
});

describe('an order', () => {
  test.each([
    '../../../etc/passwd',
    `../${ARCHIVE}`,
    `x/${ARCHIVE}`,
    'checkpoint-web-1_shop-db-2026-11-23T09:05:00Z.tar',
    'checkpoint-web-1_shop-web-../../x.tar',
    'checkpoint-web-1_shop-web-2026-11-23T09:05:00Z.tar\n',
  ])('for %j is refused', (archive) => {
    const order = orderOf({ containers: [{ name: 'web', archive }] });
    expect(CheckpointOrderSchema.safeParse(order).success).toBe(false);
    expect(CheckpointOrderSchema.safeParse(orderOf()).success).toBe(true);
  });

  test('names no archive that is a path', () => {
    const seed = Date.now();
    const text = fc.string({
      unit: fc.constantFrom('/', '.', '-', '0', 'T', ':', 'Z', '\0', 'é'),
      maxLength: 40,
    });
    fc.assert(
      fc.property(text, (between) => {
        const name = `checkpoint-web-1_shop-web-${between}.tar`;
        return !isArchiveOf(name, POD, 'web') || !/[/\0]/.test(name);
      }),
      { seed },
    );
    for (const name of ['..', '/', ARCHIVE.replace('web-2026', 'web/2026')])
      expect(isArchiveOf(name, POD, 'web')).toBe(false);
  });
});
