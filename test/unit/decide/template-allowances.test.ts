// What policies allow beyond the template: containers, volumes and variables of webhooks, and what no name excuses.
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { AnyPolicy } from '../../../src/api/policy.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import { allowancesOf } from '../../../src/decide/verification.ts';
import { aPod } from '../../support/builders.ts';
import { examplesOf } from '../../support/docs-commands.ts';
import { found, kinds, on, TOKEN_MOUNT, tokenVolume, WEB, type Change } from './template-builders.ts';

const DIGEST = `@sha256:${'a'.repeat(64)}`;
const ADD = ['containers', 'end'] as const;
const ADD_INIT = ['initContainers', 'end'] as const;

describe('an allowed container', () => {
  const allow = { allowedContainers: ['istio-*', '*'] };
  const proxy = (more: object = {}) => ({ name: 'istio-proxy', image: 'proxy', ...more });
  const having = (securityContext: object) => proxy({ securityContext });
  const FOUND = ['AddedContainer spec.containers[istio-proxy]'];
  const FOUND_INIT = ['AddedContainer spec.initContainers[istio-proxy]'];

  // As Istio 1.2x and Linkerd 2.1x write them.
  test.each<[string, Change]>([
    [
      'drops everything',
      [ADD, having({ capabilities: { drop: ['ALL'] }, runAsUser: 1337, runAsNonRoot: true })],
    ],
    ['redirects packets', [ADD, having({ capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] } })]],
    [
      'sets up the network as root',
      [
        ADD_INIT,
        having({
          capabilities: { add: ['CAP_NET_ADMIN', 'net_raw'], drop: ['ALL'] },
          privileged: false,
          runAsUser: 0,
          runAsGroup: 0,
          runAsNonRoot: false,
        }),
      ],
    ],
    [
      'sets up the network as another user',
      [
        ADD_INIT,
        having({
          capabilities: { add: ['NET_ADMIN', 'NET_RAW'] },
          runAsUser: 65_534,
          seccompProfile: { type: 'RuntimeDefault' },
        }),
      ],
    ],
    ['mounts the token that all have', [ADD, proxy({ volumeMounts: [TOKEN_MOUNT] })]],
    [
      'mounts what the template has for all',
      [ADD, proxy({ volumeMounts: [{ name: 'tmp', mountPath: '/t' }] })],
    ],
  ])('that %s is no finding', (_, change) => {
    expect(kinds([change], [], allow)).toEqual([]);
  });

  test.each<[string, object]>([
    ['all capabilities', { capabilities: { add: ['ALL'] } }],
    ['another capability beside', { capabilities: { add: ['NET_ADMIN', 'SYS_ADMIN'] } }],
    ['no seccomp', { seccompProfile: { type: 'Unconfined' } }],
    ['a seccomp profile of the node', { seccompProfile: { type: 'Localhost', localhostProfile: 'x' } }],
    ['no AppArmor', { appArmorProfile: { type: 'Unconfined' } }],
    ['all of /proc', { procMount: 'Unmasked' }],
    ['another SELinux type', { seLinuxOptions: { type: 'spc_t' } }],
    ['privileges', { privileged: true }],
    ['the node of Windows', { windowsOptions: { hostProcess: true } }],
  ])('with %s is one all the same', (_, context) => {
    expect(kinds([[ADD, having(context)]], [], allow)).toEqual(FOUND);
    expect(kinds([[ADD_INIT, having(context)]], [], allow)).toEqual(FOUND_INIT);
    expect(found([[ADD, having(context)]], [], allow)).toMatchObject([{ danger: true }]);
  });

  test.each([{ runAsUser: 0 }, { runAsGroup: 0 }, { runAsNonRoot: false }])(
    'that runs as root beside the others is one: %o',
    (context) => {
      expect(kinds([[ADD, having(context)]], [], allow)).toEqual(FOUND);
      const beside = proxy({ restartPolicy: 'Always', securityContext: context });
      expect(kinds([[ADD_INIT, beside]], [], allow)).toEqual(FOUND_INIT);
      expect(kinds([[ADD_INIT, having(context)]], [], allow)).toEqual([]);
    },
  );

  test.each(['hostNetwork', 'hostIPC'])('gets no such power where the template has %s', (key) => {
    const template: Change = [[key], true];
    const init = having({ capabilities: { add: ['NET_ADMIN'] } });
    expect(kinds([[ADD_INIT, init]], [template], allow)).toEqual(FOUND_INIT);
    expect(kinds([[ADD_INIT, having({ runAsUser: 0 })]], [template], allow)).toEqual(FOUND_INIT);
    expect(kinds([[ADD, having({ runAsUser: 1337 })]], [template], allow)).toEqual([]);
  });

  test('may mount the token also where the template brings its volume', () => {
    const volumes: Change = [['volumes'], [{ name: 'config', configMap: { name: 'web' } }, tokenVolume()]];
    const mounts: Change = [[...WEB, 'volumeMounts'], [TOKEN_MOUNT]];
    const template = [volumes, mounts];
    expect(kinds([...template, [ADD, proxy({ volumeMounts: [TOKEN_MOUNT] })]], template, allow)).toEqual([]);
    const elsewhere = proxy({ volumeMounts: [{ ...TOKEN_MOUNT, mountPath: '/t' }] });
    expect(kinds([...template, [ADD, elsewhere]], template, allow)).toEqual(FOUND);
  });

  test('is one where all of the pod runs on the node of Windows', () => {
    const template: Change = [['securityContext', 'windowsOptions'], { hostProcess: true }];
    expect(kinds([[ADD, proxy()]], [template], allow)).toEqual(FOUND);
  });

  const mounting = proxy({ volumeMounts: [{ name: 'held', mountPath: '/held' }] });
  test.each<[string, object]>([
    ['a path of the node', { hostPath: { path: '/' } }],
    ['a secret', { secret: { secretName: 'keys' } }],
    [
      'another token',
      { projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }] } },
    ],
    ['data', { persistentVolumeClaim: { claimName: 'data' } }],
  ])('that mounts %s of the template is one', (_, source) => {
    const held: Change = [['volumes', 2], { name: 'held', ...source }];
    expect(kinds([[ADD, mounting]], [held], allow)).toEqual(FOUND);
    expect(found([[ADD, mounting]], [held], allow)).toMatchObject([
      { danger: true, runs: 'image proxy with volume held' },
    ]);
  });

  test.each<[string, object]>([
    ['a path of the node', { hostPath: { path: '/' } }],
    ['a share', { nfs: { server: 'x', path: '/' } }],
    ['data', { persistentVolumeClaim: { claimName: 'data' } }],
  ])('that brings %s is one, and so is the volume', (_, source) => {
    const held: Change = [['volumes', 'end'], { name: 'held', ...source }];
    expect(kinds([[ADD, mounting], held], [], allow)).toEqual([...FOUND, 'Volume spec.volumes[held]']);
  });
});

