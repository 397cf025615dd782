// What is known of the nodes, between memory and the ConfigMap: which of the two is right, and what finds room.
import { expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { MAX_RECORDS, readRecords, writeRecord, type NodeRecord } from '../../../src/decide/node-verdicts.ts';
import { NodeVerdicts } from '../../../src/incidents/node-verdicts.ts';
import type { JsonPatchOp, KubeClient } from '../../../src/kube/client.ts';

const AT = Date.UTC(2026, 10, 22);
const proof = (verdict: 'Enforced' | 'Unenforced', at = AT): NodeRecord => ({
  proof: { verdict, at, tookMs: 100, establishedCut: true },
});

/** An API server with that ConfigMap, whose answers to reads wait for `answers`. */
function stage(nodes: Record<string, NodeRecord>) {
  const data = Object.fromEntries(Object.entries(nodes).map(([node, one]) => [node, writeRecord(one)]));
  const held: { answers: Promise<unknown> } = { answers: Promise.resolve() };
  const client = {
    get: async () => {
      const answer = { metadata: { uid: 'u' }, data: { ...data } } as unknown as KubeObject;
      await held.answers;
      return answer;
    },
    jsonPatch: async (_resource: unknown, _at: unknown, ops: readonly JsonPatchOp[]) => {
      for (const op of ops)
        if (op.op === 'add') data[op.path.replace('/data/', '')] = String(op.value);
        else if (op.op === 'remove') Reflect.deleteProperty(data, op.path.replace('/data/', ''));
    },
  } as unknown as KubeClient;
  return { client, held, stored: () => readRecords(data) };
}

test('a test that ends while an earlier record is still being read is not lost', async () => {
  const { client, held } = stage({ 'node-1': proof('Enforced'), 'node-2': proof('Enforced') });
  const release = Promise.withResolvers<undefined>();
  const nodes = new NodeVerdicts();
  held.answers = release.promise;
  const loading = nodes.load(client);
  held.answers = Promise.resolve();
  await nodes.set(client, 'node-1', proof('Unenforced', AT + 1));
  release.resolve(undefined);
  await loading;
  expect(nodes.proofOf('node-1')?.verdict).toBe('Unenforced');
  expect(nodes.proofOf('node-2')?.verdict).toBe('Enforced');
});

test('of a term before, only what is written down is taken over', async () => {
  const { client } = stage({ 'node-2': proof('Enforced') });
  const nodes = new NodeVerdicts();
  await nodes.set(stage({}).client, 'node-1', proof('Enforced'));
  await nodes.load(client);
  expect(nodes.nodes).toEqual(['node-2']);
});

test('of more nodes than find room, no old record is left in the place of a new one', async () => {
  const many = Array.from({ length: MAX_RECORDS }, (_, n) => [`node-${n}`, proof('Enforced')] as const);
  const { client, stored } = stage(Object.fromEntries(many));
  const nodes = new NodeVerdicts();
  await nodes.load(client);
  await nodes.set(client, 'one-more', proof('Enforced'));
  expect(nodes.proofOf('one-more')?.verdict).toBe('Enforced');
  expect(stored().has('one-more')).toBe(false);
  await nodes.set(client, 'node-7', proof('Unenforced', AT + 1));
  expect(stored().get('node-7')?.proof?.verdict).toBe('Unenforced');
  await nodes.forget(client, 'node-8');
  await nodes.set(client, 'one-more', proof('Enforced'));
  expect(stored().has('one-more')).toBe(true);
});
