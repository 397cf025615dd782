// `die-operator verify-images -f`: what manifests are worth by the policies and lists among them, without a cluster.
import { describe, expect, test } from 'vitest';
import {
  A,
  B,
  cluster,
  deployment,
  judged,
  listOf,
  policy,
  space,
  spec,
  WEB,
} from './verify-images-manifests.ts';

describe('an image', () => {
  test.each([
    ['that names a digest is approved', `${WEB}:1@${A}`, [], 'Approved/Pinned', 0],
    ['that names none may be moved', `${WEB}:1`, [], 'MutableTag/NoDigest', 0],
    [
      'that a list has is approved',
      `${WEB}@${A}`,
      [{ approvedImages: [`${WEB}@${A}`] }],
      'Approved/Listed',
      0,
    ],
    [
      'that no list names the repository of',
      `${WEB}@${A}`,
      [{ approvedImages: [`${WEB}-2@${B}`] }],
      'Approved/Pinned',
      0,
    ],
    [
      'of a listed repository with another digest',
      `${WEB}@${B}`,
      [{ approvedImages: [`${WEB}@${A}`] }],
      'Unapproved/NotListed',
      1,
    ],
    [
      'that one list has, and another has not',
      `${WEB}@${A}`,
      [{ approvedImages: [`${WEB}@${A}`] }, { approvedImages: [`${WEB}@${B}`] }],
      'Unapproved/NotListed',
      1,
    ],
    [
      'without a digest, of a listed repository',
      `${WEB}:1`,
      [{ approvedImages: [`${WEB}@${A}`] }],
      'MutableTag/NoDigest',
      0,
    ],
  ] as const)('%s', async (...[, image, lists, verdict, code]) => {
    const policies = lists.map((list, index) => policy(`p-${index}`, list));
    const found = await judged([deployment(image), ...policies]);
    expect({ verdicts: found.verdicts, code: found.code, problems: found.problems }).toEqual({
      verdicts: [verdict],
      code,
      problems: [],
    });
  });

  test('is judged in every kind that starts pods, and in init containers', async () => {
    const template = { metadata: {}, spec: spec(`${WEB}:1`) };
    const kind = (apiVersion: string, is: string, of: object, metadata: object = { name: 'x' }) => ({
      apiVersion,
      kind: is,
      metadata,
      spec: of,
    });
    const { rows } = await judged([
      kind('v1', 'Pod', { ...spec(`${WEB}:1`), initContainers: [{ name: 'init', image: 'busybox' }] }),
      kind('v1', 'ReplicationController', { template }),
      kind('apps/v1', 'Deployment', { template }),
      kind('apps/v1', 'ReplicaSet', { template }),
      kind('apps/v1', 'StatefulSet', { template }),
      kind('apps/v1', 'DaemonSet', { template }),
      kind('batch/v1', 'Job', { template }, { generateName: 'x-' }),
      kind('batch/v1', 'CronJob', { jobTemplate: { spec: { template } } }),
      kind('example.dev/v1', 'Deployment', { template }),
      kind('v1', 'Service', {}),
    ]);
    const found = rows.map((row) => `${row.object} ${row.kind} ${row.source.split(':').at(-1)}`);
    expect(found.toSorted()).toEqual(
      [
        'Pod/x Container 1',
        'Pod/x Init 1',
        'ReplicationController/x Container 3',
        'Deployment/x Container 5',
        'ReplicaSet/x Container 7',
        'StatefulSet/x Container 9',
        'DaemonSet/x Container 11',
        'Job/x-* Container 13',
        'CronJob/x Container 15',
      ].toSorted(),
    );
  });
});

