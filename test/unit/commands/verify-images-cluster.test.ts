// What `die-operator verify-images` finds in a cluster, what it leaves out, and how it prints it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { API_VERSION, QUARANTINE_LABEL, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { reportJson, reportText } from '../../../src/commands/verify-images/print.ts';
import { exitCode } from '../../../src/commands/verify-images/report.ts';
import { CLUSTER_DRIFT_POLICIES, PODS, REPLICA_SETS } from '../../../src/kube/resources.ts';
import { DIGEST, IMAGE, PINNED } from '../../support/world.ts';
import { openStage, OTHER, REPOSITORY, verdictsOf, type Stage } from './verify-images-stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

describe('of running pods', () => {
  test('those that run the digest that they are pinned to are approved', async () => {
    await stage.world.deployment(2);
    const report = await stage.look();
    expect(verdictsOf(report)).toEqual(['Approved/Pinned', 'Approved/Pinned']);
    expect(report).toMatchObject({
      pods: 2,
      configuration: [],
      problems: [],
      notStarted: 0,
      withoutTemplate: 0,
    });
    expect([exitCode(report, false), exitCode(report, true)]).toEqual([0, 0]);
  });

  test('an outlier among pods of one ReplicaSet is found without any registry', async () => {
    const name = await stage.movedTag();
    const report = await stage.look();
    expect(verdictsOf(report)).toEqual(['MutableTag/NoDigest', 'MutableTag/NoDigest', 'Unapproved/Outlier']);
    const bad = report.images.find(({ verdict }) => verdict === 'Unapproved');
    expect(bad).toMatchObject({
      namespace: 'shop',
      object: `Pod/${name}`,
      workload: expect.stringMatching(/^ReplicaSet\/web-/) as string,
      source: null,
      container: 'web',
      approved: expect.stringMatching(/^sha256:/) as string,
      runs: OTHER,
    });
    expect(bad?.approved).not.toBe(OTHER);
    expect(exitCode(report, false)).toBe(1);
  });

  test('also where only the outlier was asked for', async () => {
    const name = await stage.movedTag();
    const labels = [{ op: 'add', path: '/metadata/labels/look', value: 'here' }] as const;
    await stage.world.client.jsonPatch(PODS, { namespace: 'shop', name }, labels);
    const report = await stage.look({ selector: 'look=here' });
    expect(verdictsOf(report)).toEqual(['Unapproved/Outlier']);
    expect(report.pods).toBe(1);
  });

  test('a list of a policy and its ConfigMap decide', async () => {
    await stage.world.deployment(1);
    await stage.createPolicy({ approvedImages: [`${REPOSITORY}@${OTHER}`], approvedImagesFrom: 'ConfigMap' });
    const missing = await stage.look();
    expect(verdictsOf(missing)).toEqual(['Unverifiable/ListUnreadable']);
    expect(missing.problems).toEqual([
      { kind: 'List', message: 'ConfigMap die-operator-approved-images in namespace shop: is not there' },
    ]);
    await stage.createList('shop', { web: `${REPOSITORY}@${DIGEST}` });
    const report = await stage.look();
    expect([verdictsOf(report), report.problems]).toEqual([['Approved/Listed'], []]);
  });

  test('the ConfigMap of a policy of the cluster is that of its own namespace', async () => {
    await stage.world.deployment(1);
    const body = { apiVersion: API_VERSION, kind: 'ClusterDriftPolicy', metadata: { name: 'c' } };
    const spec = { approvedImagesFrom: 'ConfigMap', responses: [{ name: 'note', actions: ['Label'] }] };
    await stage.world.client.create(CLUSTER_DRIFT_POLICIES, {}, { ...body, spec });
    await stage.createList('shop', { web: `${REPOSITORY}@${DIGEST}` });
    await stage.createList(SYSTEM_NAMESPACE, { web: `${REPOSITORY}@${OTHER}` });
    expect(verdictsOf(await stage.look({ namespace: undefined }))).toEqual(['Unapproved/NotListed']);
  });

  test('an image that was changed in place does not approve itself, and is told with what was approved', async () => {
    const [pod] = await stage.world.deployment(1);
    const name = pod?.metadata.name ?? '';
    const image = `registry.example/evil@${OTHER}`;
    await stage.world.client.jsonPatch(PODS, { namespace: 'shop', name }, [
      { op: 'replace', path: '/spec/containers/0/image', value: image },
    ]);
    const report = await stage.look();
    expect(report.configuration).toMatchObject([
      { object: `Pod/${name}`, container: 'web', kind: 'Image', approved: PINNED, runs: image },
    ]);
    expect(report.configuration[0]?.template).toMatch(/^ReplicaSet web-/);
    expect(exitCode(report, false)).toBe(1);
  });

  test('a container that admission may add is no drift where a policy in force says so', async () => {
    const [pod] = await stage.world.deployment(1);
    const { name = '' } = pod?.metadata.ownerReferences?.[0] ?? {};
    // No pod takes a further container: the template lets go of the one that it has.
    const path = '/spec/template/spec/containers/0/name';
    await stage.world.client.jsonPatch(REPLICA_SETS, { namespace: 'shop', name }, [
      { op: 'replace', path, value: 'other' },
    ]);
    const kinds = async () => (await stage.look()).configuration.map(({ kind }) => kind);
    expect(await kinds()).toEqual(['AddedContainer', 'MissingContainer']);
    await stage.createPolicy({ verification: { allowedContainers: ['we*'] } });
    expect(await kinds()).toEqual(['MissingContainer']);
  });

  test('those in quarantine are left out, and counted', async () => {
    const [pod] = await stage.world.deployment(2);
    const at = { namespace: 'shop', name: pod?.metadata.name ?? '' };
    const path = `/metadata/labels/${QUARANTINE_LABEL.replace('/', '~1')}`;
    await stage.world.client.jsonPatch(PODS, at, [{ op: 'add', path, value: 'true' }]);
    const report = await stage.look();
    expect([report.pods, report.images.length, report.leftOut.quarantined]).toEqual([1, 1, 1]);
  });

  test('bare ones have no template, and those that did not start no verdict', async () => {
    const metadata = { name: 'bare', namespace: 'shop' };
    const spec = { containers: [{ name: 'x', image: 'registry.example/none:1' }] };
    await stage.world.client.create(
      PODS,
      { namespace: 'shop' },
      { apiVersion: 'v1', kind: 'Pod', metadata, spec },
    );
    const report = await stage.look();
    expect(report).toMatchObject({ pods: 1, images: [], withoutTemplate: 1, notStarted: 1 });
  });

  test('there are none in a namespace that is not there: that is told', async () => {
    await expect(stage.look({ namespace: 'shp' })).rejects.toThrow('not found');
  });
});

