// Volumes and mounts of a pod that are not as in its template, and those that only look like what Kubernetes adds.
import { describe, expect, test } from 'vitest';
import {
  found,
  testRows,
  TOKEN_MOUNT,
  TOKEN_PATH,
  tokenVolume,
  WEB,
  type Change,
} from './template-builders.ts';

describe('one difference in the volumes is one finding', () => {
  testRows({
    'a path of the node': {
      change: [['volumes', 'end'], { name: 'node', hostPath: { path: '/', type: '' } }],
      finding: {
        kind: 'Volume',
        field: 'spec.volumes[node]',
        approved: 'nothing',
        runs: 'hostPath {"path":"/"}',
        danger: true,
        message: 'volume node is hostPath {"path":"/"} where its template has nothing',
      },
    },
    'a volume of another kind': {
      change: [['volumes', 1], { name: 'tmp', secret: { secretName: 'keys' } }],
      finding: {
        kind: 'Volume',
        field: 'spec.volumes[tmp]',
        approved: 'emptyDir',
        runs: 'secret {"secretName":"keys"}',
        danger: true,
      },
    },
    'a token of another audience': {
      change: [
        ['volumes', 'end'],
        { name: 'token', projected: { sources: [{ serviceAccountToken: { audience: 'vault' } }] } },
      ],
      finding: { kind: 'Volume', field: 'spec.volumes[token]', danger: true },
    },
    'a volume with nothing in it': {
      change: [['volumes', 'end'], { name: 'more', emptyDir: {} }],
      finding: { kind: 'Volume', field: 'spec.volumes[more]', runs: 'emptyDir', danger: false },
    },
    'a mount that can be written': {
      change: [[...WEB, 'volumeMounts', 0, 'readOnly'], false],
      finding: {
        kind: 'VolumeMount',
        container: 'web',
        field: 'spec.containers[web].volumeMounts[/config]',
        approved: 'volume config {"readOnly":true}',
        runs: 'volume config',
        danger: true,
        message:
          'container web mounts at /config volume config where its template has volume config {"readOnly":true}',
      },
    },
    'a mount more': {
      change: [[...WEB, 'volumeMounts', 'end'], { name: 'tmp', mountPath: '/usr/bin' }],
      finding: { kind: 'VolumeMount', approved: 'nothing', runs: 'volume tmp', danger: false },
    },
    'a mount that reaches the node': {
      change: [[...WEB, 'volumeMounts', 1, 'mountPropagation'], 'Bidirectional'],
      finding: { kind: 'VolumeMount', field: 'spec.containers[web].volumeMounts[/tmp]', danger: true },
    },
  });
});

test('a volume less is one finding', () => {
  expect(found([[['volumes'], [{ name: 'tmp', emptyDir: {} }, tokenVolume()]]])).toEqual([
    {
      kind: 'Volume',
      field: 'spec.volumes[config]',
      approved: 'configMap {"name":"web"}',
      runs: 'nothing',
      danger: false,
      message: 'the pod lacks volume config of its template',
    },
  ]);
});

describe('the volume of the token counts only as admission makes it', () => {
  const sources = [...(tokenVolume()['projected'] as { sources: object[] }).sources];
  const secret = { secret: { name: 'keys' } };
  test.each<[string, Change[]]>([
    [
      'with another source',
      [
        [
          ['volumes', 2, 'projected', 'sources'],
          [...sources, secret],
        ],
      ],
    ],
    ['with another name', [[['volumes', 2], tokenVolume('kube-api-access-notes')]]],
    ['of another kind', [[['volumes', 2], { name: TOKEN_MOUNT.name, hostPath: { path: '/' } }]]],
    ['beside another one', [[['volumes', 'end'], tokenVolume('kube-api-access-bcdfg')]]],
    ['where no token is to be mounted', [[['automountServiceAccountToken'], false]]],
  ])('%s', (name, changes) => {
    const kinds = found(changes).map(({ kind, danger }) => `${kind} ${danger}`);
    expect(kinds).toContain('Volume true');
    expect(kinds.join()).toContain('VolumeMount');
    expect(kinds.filter((one) => one === 'Volume true')).toHaveLength(name.startsWith('beside') ? 2 : 1);
  });

  test.each([
    ['somewhere else', { ...TOKEN_MOUNT, mountPath: '/token' }],
    ['for writing', { ...TOKEN_MOUNT, readOnly: false }],
    ['in part', { ...TOKEN_MOUNT, subPath: 'token' }],
  ])('and is mounted %s', (_, mount) => {
    const where = mount.mountPath === TOKEN_PATH ? 2 : 'end';
    expect(found([[[...WEB, 'volumeMounts', where], mount]])).toMatchObject([
      { kind: 'VolumeMount', field: `spec.containers[web].volumeMounts[${mount.mountPath}]`, danger: true },
    ]);
  });
});
