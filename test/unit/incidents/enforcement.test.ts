// Which nodes are tested, when, and who hears of the results. The canaries are scripted, see test/unit/respond/canary.test.ts.
import { describe, expect, test as base } from 'vitest';
import { CAPTURE_NAMESPACE, QUARANTINE_LABEL } from '../../../src/api/names.ts';
import { NodeVerdicts } from '../../../src/incidents/node-verdicts.ts';
import { CONFIG_MAPS, PODS } from '../../../src/kube/resources.ts';
import { IMAGE, NodeScene, RECORD } from '../../support/node-scene.ts';

const HOUR = 3_600_000;

const test = base.extend('scene', async ({}, { onCleanup }) => {
  const scene = new NodeScene();
  await scene.prepare();
  onCleanup(() => {
    scene.stop.abort();
    scene.cluster.stop();
  });
  return scene;
});

describe('nodes are tested', () => {
  test('where pods may be isolated, and no others', async ({ scene }) => {
    scene.pod('web');
    scene.pod('system', { namespace: 'kube-system', nodeName: 'node-2' });
    scene.pod('free', { namespace: 'other', nodeName: 'node-3' });
    scene.pod('of-the-node', { hostNetwork: true, nodeName: 'node-4' });
    scene.run();
    await scene.clock.advance(60_000);
    expect(scene.begun).toEqual(['node-1']);
    expect(scene.record()).toEqual({
      'node-1': expect.objectContaining({ verdict: 'Enforced', establishedCut: true }),
    });
    expect(scene.enforcement.counts()).toEqual({ Enforced: 1, Unenforced: 0, Unknown: 0 });
    expect(scene.changed).toEqual(['node-1']);
  });

  test('two at a time', async ({ scene }) => {
    for (const n of [1, 2, 3, 4]) scene.pod(`web-${n}`, { nodeName: `node-${n}` });
    scene.run();
    await scene.clock.advance(120_000);
    expect(scene.begun.toSorted()).toEqual(['node-1', 'node-2', 'node-3', 'node-4']);
    expect(scene.most).toBe(2);
  });

  test('when a pod comes to one, and within a minute when a policy does', async ({ scene }) => {
    scene.run();
    await scene.clock.advance(10_000);
    scene.pod('web');
    scene.pod('free', { namespace: 'other', nodeName: 'node-2' });
    await scene.clock.advance(20_000);
    expect(scene.begun).toEqual(['node-1']);
    scene.isolated.add('other');
    await scene.clock.advance(60_000);
    expect(scene.begun).toEqual(['node-1', 'node-2']);
  });

  test('first where a pod is in quarantine', async ({ scene }) => {
    for (const n of [1, 2, 3]) scene.pod(`web-${n}`, { nodeName: `node-${n}` });
    scene.run();
    await scene.clock.advance(100);
    scene.pod('held', { namespace: 'other', nodeName: 'node-4', labels: { [QUARANTINE_LABEL]: 'true' } });
    await scene.clock.advance(60_000);
    expect(scene.begun.toSorted()).toEqual(['node-1', 'node-2', 'node-3', 'node-4']);
    expect(scene.begun.indexOf('node-4')).toBe(2);
  });

  test('again after half a day, and not while they are not wanted any more', async ({ scene }) => {
    scene.pod('web');
    scene.run();
    await scene.clock.advance(12 * HOUR - 60_000);
    expect(scene.begun).toHaveLength(1);
    await scene.clock.advance(180_000);
    expect(scene.begun).toHaveLength(2);
    scene.pods.clear();
    await scene.clock.advance(13 * HOUR);
    expect(scene.begun).toHaveLength(2);
  });

  test.each(['Enforced', 'Unenforced'])(
    'again when a pod is quarantined on one that was booted since it was %s, or is another one of that name',
    async (verdict) => {
      const scene = new NodeScene();
      await scene.prepare();
      scene.networks.set('node-1', verdict === 'Enforced' ? 'cut' : 'open');
      scene.pod('web');
      scene.run();
      await scene.clock.advance(HOUR);
      scene.quarantine('held');
      await scene.clock.advance(HOUR);
      expect(scene.begun).toHaveLength(1);
      scene.boot('node-1');
      scene.networks.set('node-1', 'silent');
      scene.quarantine('held');
      await scene.clock.advance(5_000);
      expect(scene.verdictOf('node-1')).toBeUndefined();
      expect(scene.begun).toHaveLength(2);
      expect(scene.changed).toEqual(['node-1', 'node-1']);
      expect(scene.record()).not.toHaveProperty('node-1');
      scene.stop.abort();
      scene.cluster.stop();
    },
  );

  test('not by ever more canaries where they never end', async ({ scene }) => {
    scene.pod('web');
    scene.kubeletStops('node-1');
    scene.run();
    await scene.clock.advance(24 * HOUR);
    expect(scene.begun.length).toBeLessThanOrEqual(4);
    expect(scene.nodes.get('node-1')?.trouble?.message).toMatch(
      /canary-\w+-(?:peer|subject) of an earlier test on node node-1 does not end/,
    );
  });

  test('also where the only pod was just being replaced when a test was due', async ({ scene }) => {
    scene.pod('web');
    scene.run();
    await scene.clock.advance(12 * HOUR + 2_000);
    scene.pods.clear();
    await scene.clock.advance(20_000);
    expect(scene.begun).toHaveLength(1);
    scene.pod('web-again');
    await scene.clock.advance(30_000);
    expect(scene.begun).toHaveLength(2);
  });

  test('again and again, ever more seldom, while a test says nothing', async ({ scene }) => {
    scene.networks.set('node-1', 'silent');
    scene.pod('web');
    scene.run();
    await scene.clock.advance(HOUR);
    expect(scene.begun.length).toBeGreaterThan(4);
    expect(scene.begun.length).toBeLessThan(8);
    expect(scene.verdictOf('node-1')).toBeUndefined();
    expect(scene.changed).toEqual([]);
    expect(scene.record()['node-1']).toMatchObject({
      verdict: 'Unknown',
      trouble: { message: expect.stringContaining('did not reach each other') },
    });
    scene.networks.set('node-1', 'cut');
    await scene.clock.advance(HOUR);
    expect(scene.verdictOf('node-1')).toBe('Enforced');
    expect(scene.record()['node-1']).not.toHaveProperty('trouble');
  });

  test('by nobody where helper pods are not installed, which is said once', async () => {
    const scene = new NodeScene();
    await scene.prepare(false);
    scene.pod('web');
    scene.run();
    await scene.clock.advance(HOUR);
    scene.mayRun = false;
    await scene.clock.advance(HOUR);
    expect(scene.begun).toEqual([]);
    expect(scene.said.filter((line) => line.includes('is not tested'))).toHaveLength(2);
    expect(scene.enforcement.counts()).toEqual({ Enforced: 0, Unenforced: 0, Unknown: 1 });
    scene.stop.abort();
    scene.cluster.stop();
  });
});