test('text has the worst first, pods of one workload as one row, and what was approved and what runs', async () => {
  const name = await stage.movedTag();
  const good = (await stage.running()).map(({ metadata }) => metadata.name).filter((one) => one !== name);
  const report = await stage.look();
  const lines = reportText(report, { isAll: false, width: 100 }).split('\n');
  expect(lines.slice(1, 3)).toEqual([
    expect.stringMatching(new RegExp(`^shop +${name} +web +Unapproved +${IMAGE}$`)),
    expect.stringMatching(new RegExp(`^shop +${good.toSorted()[0]} and 1 more +web +MutableTag +${IMAGE}$`)),
  ]);
  expect(lines[4]).toMatch(
    new RegExp(`^Unapproved shop/${name}: container web runs ${OTHER} under the tag by which`),
  );
  expect(lines[4]).toContain(report.images.find(({ object }) => object === `Pod/${name}`)?.approved);
  expect(lines[5]).toMatch(/^MutableTag 2 containers: /);
  expect(lines).toContain('3 containers of 3 running pods: 1 Unapproved, 2 MutableTag');
  const all = reportText(report, { isAll: true, width: undefined }).split('\n');
  for (const each of good)
    expect(all).toContainEqual(expect.stringMatching(new RegExp(`^shop +${each} +web +MutableTag`)));
  const { summary, images } = JSON.parse(reportJson(report)) as {
    summary: object;
    images: { object: string }[];
  };
  expect(summary).toMatchObject({
    pods: 3,
    containers: 3,
    verdicts: { Unapproved: 1, MutableTag: 2 },
    drifted: 0,
  });
  const objects = images.map(({ object }) => object);
  expect(objects).toEqual(objects.toSorted());
  // Rows come as templates were read: two documents of one state are equal all the same.
  expect(reportJson({ ...report, images: report.images.toReversed() })).toBe(reportJson(report));
});
