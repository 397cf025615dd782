import { describe, expect, it } from 'vitest';
import { object, TARGET, type RecordingBundle } from './fakes.ts';
import { cluster, collected, owner } from './snapshot-cluster.ts';

describe('owners', () => {
  const withOwners = (...ownerReferences: ReturnType<typeof owner>[]) => ({
    target: { ...TARGET, ownerReferences },
  });
  const paths = (bundle: RecordingBundle) =>
    [...bundle.files.keys()].filter((path) => path.includes('owners'));

  it('of another kind are noted by their reference', async () => {
    const bundle = await collected(cluster(), withOwners(owner('Rollout', 'web', 'argoproj.io/v1alpha1')));
    expect(bundle.json('api/about.json')['notes']).toEqual([
      'owner Rollout web (argoproj.io/v1alpha1, uid uid-of-web) is known by its reference only',
    ]);
    expect(bundle.problems).toEqual([]);
  });

  it('of a known kind in another group are not looked for in ours', async () => {
    const bundle = await collected(cluster(), withOwners(owner('Deployment', 'web', 'example.com/v1')));
    expect(paths(bundle)).toEqual([]);
  });

  it('that were replaced by another of their name are a problem', async () => {
    const bundle = await collected(cluster(), withOwners({ ...owner('ReplicaSet', 'web-abc'), uid: 'old' }));
    expect(paths(bundle)).toEqual([]);
    expect(bundle.problems).toEqual([expect.stringContaining('ReplicaSet web-abc is another one now')]);
  });

  it('that own each other end, and each is kept once', async () => {
    const api = cluster();
    api.objects.set('Deployment/web', object('web', { ownerReferences: [owner('ReplicaSet', 'web-abc')] }));
    const twice = [owner('ReplicaSet', 'web-abc'), owner('ReplicaSet', 'web-abc')];
    const bundle = await collected(api, withOwners(...twice));
    expect(paths(bundle)).toEqual(['api/owners/replicaset-web-abc.json', 'api/owners/deployment-web.json']);
    expect(bundle.problems).toEqual([]);
  });

  it('are read up to a number', async () => {
    const api = cluster();
    const many = Array.from({ length: 20 }, (_, n) => owner('Job', `job-${n}`, 'batch/v1'));
    for (const { name } of many) api.objects.set(`Job/${name}`, object(name));
    const bundle = await collected(api, withOwners(...many));
    expect(paths(bundle)).toHaveLength(16);
    expect(bundle.problems).toEqual(['api-snapshot: only 16 owners of the pod were read']);
  });

  it('with hostile names get safe paths', async () => {
    const api = cluster();
    const name = '../../../etc/passwd';
    api.objects.set(`Job/${name}`, object(name));
    const bundle = await collected(api, withOwners(owner('Job', name, 'batch/v1')));
    expect(paths(bundle)).toEqual([
      expect.stringMatching(/^api\/owners\/job-\.\.-\.\.-\.\.-etc-passwd~[0-9a-f]{32}\.json$/),
    ]);
  });
});
