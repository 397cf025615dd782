// An allowed container does not read what is secret in its template: by no volume, no variable and no process.
import { describe, expect, test } from 'vitest';
import { found, kinds, TOKEN_MOUNT, WEB, type Change } from './template-builders.ts';

const ADD = ['containers', 'end'] as const;
const ADD_INIT = ['initContainers', 'end'] as const;
const allow = { allowedContainers: ['istio-proxy'], allowedVolumes: ['*'] };
const FOUND = ['AddedContainer spec.containers[istio-proxy]'];
const proxy = (more: object = {}) => ({ name: 'istio-proxy', image: 'proxy', ...more });
const mounting = proxy({ volumeMounts: [TOKEN_MOUNT, { name: 'x', mountPath: '/x' }] });
const brings = (source: object): Change[] => [
  [['volumes', 'end'], { name: 'x', ...source }],
  [ADD, mounting],
];
const holds = (source: object): Change => [['volumes', 2], { name: 'held', ...source }];
const variable = (secret: string, key = 'password') => ({
  name: 'PASSWORD',
  valueFrom: { secretKeyRef: { name: secret, key } },
});

const secret = { secret: { secretName: 'db' } };
const projected = { projected: { sources: [{ configMap: { name: 'a' } }, { secret: { name: 'db' } }] } };
const provided = {
  csi: {
    driver: 'secrets-store.csi.k8s.io',
    readOnly: true,
    volumeAttributes: { secretProviderClass: 'db' },
  },
};
const published = { csi: { driver: 'shares.example', nodePublishSecretRef: { name: 'db' } } };

describe('an allowed container that brings a secret of the template', () => {
  /** In what ways a template can use the Secret `db`. */
  const uses: [string, Change][] = [
    ['a volume', holds(secret)],
    ['a part of a volume', holds(projected)],
    ['a driver', holds(published)],
    ['a share', holds({ azureFile: { shareName: 'x', secretName: 'db' } })],
    ['a block device', holds({ rbd: { image: 'x', monitors: ['x'], secretRef: { name: 'db' } } })],
    ['a variable', [[...WEB, 'env', 'end'], variable('db', 'user')]],
    ['all variables', [[...WEB, 'envFrom'], [{ prefix: 'DB_', secretRef: { name: 'db' } }]]],
    ['an init container', [['initContainers', 0, 'env'], [variable('db')]]],
    ['the pull of its images', [['imagePullSecrets'], [{ name: 'db' }]]],
  ];
  test.each(uses)('is one whatever it is used by: %s', (_, use) => {
    expect(kinds(brings(secret), [use], allow)).toEqual(FOUND);
    expect(kinds(brings(secret), [], allow)).toEqual([]);
  });

  test.each<[string, object]>([
    ['a volume', secret],
    ['a part of a volume', projected],
    ['a driver', published],
  ])('is one by %s of its own', (_, source) => {
    expect(found(brings(source), [holds(secret)], allow)).toMatchObject([
      { kind: 'AddedContainer', danger: true, runs: 'image proxy with volume x, Secret db of the template' },
    ]);
  });

  test('is one by a driver that is asked for the same', () => {
    expect(kinds(brings(provided), [holds(provided)], allow)).toEqual(FOUND);
    // A class is no Secret.
    expect(kinds(brings(provided), [holds(secret)], allow)).toEqual([]);
  });

  test.each<[string, object]>([
    ['a variable', { env: [variable('db')] }],
    ['all variables', { envFrom: [{ secretRef: { name: 'db' } }] }],
    [
      'a variable that another one hides',
      { env: [variable('db'), { name: 'PASSWORD', value: 'x' }, { name: 'B', value: '$(PASSWORD)' }] },
    ],
  ])('is one by %s', (_, environment) => {
    const all = { ...allow, allowedVariables: ['*'] };
    const changes: Change[] = [[ADD, proxy(environment)]];
    expect(found(changes, [holds(secret)], all)).toMatchObject([
      {
        kind: 'AddedContainer',
        field: 'spec.containers[istio-proxy]',
        danger: true,
        runs: 'image proxy with Secret db of the template',
        message:
          'container istio-proxy is not in the template of the pod: it runs proxy and has Secret db of the template',
      },
    ]);
    expect(kinds([[ADD_INIT, proxy(environment)]], [holds(secret)], all)).toEqual([
      'AddedContainer spec.initContainers[istio-proxy]',
    ]);
    expect(kinds(changes, [], all)).toEqual([]);
  });

  test('is one also where its volume is allowed and more mount it', () => {
    const beside: Change = [[...WEB, 'volumeMounts', 'end'], { name: 'x', mountPath: '/x' }];
    expect(kinds([...brings(secret), beside], [holds(secret)], allow)).toEqual(FOUND);
  });
});

// As the injectors of Istio, Linkerd and Vault write them.
test('an allowed container may have secrets of its own', () => {
  const audience = { serviceAccountToken: { audience: 'istio-ca', path: 'istio-token' } };
  const own: Change[] = [
    ...brings({ secret: { secretName: 'istio.web', optional: true } }),
    [['volumes', 'end'], { name: 'istio-token', projected: { sources: [audience] } }],
    [
      ADD,
      proxy({
        name: 'vault-agent',
        volumeMounts: [{ name: 'istio-token', mountPath: '/var/run/secrets/tokens' }],
        env: [variable('vault-tls'), { name: 'MODE', value: 'db' }],
        envFrom: [{ configMapRef: { name: 'db' } }],
      }),
    ],
  ];
  const uses = [holds(secret), [[...WEB, 'env', 'end'], variable('web')] as Change];
  const allowed = { ...allow, allowedContainers: ['istio-proxy', 'vault-agent'] };
  expect(kinds(own, uses, allowed)).toEqual([]);
  expect(kinds(own, uses, { ...allow, allowedContainers: [] })).toHaveLength(2);
});

describe('where containers see the processes of each other', () => {
  test.each(['shareProcessNamespace', 'hostPID'])('by %s no name excuses one', (key) => {
    const shared: Change = [[key], true];
    const [one] = found([[ADD, proxy()]], [shared], allow);
    expect(one).toMatchObject({ kind: 'AddedContainer', danger: false });
    expect(one?.message).toBe(
      'container istio-proxy is not in the template of the pod, whose containers see the files of each other: it runs proxy',
    );
    expect(kinds([[ADD_INIT, proxy()]], [shared], allow)).toHaveLength(1);
    expect(kinds([[ADD, proxy()]], [[[key], false]], allow)).toEqual([]);
  });

  test('that is so also where only the pod says it', () => {
    expect(
      kinds(
        [
          [ADD, proxy()],
          [['shareProcessNamespace'], true],
        ],
        [],
        allow,
      ),
    ).toEqual(['HostNamespace spec.shareProcessNamespace', ...FOUND]);
  });
});

test('a Secret that a template takes in part may not be had in another part by way of a hidden variable', () => {
  const hidden: Change[] = [
    [[...WEB, 'env', 'end'], variable('db')],
    [[...WEB, 'env', 'end'], { name: 'PASSWORD', value: 'x' }],
  ];
  expect(kinds(hidden)).toEqual(['Environment spec.containers[web].env[PASSWORD]']);
});