describe('an allowed volume', () => {
  const audience = {
    serviceAccountToken: { audience: 'sts.amazonaws.com', expirationSeconds: 86_400, path: 'token' },
  };
  const volume = { name: 'aws-iam-token', projected: { defaultMode: 420, sources: [audience] } };
  const mountPath = '/var/run/secrets/eks.amazonaws.com/serviceaccount';
  const mount = { name: 'aws-iam-token', readOnly: true, mountPath };
  const put: Change = [['volumes', 'end'], volume];
  const mounted: Change = [[...WEB, 'volumeMounts', 'end'], mount];
  const allow = { allowedVolumes: ['aws-iam-*'] };

  // As the webhook of EKS (IAM roles for service accounts) changes pods.
  test('is no finding, nor are its mounts', () => {
    expect(kinds([put, mounted])).toEqual([
      'Volume spec.volumes[aws-iam-token]',
      `VolumeMount spec.containers[web].volumeMounts[${mountPath}]`,
    ]);
    expect(kinds([put, mounted], [], { allowedContainers: ['*'] })).toHaveLength(2);
    expect(kinds([put, mounted], [], allow)).toEqual([]);
  });

  test('hides no other one', () => {
    const other: Change = [['volumes', 'end'], { name: 'keys', secret: { secretName: 'keys' } }];
    const beside: Change = [[...WEB, 'volumeMounts', 'end'], { name: 'keys', mountPath: '/keys' }];
    expect(kinds([put, mounted, other, beside], [], allow)).toEqual([
      'Volume spec.volumes[keys]',
      'VolumeMount spec.containers[web].volumeMounts[/keys]',
    ]);
  });

  test.each<[string, object]>([
    ['a path of the node', { hostPath: { path: '/' } }],
    ['a share', { nfs: { server: 'x', path: '/' } }],
    ['data', { persistentVolumeClaim: { claimName: 'data' } }],
    ['two sources', { emptyDir: {}, hostPath: { path: '/' } }],
  ])('is never %s', (_, source) => {
    const node: Change = [['volumes', 'end'], { name: 'aws-iam-token', ...source }];
    expect(found([node, mounted], [], { allowedVolumes: ['*'] })).toMatchObject([
      { kind: 'Volume', danger: true },
      { kind: 'VolumeMount', danger: true },
    ]);
  });

  test('is never one of the template', () => {
    const all = { allowedVolumes: ['*'] };
    const changed: Change = [['volumes', 1], { name: 'tmp', secret: { secretName: 'keys' } }];
    expect(kinds([changed], [], all)).toEqual(['Volume spec.volumes[tmp]']);
    const more: Change = [[...WEB, 'volumeMounts', 'end'], { name: 'config', mountPath: '/usr/bin' }];
    expect(kinds([more], [], all)).toEqual(['VolumeMount spec.containers[web].volumeMounts[/usr/bin]']);
  });

  test('takes no place of another one, and reaches no node', () => {
    const instead: Change = [[...WEB, 'volumeMounts', 0], { ...mount, mountPath: '/config' }];
    expect(kinds([put, instead], [], allow)).toEqual([
      'VolumeMount spec.containers[web].volumeMounts[/config]',
    ]);
    const both: Change = [[...WEB, 'volumeMounts', 'end'], { ...mount, mountPropagation: 'Bidirectional' }];
    expect(found([put, both], [], allow)).toMatchObject([{ kind: 'VolumeMount', danger: true }]);
  });

  test('does not excuse who mounts it', () => {
    const extra: Change = [ADD, { name: 'extra', image: 'x', volumeMounts: [mount] }];
    expect(kinds([put, extra], [], allow)).toEqual(['AddedContainer spec.containers[extra]']);
    expect(kinds([put, extra], [], { ...allow, allowedContainers: ['extra'] })).toEqual([]);
  });
});

