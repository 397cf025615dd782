// What the containers of a pod do otherwise than its template, and how findings are told.
import { describe, expect, test } from 'vitest';
import { MAX_TEMPLATE_FINDINGS } from '../../../src/decide/template-drift.ts';
import { CONTEXT_FIELD, found, on, testRows, TOKEN_MOUNT, WEB, type Change } from './template-builders.ts';

describe('one difference in the containers is one finding', () => {
  const image = 'registry.example/web:2';
  const command = (name: string) => ({
    kind: 'Command' as const,
    container: 'web',
    field: `spec.containers[web].${name}`,
    danger: false,
    message: `container web has another ${name} than its template`,
  });
  testRows({
    'an image changed in place': {
      change: [[...WEB, 'image'], image],
      finding: {
        kind: 'Image',
        container: 'web',
        field: 'spec.containers[web].image',
        approved: 'registry.example/web:1',
        runs: image,
        danger: false,
        message: `container web asks for image ${image} where its template has registry.example/web:1`,
      },
    },
    'a container that the template does not have': {
      change: [['containers', 'end'], { name: 'miner', image: 'miner' }],
      finding: {
        kind: 'AddedContainer',
        container: 'miner',
        field: 'spec.containers[miner]',
        approved: 'nothing',
        runs: 'image miner',
        danger: false,
        message: 'container miner is not in the template of the pod: it runs miner',
      },
    },
    'an added container that may do much': {
      change: [
        ['initContainers', 'end'],
        {
          name: 'i',
          image: 'x',
          securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN'] } },
        },
      ],
      finding: {
        kind: 'AddedContainer',
        container: 'i',
        field: 'spec.initContainers[i]',
        approved: 'nothing',
        runs: 'image x with capabilities.add SYS_ADMIN, privileged true',
        danger: true,
        message:
          'init container i is not in the template of the pod: it runs x and has capabilities.add SYS_ADMIN, privileged true',
      },
    },
    'an added container with the token that all have': {
      change: [['containers', 'end'], { name: 'extra', image: 'x', volumeMounts: [TOKEN_MOUNT] }],
      finding: { kind: 'AddedContainer', runs: 'image x', danger: false },
    },
    'an added container with a secret of the template': {
      before: [['volumes', 1], { name: 'tmp', secret: { secretName: 'keys' } }],
      change: [
        ['containers', 'end'],
        { name: 'extra', image: 'x', volumeMounts: [{ name: 'tmp', mountPath: '/keys' }] },
      ],
      finding: { kind: 'AddedContainer', runs: 'image x with volume tmp', danger: true },
    },
    'an ephemeral container': {
      change: [['ephemeralContainers'], [{ name: 'debugger-x', image: 'busybox' }]],
      finding: {
        kind: 'EphemeralContainer',
        container: 'debugger-x',
        field: 'spec.ephemeralContainers[debugger-x]',
        approved: 'nothing',
        runs: 'image busybox',
        danger: false,
        message: 'ephemeral container debugger-x was added to the running pod: it runs busybox',
      },
    },
    'a container less': {
      change: [['initContainers'], []],
      finding: {
        kind: 'MissingContainer',
        container: 'setup',
        field: 'spec.initContainers[setup]',
        approved: 'image registry.example/setup:1',
        runs: 'nothing',
        danger: false,
        message: 'the pod lacks init container setup of its template',
      },
    },
    'another command': {
      change: [[...WEB, 'command'], ['/bin/sh']],
      finding: { ...command('command'), approved: '["/server"]', runs: '["/bin/sh"]' },
    },
    'no arguments': {
      change: [[...WEB, 'args'], undefined],
      finding: { ...command('args'), approved: '["--port","80"]', runs: 'nothing' },
    },
    'another folder to run in': {
      change: [[...WEB, 'workingDir'], '/tmp'],
      finding: { ...command('workingDir'), approved: 'nothing', runs: '"/tmp"' },
    },
    'another hook': {
      change: [
        [...WEB, 'lifecycle', 'preStop', 'exec', 'command'],
        ['sh', '-c', 'curl x'],
      ],
      finding: { ...command('lifecycle.preStop.exec.command'), runs: '["sh","-c","curl x"]' },
    },
    'a probe that runs something': {
      change: [[...WEB, 'startupProbe'], { exec: { command: ['/tmp/x'] } }],
      finding: { ...command('startupProbe.exec.command'), approved: 'nothing', runs: '["/tmp/x"]' },
    },
    'a variable that loads code': {
      change: [[...WEB, 'env', 'end'], { name: 'LD_PRELOAD', value: '/tmp/x.so' }],
      finding: { ...command('env[LD_PRELOAD]'), approved: 'nothing', runs: '"/tmp/x.so"' },
    },
  });
});

