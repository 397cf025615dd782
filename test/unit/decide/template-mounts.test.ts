// An allowed volume does not hide what the template mounts, however its path is written; mounts of webhooks beside it are fine.
import { describe, expect, test } from 'vitest';
import { found, kinds, TOKEN_PATH, WEB, type Change } from './template-builders.ts';

const ALLOW = { allowedVolumes: ['aws-iam-token'] };
const EKS = '/var/run/secrets/eks.amazonaws.com/serviceaccount';
const VOLUME: Change = [['volumes', 'end'], { name: 'aws-iam-token', configMap: { name: 'any' } }];
const mount = (mountPath: string, more: object = {}): Change => [
  [...WEB, 'volumeMounts', 'end'],
  { name: 'aws-iam-token', mountPath, ...more },
];

/** The places that are found where the template mounts at these, besides `/config` (a ConfigMap) and `/tmp` (an `emptyDir`). */
function hiding(mountPath: string, approved: Record<string, object> = {}): string[] {
  const held = Object.entries(approved).flatMap(([path, source], n): Change[] => [
    [['volumes', n + 2], { name: `held${n}`, ...source }],
    [[...WEB, 'volumeMounts', n + 2], { name: `held${n}`, mountPath: path }],
  ]);
  return kinds([VOLUME, mount(mountPath)], held, ALLOW).map((one) =>
    one.replace(/^VolumeMount spec\.containers\[web\]\.volumeMounts\[(.*)\]$/, '$1'),
  );
}

const configMap = { configMap: { name: 'app' } };
const emptyDir = { emptyDir: {} };
const secret = { secret: { secretName: 'app' } };

describe('an allowed volume that hides a mount of the template is found', () => {
  test.each(['/config/', '//config', '/./config', '/config/.', '/x/../config', 'config', '/config//'])(
    'at the same place as %s',
    (path) => {
      expect(hiding(path)).toEqual([path]);
    },
  );

  test.each(['/config/run.sh', '/config/a/b', '//config/./run.sh', '/config/../config/x'])(
    'below it, as %s',
    (path) => {
      expect(hiding(path)).toEqual([path]);
    },
  );

  test.each(['/etc', '/etc/app', '/etc/app/', '/'])('above it, as %s', (path) => {
    expect(hiding(path, { '/etc/app/conf': configMap })).toEqual([path]);
  });

  test('over an emptyDir, and below what lies in one', () => {
    expect(hiding('/tmp/')).toEqual(['/tmp/']);
    expect(hiding('/work/conf/x', { '/work': emptyDir, '/work/conf': secret })).toEqual(['/work/conf/x']);
  });

  test.each([
    ['/run/app', '/var/run/app'],
    ['/usr/lib/app/x', '/lib/app'],
    ['/bin', '/usr/bin'],
  ])('by the link that images have, as %s over %s', (path, approved) => {
    expect(hiding(path, { [approved]: configMap })).toEqual([path]);
  });

  test.each([`${TOKEN_PATH}/`, `${TOKEN_PATH}/token`, '/run/secrets/kubernetes.io', '/var/run/secrets'])(
    'over the token of the service account, as %s',
    (path) => {
      expect(hiding(path)).toEqual([path]);
    },
  );

  test('over a device, and by one', () => {
    const device: Change = [[...WEB, 'volumeDevices'], [{ name: 'tmp', devicePath: '/dev/data' }]];
    expect(kinds([VOLUME, mount('/dev')], [device], ALLOW)).toHaveLength(1);
    const block: Change = [[...WEB, 'volumeDevices'], [{ name: 'aws-iam-token', devicePath: '/config/x' }]];
    expect(kinds([VOLUME, block], [], ALLOW)).toEqual([
      'VolumeMount spec.containers[web].volumeDevices[/config/x]',
    ]);
  });

  test('and told with what it hides', () => {
    expect(found([VOLUME, mount('/config/')], [], ALLOW)).toMatchObject([
      {
        field: 'spec.containers[web].volumeMounts[/config/]',
        runs: 'volume aws-iam-token',
        danger: false,
        message:
          'container web mounts at /config/ volume aws-iam-token, which hides what is to be mounted at /config',
      },
    ]);
  });
});

describe('an allowed volume beside the mounts of the template is fine', () => {
  test.each([
    EKS,
    '/var/run/secrets/azure/tokens',
    '/configs',
    '/con',
    '/vault/secrets',
    '/tmp/x',
    '/etc/ld.so.preload',
  ])('at %s', (path) => {
    expect(hiding(path)).toEqual([]);
  });

  test.each<[string, Record<string, object>]>([
    ['an emptyDir', { '/var/run': emptyDir }],
    ['a volume without a source', { '/run/': {} }],
    ['a folder of the node', { '/run': { hostPath: { path: '/run' } } }],
    ['data', { '/var': { persistentVolumeClaim: { claimName: 'data' } } }],
    ['a secret beside it', { '/var/run/secrets/app': secret }],
    ['the root', { '/': configMap }],
  ])('as a token of a webhook where the template mounts %s', (_, approved) => {
    expect(hiding(EKS, approved)).toEqual([]);
  });

  test('but not below what the template mounts among the tokens, nor elsewhere in that folder', () => {
    expect(hiding(EKS, { '/var/run/secrets': secret })).toEqual([EKS]);
    expect(hiding('/var/run/app', { '/var/run': { hostPath: { path: '/run' } } })).toEqual(['/var/run/app']);
  });

  test('in every container by its own mounts', () => {
    const log: Change = [
      ['containers', 1, 'volumeMounts', 'end'],
      { name: 'aws-iam-token', mountPath: '/config/x' },
    ];
    expect(kinds([VOLUME, log], [], ALLOW)).toEqual([]);
  });

  test('where the pod has no token to hide', () => {
    const none: Change = [['automountServiceAccountToken'], false];
    expect(kinds([VOLUME, mount('/var/run/secrets')], [none], ALLOW).join()).not.toContain(
      '[/var/run/secrets]',
    );
  });
});

test('very many mounts, and very deep ones, are compared soon', () => {
  const at = (folder: string) =>
    Array.from({ length: 20_000 }, (_, n) => ({ name: 'aws-iam-token', mountPath: `/${folder}/${n}` }));
  const deep = Array.from({ length: 200 }, (_, n) => ({ name: 'tmp', mountPath: '/x'.repeat(1900 + n) }));
  const held: Change = [
    [...WEB, 'volumeMounts'],
    [...deep, ...at('a').map((one) => ({ ...one, name: 'tmp' }))],
  ];
  const changes: Change[] = [
    VOLUME,
    [
      [...WEB, 'volumeMounts'],
      [...deep, ...at('a'), ...at('b')],
    ],
  ];
  // Within the time that a test has.
  expect(found(changes, [held], ALLOW)).toHaveLength(32);
});
