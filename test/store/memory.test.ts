// What a large file takes of this process. Alone in its file: memory is shared with tests that run beside it.
import { describe, expect } from 'vitest';
import { fileOf, SUBJECT } from '../unit/evidence/fakes.ts';
import { KEY, MIB, pieces } from '../support/s3-bundles.ts';
import { BUCKET } from '../support/s3-options.ts';
import { s3Test } from '../support/s3-test.ts';

describe('content', () => {
  s3Test('of 40 MiB takes the memory of a few parts', async ({ s3, store }) => {
    const bundle = await store().open(SUBJECT);
    await bundle.add(fileOf('warm-up', pieces(9 * MIB)));
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    async function* watched() {
      for await (const piece of pieces(40 * MIB)) {
        peak = Math.max(peak, process.memoryUsage().arrayBuffers);
        yield piece;
      }
    }
    await bundle.add(fileOf('changed.tar', watched()));
    const summary = await bundle.finish();
    expect(summary.bytes).toBe(49 * MIB);
    expect(await store().holds(summary)).toBe(true);
    expect(peak - before).toBeLessThan(32 * MIB);
    const { ContentLength } = await s3.client.headObject({
      Bucket: BUCKET,
      Key: `${KEY}/attempt-1/changed.tar`,
    });
    expect(ContentLength).toBe(40 * MIB);
  });
});