describe('an allowed container', () => {
  const allow = { allowedContainers: ['istio-*'] };
  const proxy = (more: object = {}) => ({
    name: 'istio-proxy',
    image: 'proxy',
    volumeMounts: [{ name: 'envoy', mountPath: '/etc/istio' }],
    ...more,
  });
  const ADD = ['containers', 'end'] as const;
  const envoy = (source: object): Change => [['volumes', 'end'], { name: 'envoy', ...source }];

  test('may be there with the volumes that only it mounts', () => {
    const init = {
      name: 'istio-init',
      image: 'x',
      securityContext: { capabilities: { add: ['NET_ADMIN'] } },
    };
    const changes: Change[] = [[ADD, proxy()], [['initContainers', 'end'], init], envoy({ emptyDir: {} })];
    expect(found(changes, [], allow)).toEqual([]);
    expect(found(changes).map(({ kind }) => kind)).toEqual(['AddedContainer', 'AddedContainer', 'Volume']);
  });

  test('brings no volume to others', () => {
    const mount = { name: 'envoy', mountPath: '/envoy' };
    const changes: Change[] = [
      [ADD, proxy()],
      envoy({ emptyDir: {} }),
      [[...WEB, 'volumeMounts', 'end'], mount],
    ];
    expect(found(changes, [], allow).map(({ kind }) => kind)).toEqual(['Volume', 'VolumeMount']);
  });

  test('excuses no volume of the template, nor one of an ephemeral container', () => {
    const spare: Change = [['volumes', 2], { name: 'envoy', emptyDir: {} }];
    const other: Change = [['volumes', 2], { name: 'envoy', configMap: { name: 'x' } }];
    expect(found([[ADD, proxy()], other], [spare], allow)).toMatchObject([{ kind: 'Volume' }]);
    const ephemeral: Change = [['ephemeralContainers'], [proxy()]];
    expect(found([ephemeral, envoy({ emptyDir: {} })], [], allow)).toMatchObject([
      { kind: 'EphemeralContainer' },
      { kind: 'Volume' },
    ]);
  });

  test('gets nothing of the node by its name', () => {
    const privileged = proxy({ securityContext: { privileged: true } });
    expect(found([[ADD, privileged], envoy({ emptyDir: {} })], [], allow)).toMatchObject([
      { kind: 'AddedContainer', danger: true },
    ]);
    expect(found([[ADD, proxy()], envoy({ hostPath: { path: '/' } })], [], allow)).toMatchObject([
      { kind: 'AddedContainer', danger: true },
      { kind: 'Volume', danger: true },
    ]);
  });

  test('is not one of the template, nor an ephemeral one', () => {
    const web = { allowedContainers: ['*'] };
    expect(found([[[...WEB, 'image'], 'other']], [], web)).toMatchObject([{ kind: 'Image' }]);
    const ephemeral: Change = [['ephemeralContainers'], [{ name: 'istio-debug', image: 'x' }]];
    expect(found([ephemeral], [], web)).toMatchObject([{ kind: 'EphemeralContainer' }]);
  });
});

describe('the list of findings', () => {
  test('has the dangerous ones first, then goes by kind and field', () => {
    const changes: Change[] = [
      [['volumes', 'end'], { name: 'node', hostPath: { path: '/' } }],
      [[...WEB, 'image'], 'b'],
      [['containers', 1, 'image'], 'a'],
      on('privileged', true),
    ];
    const fields = found(changes).map((one) => one.field);
    expect(fields).toEqual([
      `${CONTEXT_FIELD}.privileged`,
      'spec.volumes[node]',
      'spec.containers[log].image',
      'spec.containers[web].image',
    ]);
  });

  test('ends with a count where it would be too long', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `c${i}`, image: 'x' }));
    const debuggers = (count: number) => found([[['ephemeralContainers'], many(count)]]);
    expect(debuggers(MAX_TEMPLATE_FINDINGS).at(-1)).toMatchObject({ container: 'c9' });
    const findings = debuggers(1_000);
    expect(findings).toHaveLength(MAX_TEMPLATE_FINDINGS);
    expect(findings.at(-1)).toEqual({
      kind: 'EphemeralContainer',
      field: 'spec',
      approved: 'nothing',
      runs: 'nothing',
      danger: false,
      message: 'the pod differs in 969 more fields from its template',
    });
  });

  test('shows long texts where they differ', () => {
    const long = (end: string) => ['x'.repeat(1_000), end, 'y'.repeat(1_000)];
    const [one] = found([[[...WEB, 'args'], long('bad')]], [[[...WEB, 'args'], long('good')]]);
    expect(one?.approved).toMatch(/^\.\.\.x+","good","y+\.\.\.$/);
    expect(one?.runs).toMatch(/^\.\.\.x+","bad","y+\.\.\.$/);
    expect(one?.approved).toHaveLength(256);
  });

  test('has nothing that deceives a reader', () => {
    const [one] = found([[[...WEB, 'image'], 'a\u202e\n\u001b[2J']]);
    expect(one?.runs).toBe('a\\u202e\\u000a\\u001b[2J');
  });
});