describe('an allowed variable', () => {
  const tool: Change = [
    [...WEB, 'env', 'end'],
    { name: 'JAVA_TOOL_OPTIONS', value: ' -javaagent:/otel.jar' },
  ];
  const preload: Change = [[...WEB, 'env', 'end'], { name: 'LD_PRELOAD', value: '/x.so' }];

  test('may be there and be another one, and hides no other', () => {
    const allow = { allowedVariables: ['JAVA_*'] };
    const own: Change = [[...WEB, 'env', 'end'], { name: 'JAVA_TOOL_OPTIONS', value: '-Xmx1g' }];
    expect(kinds([tool])).toEqual(['Command spec.containers[web].env[JAVA_TOOL_OPTIONS]']);
    expect(kinds([tool], [], allow)).toEqual([]);
    expect(kinds([tool], [own], allow)).toEqual([]);
    expect(kinds([tool, preload], [], allow)).toEqual(['Command spec.containers[web].env[LD_PRELOAD]']);
    expect(kinds([tool, on('privileged', true)], [], allow)).toHaveLength(1);
  });
});

describe('an image that only got its digest', () => {
  const image = (before: string, now: string) =>
    kinds([[[...WEB, 'image'], now]], [[[...WEB, 'image'], before]]);

  // Kyverno writes out the registry, and the tag.
  test.each([
    ['registry.example/web:1', `registry.example/web:1${DIGEST}`],
    ['registry.example/web', `registry.example/web${DIGEST}`],
    ['registry.example/web', `registry.example/web:latest${DIGEST}`],
    ['nginx:1', `docker.io/nginx:1${DIGEST}`],
    ['nginx', `docker.io/library/nginx:latest${DIGEST}`],
    ['registry.example:5000/web', `registry.example:5000/web${DIGEST}`],
  ])('was not changed in place: %s to %s', (before, now) => {
    expect(image(before, now)).toEqual([]);
  });

  test.each([
    ['another tag', 'registry.example/web:1', `registry.example/web:2${DIGEST}`],
    ['no tag any more', 'registry.example/web:1', `registry.example/web${DIGEST}`],
    ['another repository', 'registry.example/web:1', `registry.example/wee:1${DIGEST}`],
    ['another registry', 'registry.example/web:1', `mirror.example/web:1${DIGEST}`],
    ['no digest', 'registry.example/web:1', 'registry.example/web:1@sha256:x'],
    ['two digests', 'registry.example/web:1', `registry.example/web:1${DIGEST}${DIGEST}`],
    ['one digest more', `registry.example/web:1${DIGEST}`, `registry.example/web:1${DIGEST}${DIGEST}`],
    ['another digest', `registry.example/web:1${DIGEST}`, `registry.example/web:1@sha256:${'b'.repeat(64)}`],
    ['its digest taken', `registry.example/web:1${DIGEST}`, 'registry.example/web:1'],
  ])('but one with %s was', (_, before, now) => {
    expect(image(before, now)).toEqual(['Image spec.containers[web].image']);
  });
});

test('the policy of docs/images.md allows what webhooks of its table add, and no more', async () => {
  const [text = ''] = await examplesOf('images.md', 'What admission adds', 'yaml');
  const compiled = compilePolicy(parse(text) as AnyPolicy, 'ClusterDriftPolicy');
  if (!compiled.accepted) throw new Error(JSON.stringify(compiled.problems));
  const options = allowancesOf(aPod(), [compiled.policy]);
  const otel = 'opentelemetry-auto-instrumentation-java';
  const token = { projected: { sources: [{ serviceAccountToken: { audience: 'sts', path: 'token' } }] } };
  const mount = (name: string): Change => [[...WEB, 'volumeMounts', 'end'], { name, mountPath: `/${name}` }];
  const tokens = ['aws-iam-token', 'eks-pod-identity-token', 'azure-identity-token'];
  const changes: Change[] = [
    ...tokens.flatMap((name): Change[] => [[['volumes', 'end'], { name, ...token }], mount(name)]),
    [['volumes', 'end'], { name: otel, emptyDir: { sizeLimit: '200Mi' } }],
    mount(otel),
    [ADD_INIT, { name: otel, image: 'x', volumeMounts: [{ name: otel, mountPath: '/otel' }] }],
    [[...WEB, 'env', 'end'], { name: 'JAVA_TOOL_OPTIONS', value: '-javaagent:/otel/javaagent.jar' }],
  ];
  expect(kinds(changes)).not.toEqual([]);
  expect(kinds(changes, [], options)).toEqual([]);
  expect(kinds([...changes, on('privileged', true)], [], options)).toHaveLength(1);
});
