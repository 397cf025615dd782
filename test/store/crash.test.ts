// A process that dies at any request of a capture leaves nothing that looks finished, and the next one ends well.
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { createS3Reader } from '../../src/evidence/s3-reader.ts';
import { verifyManifest } from '../../src/evidence/verify.ts';
import { INCIDENT, SUBJECT } from '../unit/evidence/fakes.ts';
import { capture, download, KEY, keysIn, MANIFEST_KEY } from '../support/s3-bundles.ts';
import { BUCKET, storeOptions } from '../support/s3-options.ts';
import { testHandler, type Fate } from '../support/s3-handler.ts';
import { s3Test } from '../support/s3-test.ts';
import type { TestS3 } from '../support/s3.ts';

const withHandler = (s3: TestS3, fate: Fate, uid = INCIDENT.uid) => {
  const { handler, seen, died } = testHandler(fate);
  const { connection } = storeOptions(s3);
  return { seen, died, connection: { ...connection, requestHandler: handler }, uid };
};

describe('a capture', () => {
  s3Test(
    'that dies at any of its requests leaves the next one to end well',
    async ({ s3, store, folder }) => {
      const whole = withHandler(s3, {});
      await capture(store({ connection: whole.connection, location: { bucket: BUCKET, prefix: 'whole' } }));
      const requests = whole.seen.length;
      const commit =
        whole.seen.findIndex(({ method, path }) => method === 'PUT' && path.endsWith('/manifest.json')) + 1;
      expect(commit).toBeGreaterThan(7);
      expect(requests).toBeGreaterThan(commit);
      for (let diesAt = 1; diesAt <= requests; diesAt += 1)
        for (const answered of [false, true]) {
          const location = { bucket: BUCKET, prefix: `death-${diesAt}-${answered ? 'after' : 'before'}` };
          const { died, connection } = withHandler(s3, { diesAt, answered });
          const end = await Promise.race([died, capture(store({ connection, location }), 'dead')]);
          const reader = createS3Reader(storeOptions(s3, { location }));
          const finished = (await reader.list()).length;
          const isCommitted = diesAt > commit || (diesAt === commit && answered);
          const summary = await capture(store({ location }), 'alive', 1024);
          const to = join(folder.path, location.prefix);
          await download(reader, to);
          const differences = await verifyManifest(to, summary.manifestSha256);
          const expected = { end: 'died', finished: isCommitted ? 1 : 0, differences: [] };
          expect({ location, end, finished, differences }).toEqual({ location, ...expected });
        }
    },
  );

  s3Test('whose answers are lost once each is as whole as any', async ({ s3, store }) => {
    let lost = 0;
    const repeated = new Set<string>();
    const fate: Fate = {
      after: ({ method, path, query }) => {
        const name = `${method} ${path} ${JSON.stringify(query)}`;
        if (repeated.has(name)) return;
        repeated.add(name);
        lost += 1;
        throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
      },
    };
    const { connection } = withHandler(s3, fate);
    const summary = await capture(store({ connection }));
    expect(lost).toBeGreaterThan(8);
    expect(summary.problems).toEqual([]);
    expect(await store().holds(summary)).toBe(true);
    expect((await keysIn(s3)).filter((key) => key === MANIFEST_KEY)).toHaveLength(1);
    expect(await keysIn(s3)).toContain(`${KEY}/attempt-1/.begun`);
    expect((await keysIn(s3)).filter((key) => key.endsWith('/.begun'))).toHaveLength(1);
    expect((await store().open(SUBJECT)).finished).toEqual(summary);
  });
});
