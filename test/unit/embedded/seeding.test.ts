// What a cluster starts with, and plain objects that are put into it.
import { describe, expect, test } from 'vitest';
import { applyObjects, ensureNamespace, ensureNode } from '../../../src/embedded/seed.ts';
import { CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, NODES } from '../../../src/kube/resources.ts';
import { at, createLab, newDeployment } from './harness.ts';

const map = (name: string, data: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});

describe('a new cluster', () => {
  test('has the namespaces of every cluster and two Ready nodes', () => {
    const { cluster } = createLab();
    expect(cluster.api.list(NAMESPACES).map(({ metadata }) => metadata.name)).toEqual([
      'default',
      'kube-system',
      'shop',
    ]);
    const nodes = cluster.api.list(NODES);
    expect(nodes.map(({ metadata }) => metadata.name)).toEqual(['node-1', 'node-2']);
    expect(nodes[0]?.['status']).toMatchObject({ conditions: [{ type: 'Ready', status: 'True' }] });
  });

  test('has the nodes that were asked for', () => {
    const { cluster } = createLab({ nodes: ['a', 'b', 'c'] });
    expect(cluster.api.list(NODES).map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c']);
  });

  test('has nothing in its audit yet', () => {
    expect(createLab().cluster.audit).toEqual([]);
  });
});

describe('objects', () => {
  test('are created with their namespaces', () => {
    const { cluster } = createLab();
    applyObjects(cluster.api, [
      map('a', { x: '1' }, { namespace: 'new' }),
      map('b', { x: '1' }),
      { apiVersion: 'apps/v1', kind: 'Deployment', ...newDeployment(2) },
    ]);
    expect(cluster.api.get(CONFIG_MAPS, { namespace: 'new', name: 'a' })?.['data']).toEqual({ x: '1' });
    expect(cluster.api.get(CONFIG_MAPS, { namespace: 'default', name: 'b' })).toBeDefined();
    expect(cluster.api.get(DEPLOYMENTS, { namespace: 'default', name: 'web' })).toBeDefined();
    expect(cluster.api.get(NAMESPACES, { name: 'new' })).toBeDefined();
  });

  test('that exist are replaced but for their identity', () => {
    const { cluster } = createLab();
    applyObjects(cluster.api, [map('a', { x: '1' }, { labels: { old: 'yes' } })]);
    const before = cluster.api.get(CONFIG_MAPS, { namespace: 'default', name: 'a' });
    applyObjects(cluster.api, [map('a', { y: '2' }, { labels: { new: 'yes' } })]);
    const after = cluster.api.get(CONFIG_MAPS, { namespace: 'default', name: 'a' });
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
    expect(after?.metadata.labels).toEqual({ new: 'yes' });
    expect(after?.['data']).toEqual({ y: '2' });
  });

  test('that are the same are not written again', () => {
    const { cluster } = createLab();
    applyObjects(cluster.api, [map('a', { x: '1' })]);
    const before = cluster.api.get(CONFIG_MAPS, { namespace: 'default', name: 'a' });
    applyObjects(cluster.api, [map('a', { x: '1' })]);
    expect(cluster.api.get(CONFIG_MAPS, { namespace: 'default', name: 'a' })).toBe(before);
  });

  test('of a kind that is not served are a mistake that is named', () => {
    const { cluster } = createLab();
    expect(() => applyObjects(cluster.api, [{ apiVersion: 'x.io/v1', kind: 'Thing', metadata: {} }])).toThrow(
      'no kind Thing of x.io/v1 is served',
    );
  });

  test('that are invalid are refused as on the wire', () => {
    const { cluster } = createLab();
    expect(() => applyObjects(cluster.api, [map('Bad_Name', {})])).toThrow(/metadata.name: Invalid value/);
  });
});

test('namespaces and nodes that are there are left alone', () => {
  const { cluster } = createLab();
  const [namespaces, nodes] = [cluster.api.list(NAMESPACES), cluster.api.list(NODES)];
  ensureNamespace(cluster.api, 'shop', { new: 'label' });
  ensureNode(cluster.api, 'node-1', 9);
  expect([cluster.api.list(NAMESPACES), cluster.api.list(NODES)]).toEqual([namespaces, nodes]);
});

describe('the API without the wire', () => {
  test('does nothing to what is not there', () => {
    const { cluster } = createLab();
    const none = { namespace: 'shop', name: 'none' };
    expect(cluster.api.get(CONFIG_MAPS, none)).toBeUndefined();
    expect(() => cluster.api.update(CONFIG_MAPS, none, 'object', (current) => current)).not.toThrow();
    expect(() => cluster.api.delete(CONFIG_MAPS, none)).not.toThrow();
  });

  test('is under admission', () => {
    const { cluster } = createLab();
    cluster.admission.push(({ userAgent }) => ({ policy: 'p', message: `not for ${userAgent}` }));
    expect(() => cluster.api.create(CONFIG_MAPS, 'shop', { metadata: { name: 'a' } })).toThrow(
      'not for kubectl',
    );
  });

  test('refuses a kind that is not served', () => {
    const { cluster } = createLab();
    const thing = { group: 'x.io', version: 'v1', plural: 'things', kind: 'Thing', namespaced: true };
    expect(() => cluster.api.create(thing, 'shop', {})).toThrow('things are not served');
  });

  test('is seen by watches and lists at once', async () => {
    const lab = createLab();
    lab.cluster.api.create(CONFIG_MAPS, 'shop', { metadata: { name: 'a' } });
    expect((await lab.call('GET', at('configmaps', 'a'))).status).toBe(200);
  });
});
