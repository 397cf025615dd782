// The audit: what was asked over the transport, in order, for tests to read.
import { describe, expect, test } from 'vitest';
import { createAudit, type AuditEntry } from '../../../src/embedded/audit.ts';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import { at, createLab, MERGE_PATCH, newDeployment, newPod } from './harness.ts';

const request = (path: string) => ({
  method: 'GET' as const,
  path,
  headers: {},
  streaming: false,
  signal: new AbortController().signal,
});

describe('an entry', () => {
  test.each([
    ['/api/v1/pods', 'list'],
    ['/api/v1/namespaces', 'list'],
    ['/api/v1/namespaces/shop', 'get'],
    ['/api/v1/namespaces/shop/status', 'get'],
    ['/api/v1/namespaces/shop/pods', 'list'],
    ['/api/v1/namespaces/vault/pods/v1', 'get'],
    ['/api/v1/namespaces/shop/pods/web-1/log', 'get'],
    ['/api/v1/namespaces/shop/pods?watch=true', 'watch'],
    ['/api/v1/namespaces/shop/pods?watch=1&resourceVersion=5', 'watch'],
    ['/api/v1/namespaces/shop/pods?watch=false', 'list'],
    ['/apis/apps/v1/namespaces/shop/deployments/web', 'get'],
    ['/apis/apps/v1/deployments', 'list'],
    ['/api/v1/unknown', 'get'],
    ['/foo', 'get'],
  ])('of GET %s is a %s', (path, verb) => {
    const audit = createAudit(10);
    audit.record(request(path), 200);
    expect(audit.entries[0]?.verb).toBe(verb);
  });

  test('says what was asked, by whom, and what came of it', async () => {
    const lab = createLab();
    await lab.call('POST', at('pods'), newPod('web-1'));
    await lab.call('PATCH', at('pods', 'web-1'), { metadata: { labels: { a: '-' } } }, MERGE_PATCH);
    await lab.call('PUT', at('pods', 'none'), newPod('none'));
    await lab.call('DELETE', at('pods', 'web-1'));
    expect(lab.cluster.audit.map(({ verb, method, path, status }) => [verb, method, path, status])).toEqual([
      ['create', 'POST', at('pods'), 201],
      ['patch', 'PATCH', at('pods', 'web-1'), 422],
      ['update', 'PUT', at('pods', 'none'), 404],
      ['delete', 'DELETE', at('pods', 'web-1'), 200],
    ]);
    expect(lab.cluster.audit[0]).toMatchObject({
      userAgent: 'test',
      body: JSON.stringify(newPod('web-1')),
    });
    expect(lab.cluster.audit[3]).not.toHaveProperty('body');
  });
});

describe('the list', () => {
  test('holds nothing of what the controllers do', async () => {
    const lab = createLab();
    lab.cluster.start();
    await lab.call('POST', at('deployments', undefined, '/apis/apps/v1'), newDeployment(2));
    await lab.clock.advance(2_000);
    lab.cluster.api.create(CONFIG_MAPS, 'shop', { metadata: { name: 'direct' } });
    expect(lab.cluster.audit).toHaveLength(1);
  });

  test('is in the order of the answers', async () => {
    const lab = createLab();
    await Promise.all(['a', 'b', 'c'].map((name) => lab.call('POST', at('pods'), newPod(name))));
    expect(lab.cluster.audit.map(({ body }) => /"name":"(\w)"/.exec(body ?? '')?.[1])).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  test('does not grow beyond its limit', () => {
    const audit = createAudit(3);
    for (const name of ['a', 'b', 'c', 'd', 'e']) audit.record(request(`/${name}`), 200);
    expect(audit.entries.map(({ path }) => path)).toEqual(['/c', '/d', '/e']);
  });
});

test('a listener hears each request until it is cancelled', async () => {
  const lab = createLab();
  const heard: AuditEntry[] = [];
  const cancel = lab.cluster.onRequest((entry) => heard.push(entry));
  await lab.call('GET', at('pods'));
  cancel();
  await lab.call('GET', at('pods'));
  expect(heard).toEqual([lab.cluster.audit[0]]);
});