describe('a list counts', () => {
  const bad = deployment(`${WEB}@${B}`);
  const list = { approvedImages: [`${WEB}@${A}`] };

  test.each([
    [
      'for pods that its policy selects',
      [policy('p', { ...list, match: { podSelector: { matchLabels: { app: 'web' } } } })],
      1,
    ],
    ['not for others', [policy('p', { ...list, match: { podSelector: { matchLabels: { app: 'db' } } } })], 0],
    [
      'not for those of another namespace',
      [{ ...policy('p', list), metadata: { name: 'p', namespace: 'bank' } }],
      0,
    ],
    ['of the cluster in each namespace', [cluster('c', list)], 1],
    [
      'of the cluster where the labels are those',
      [
        cluster('c', { ...list, namespaceSelector: { matchLabels: { tier: 'gold' } } }),
        space({ tier: 'gold' }),
      ],
      1,
    ],
    [
      'of the cluster nowhere else',
      [
        cluster('c', { ...list, namespaceSelector: { matchLabels: { tier: 'gold' } } }),
        space({ tier: 'iron' }),
      ],
      0,
    ],
    [
      'in Enforce alone where one is in Enforce',
      [policy('p', { ...list, mode: 'Audit' }), policy('q', { mode: 'Enforce' })],
      0,
    ],
    [
      'from a ConfigMap',
      [policy('p', { approvedImagesFrom: 'ConfigMap' }), listOf('shop', { a: `# web\n${WEB}@${A}\n` })],
      1,
    ],
    [
      'from the ConfigMap of the cluster',
      [
        cluster('c', { approvedImagesFrom: 'ConfigMap' }),
        listOf('die-operator-system', { a: `${WEB}@${A}` }),
      ],
      1,
    ],
    [
      'from no ConfigMap of another namespace',
      [
        policy('p', { approvedImagesFrom: 'ConfigMap' }),
        listOf('shop', {}),
        listOf('bank', { a: `${WEB}@${A}` }),
      ],
      0,
    ],
    [
      'in the version that is applied last',
      [policy('p', list), policy('p', { approvedImages: [`${WEB}@${B}`] })],
      0,
    ],
    // Files without a policy of the cluster do not tell what the cluster grants.
    [
      'where it is not known what is granted',
      [policy('p', { ...list, comparison: { interval: '6h' } }), space({})],
      1,
    ],
  ] as const)('%s', async (_, around, code) => {
    const found = await judged([bad, ...around]);
    expect({ code: found.code, problems: found.problems }).toEqual({ code, problems: [] });
  });

  test('and what is not known is told, and fails with --strict', async () => {
    const around = [
      cluster('c', { namespaceSelector: { matchLabels: { tier: 'gold' } } }),
      cluster('wrong', { mode: 'Act' }),
      policy('p', { approvedImagesFrom: 'ConfigMap' }),
    ];
    const good = deployment(`${WEB}@${A}`);
    const { problems, code } = await judged([good, ...around]);
    expect(problems.map(({ kind }) => kind).toSorted()).toEqual(['List', 'Namespace', 'Policy']);
    expect(problems.map(({ message }) => message).join('\n')).toMatch(
      /ClusterDriftPolicy wrong is not accepted[^]*labels of namespace shop are not known[^]*is not in the files/,
    );
    expect(code).toBe(0);
    expect((await judged([good, ...around], '--strict')).code).toBe(2);
  });

  test('also where the labels that a grant goes by are not known', async () => {
    const namespaceSelector = { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] };
    const grants = cluster('g', { grants: { enforce: false }, namespaceSelector });
    const { code, problems } = await judged([bad, grants, policy('p', { ...list, mode: 'Enforce' })]);
    expect([code, problems.map(({ kind }) => kind)]).toEqual([1, ['Namespace']]);
  });

  test('unless its policy asks for what the policies of the cluster do not grant', async () => {
    const grants = cluster('g', { grants: { enforce: false } });
    const asks = policy('p', { ...list, mode: 'Enforce' });
    const { code, problems } = await judged([bad, grants, asks, space({})]);
    expect(code).toBe(0);
    expect(problems).toEqual([
      { kind: 'Policy', message: expect.stringContaining('DriftPolicy shop/p is not in force') as string },
    ]);
  });
});
