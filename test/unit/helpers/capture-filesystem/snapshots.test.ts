// Reads of containerd's list of snapshots: a file that containerd's own code (2.4.2) wrote, and the same file damaged.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BoltError, openBolt } from '../../../../src/helpers/programs/capture/snapshots-bolt.ts';
import { snapshotChain } from '../../../../src/helpers/programs/capture/snapshots.ts';
import { temporary } from './trees.ts';

// Snapshots 1 to 200 are layers, each five of them one image; upon the third of every image lies a container.
const WRITTEN = gunzipSync(
  readFileSync(new URL('../../../fixtures/containerd/overlay-metadata.db.gz', import.meta.url)),
);
const PAGE = 4096;

/** The container upon layer `n`, as the one who wrote the file named it. */
const containerOn = (n: number) => (n * 0xabcdef).toString(16).padStart(64, '0');

let folder: ReturnType<typeof temporary>;
beforeEach(() => (folder = temporary()));
afterEach(() => folder.remove());

function database(bytes: Uint8Array): string {
  const path = join(folder.path, 'metadata.db');
  writeFileSync(path, bytes);
  return path;
}

describe('a list of snapshots', () => {
  test('tells the layer of a container and those of its image, from the top', () => {
    const path = database(WRITTEN);
    expect(snapshotChain(path, containerOn(3))).toEqual(['4', '3', '2', '1']);
    // Each container takes a number too: 39 of them before this one.
    expect(snapshotChain(path, containerOn(198))).toEqual(['238', '237', '236', '235']);
  });

  test('knows nothing of a container that it does not have', () => {
    expect(snapshotChain(database(WRITTEN), containerOn(4))).toBeUndefined();
    expect(snapshotChain(database(WRITTEN), `.*`)).toBeUndefined();
  });

  test('is read from the older of its two heads when the newer is damaged', () => {
    const bytes = Buffer.from(WRITTEN);
    const transaction = (page: number) => bytes.readBigUInt64LE(page * PAGE + 16 + 48);
    const newer = transaction(0) > transaction(1) ? 0 : 1;
    bytes.fill(0xff, newer * PAGE + 16, newer * PAGE + 80);
    const old = openBolt((offset, length) => bytes.subarray(offset, offset + length));
    // Before the one transaction that the file was written with.
    expect(old.bucket('v1', 'snapshots')).toBeUndefined();
  });

  test('says when it was written to meanwhile', () => {
    const bytes = Buffer.from(WRITTEN);
    const bolt = openBolt((offset, length) => bytes.subarray(offset, offset + length));
    expect(bolt.isCurrent()).toBe(true);
    WRITTEN.copy(bytes, 0, 0, 2 * PAGE);
    const newest = bytes.readBigUInt64LE(16 + 48) > bytes.readBigUInt64LE(PAGE + 16 + 48) ? 0 : 1;
    bytes.fill(0, newest * PAGE, newest * PAGE + 80);
    expect(bolt.isCurrent()).toBe(false);
  });

  test.each([
    ['an empty file', Buffer.of()],
    ['a text', Buffer.from('no database'.repeat(2000))],
    ['zeros', Buffer.alloc(100_000)],
    ['a file without its second half', WRITTEN.subarray(0, WRITTEN.length / 2)],
  ])('is refused: %s', (_what, bytes) => {
    const read = () => snapshotChain(database(bytes), containerOn(198));
    expect(read).toThrow(BoltError);
  });

  test('never does more than refuse, whatever is in it', () => {
    const place = fc.record({ at: fc.integer({ min: 2 * PAGE, max: WRITTEN.length - 1 }), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(place, { minLength: 1, maxLength: 40 }), (places) => {
        const bytes = Buffer.from(WRITTEN);
        for (const { at, to } of places) bytes[at] = to;
        try {
          const chain = snapshotChain(database(bytes), containerOn(98));
          expect(chain?.every((id) => /^[0-9]+$/.test(id)) ?? true).toBe(true);
        } catch (error) {
          if (!(error instanceof BoltError)) throw error;
        }
      }),
      { numRuns: 100 },
    );
  });
});
