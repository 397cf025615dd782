// Readers of a watch that are slower than the changes.
import { expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { at, createLab, type Lab } from './harness.ts';

const MAPS = at('configmaps');
const createMap = (lab: Lab, name: string) => lab.call('POST', MAPS, { metadata: { name } });

async function slowReader(lab: Lab) {
  const { body } = await lab.cluster.transport({
    method: 'GET',
    path: `${MAPS}?watch=true&resourceVersion=2`,
    headers: {},
    streaming: true,
    signal: new AbortController().signal,
  });
  const lines = body[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await lines.next();
    if (done) return 'end';
    const { type, object } = JSON.parse(Buffer.from(value).toString()) as {
      type: string;
      object: KubeObject;
    };
    return `${type} ${object.metadata.name ?? String(object['code'])}`;
  };
}

test('gets everything while the history reaches back to it', async () => {
  const lab = createLab({ historyLimit: 10 });
  const next = await slowReader(lab);
  for (const name of ['a', 'b', 'c']) await createMap(lab, name);
  expect([await next(), await next(), await next()]).toEqual(['ADDED a', 'ADDED b', 'ADDED c']);
});

test('is told to list again when it fell behind the history; nothing is kept for it', async () => {
  const lab = createLab({ historyLimit: 3 });
  const next = await slowReader(lab);
  await createMap(lab, 'a');
  expect(await next()).toBe('ADDED a');
  for (let count = 0; count < 50; count++) await createMap(lab, `b-${count}`);
  expect(await next()).toBe('ERROR 410');
  expect(await next()).toBe('end');
});