describe('a node that does not enforce', () => {
  test('is named, wherever a policy isolates pods on it', async ({ scene }) => {
    for (const n of [1, 2, 3, 4]) {
      scene.networks.set(`node-${n}`, 'open');
      scene.pod(`web-${n}`, { nodeName: `node-${n}` });
    }
    scene.run();
    await scene.clock.advance(300_000);
    expect(scene.enforcement.unenforcedIn(['shop'])).toBe('node-1, node-2, node-3 and 1 more');
    expect(scene.enforcement.unenforcedIn(['other'])).toBeUndefined();
    expect(scene.enforcement.counts()).toEqual({ Enforced: 0, Unenforced: 4, Unknown: 0 });
    expect(scene.record()['node-1']).toMatchObject({ verdict: 'Unenforced', tookMs: 60_000 });
    scene.networks.set('node-1', 'cut');
    await scene.clock.advance(12 * HOUR);
    expect(scene.enforcement.unenforcedIn(['shop'])).toBe('node-2, node-3, node-4');
    expect(scene.changed.filter((node) => node === 'node-1')).toHaveLength(2);
  });
});

describe('the next leader', () => {
  test('takes over what is known', async ({ scene }) => {
    scene.pod('web');
    scene.run();
    await scene.clock.advance(60_000);
    const next = new NodeVerdicts();
    await next.load(scene.client);
    expect(next.proofOf('node-1')).toEqual(scene.nodes.proofOf('node-1'));
  });

  test('tells of what it takes over, since others may have begun without', async ({ scene }) => {
    scene.pod('web');
    scene.run();
    await scene.clock.advance(60_000);
    scene.changed.length = 0;
    await scene.enforcement.load();
    expect(scene.changed).toEqual(['node-1']);
  });

  test('does not stumble over what cannot be read', async ({ scene }) => {
    scene.cluster.api.delete(CONFIG_MAPS, RECORD);
    await scene.enforcement.load();
    scene.pod('web');
    scene.run();
    await scene.clock.advance(60_000);
    expect(scene.verdictOf('node-1')).toBe('Enforced');
  });

  test('drops nodes that are gone, once what was known of them is old', async ({ scene }) => {
    scene.pod('web');
    scene.pod('away', { nodeName: 'node-2' });
    scene.run();
    await scene.clock.advance(60_000);
    scene.pods.delete('away');
    await scene.clock.advance(23 * HOUR);
    expect(Object.keys(scene.record())).toEqual(['node-1', 'node-2']);
    await scene.clock.advance(2 * HOUR);
    expect(Object.keys(scene.record())).toEqual(['node-1']);
  });

  test('removes canaries that the one before left behind', async ({ scene }) => {
    const metadata = { name: 'canary-old', labels: { 'die-operator.dev/helper': 'canary' } };
    const containers = [{ name: 'helper', image: IMAGE }];
    const spec = { nodeName: 'node-1', restartPolicy: 'Never', containers };
    scene.cluster.api.create(PODS, CAPTURE_NAMESPACE, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
    scene.pod('web');
    scene.networks.set('node-1', 'silent');
    scene.run();
    await scene.clock.advance(HOUR);
    expect(
      scene.cluster.api.list(PODS, CAPTURE_NAMESPACE).map(({ metadata: { name } }) => name),
    ).not.toContain('canary-old');
  });
});
