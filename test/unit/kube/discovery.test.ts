// Which kinds an API server serves.
import { describe, expect, test } from 'vitest';
import type { KubeClient } from '../../../src/kube/client.ts';
import { servedPlurals } from '../../../src/kube/discovery.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { resourcePath, type Resource } from '../../../src/kube/resources.ts';

const GROUP = { group: 'cilium.io', version: 'v2' };

function answering(answer: object | Error): { client: KubeClient; paths: string[] } {
  const paths: string[] = [];
  const readText = (resource: Resource, at: object) => {
    paths.push(resourcePath(resource, at));
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { client: { readText } as unknown as KubeClient, paths };
}

const text = (body: string, more: object = {}) => ({ bytes: Buffer.from(body), truncated: false, ...more });

describe('what is served under a version of a group', () => {
  test('is its plurals, without subresources', async () => {
    const resources = [{ name: 'ciliumnodes', kind: 'CiliumNode' }, { name: 'ciliumnodes/status' }];
    const { client, paths } = answering(text(JSON.stringify({ kind: 'APIResourceList', resources })));
    expect(await servedPlurals(client, GROUP)).toEqual(new Set(['ciliumnodes']));
    expect(paths).toEqual(['/apis/cilium.io/v2']);
  });

  test('is nothing where there is no such version, or no kind in it', async () => {
    const missing = new KubeError('404', { status: 404, reason: '' });
    expect(await servedPlurals(answering(missing).client, GROUP)).toEqual(new Set());
    expect(await servedPlurals(answering(text('{"resources":null}')).client, GROUP)).toEqual(new Set());
  });

  test.each<[string, object | Error]>([
    ['is no JSON', text('<html>')],
    ['is no list', text('{"resources":{}}')],
    ['is too long', text('{"resources":[]}', { truncated: true })],
    ['breaks off', text('{"resources":[]}', { failure: new KubeError('broken', { status: 0, reason: '' }) })],
    ['is an error', new KubeError('503', { status: 503, reason: '' })],
    ['is a refusal', new KubeError('403', { status: 403, reason: 'Forbidden' })],
  ])('is not known when the answer %s', async (_, answer) => {
    await expect(servedPlurals(answering(answer).client, GROUP)).rejects.toThrow(KubeError);
  });
});
