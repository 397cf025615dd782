import { describe, expect, it } from 'vitest';
import { credentialsWithinReach } from '../../../src/evidence/collectors/rotate.ts';
import { object } from './fakes.ts';

const withSpec = (spec: object) => credentialsWithinReach(object('web-1', { spec }), undefined);

describe('credentials within reach of a pod', () => {
  const CASES: [string, object, object][] = [
    [
      'a mounted secret',
      { volumes: [{ name: 'certs', secret: { secretName: 'tls' } }] },
      { secrets: [{ name: 'tls', reachedBy: ['volume certs'] }] },
    ],
    [
      'a mounted config map',
      { volumes: [{ name: 'conf', configMap: { name: 'web' } }] },
      { configMaps: [{ name: 'web', reachedBy: ['volume conf'] }] },
    ],
    [
      'both in a projected volume',
      {
        volumes: [
          { name: 'all', projected: { sources: [{ secret: { name: 's' } }, { configMap: { name: 'c' } }] } },
        ],
      },
      {
        secrets: [{ name: 's', reachedBy: ['volume all'] }],
        configMaps: [{ name: 'c', reachedBy: ['volume all'] }],
      },
    ],
    [
      'a secret outside of the cluster',
      {
        volumes: [
          {
            name: 'vault',
            csi: { driver: 'secrets-store.csi.k8s.io', volumeAttributes: { secretProviderClass: 'db' } },
          },
        ],
      },
      { secretProviderClasses: [{ name: 'db', reachedBy: ['volume vault'] }] },
    ],
    [
      'a single variable',
      {
        containers: [
          {
            name: 'app',
            env: [{ name: 'PW', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }],
          },
        ],
      },
      { secrets: [{ name: 'db', reachedBy: ['env PW of container app (key password)'] }] },
    ],
    [
      'a whole environment of an init container',
      {
        initContainers: [
          { name: 'init', envFrom: [{ secretRef: { name: 'db' } }, { configMapRef: { name: 'c' } }] },
        ],
      },
      {
        secrets: [{ name: 'db', reachedBy: ['whole environment of container init'] }],
        configMaps: [{ name: 'c', reachedBy: ['whole environment of container init'] }],
      },
    ],
    [
      'an ephemeral container',
      {
        ephemeralContainers: [
          { name: 'debug', env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }] },
        ],
      },
      { configMaps: [{ name: 'c', reachedBy: ['env X of container debug (key k)'] }] },
    ],
    [
      'all ways to the same secret under one name',
      {
        volumes: [{ name: 'v', secret: { secretName: 'db' } }],
        containers: [{ name: 'app', envFrom: [{ secretRef: { name: 'db' } }] }],
      },
      { secrets: [{ name: 'db', reachedBy: ['volume v', 'whole environment of container app'] }] },
    ],
    [
      'nothing for volumes and variables without credentials',
      {
        volumes: [
          { name: 'tmp', emptyDir: {} },
          { name: 'disk', csi: { driver: 'disk.csi.example', volumeAttributes: {} } },
        ],
        containers: [
          {
            name: 'app',
            env: [
              { name: 'X', value: 'literal' },
              { name: 'IP', valueFrom: { fieldRef: {} } },
            ],
          },
        ],
      },
      { secrets: [], configMaps: [], secretProviderClasses: [] },
    ],
    ['nothing for a pod without a spec', {}, { secrets: [], configMaps: [], secretProviderClasses: [] }],
  ];
  it.each(CASES)('name %s', (_what, spec, expected) => expect(withSpec(spec)).toMatchObject(expected));

  it('name the ServiceAccount, its mounted tokens and the secrets it lists', () => {
    const sources = [
      { serviceAccountToken: { path: 'token' } },
      { serviceAccountToken: { audience: 'vault', expirationSeconds: 600 } },
    ];
    const pod = object('web-1', {
      spec: { serviceAccountName: 'web', volumes: [{ name: 'api', projected: { sources } }] },
    });
    const account = { ...object('web'), secrets: [{ name: 'web-token' }, {}] };
    expect(credentialsWithinReach(pod, account).serviceAccount).toEqual({
      name: 'web',
      tokens: [
        { volume: 'api', audience: 'the API server', expirationSeconds: 3600 },
        { volume: 'api', audience: 'vault', expirationSeconds: 600 },
      ],
      secrets: ['web-token'],
    });
  });

  it('are those of the ServiceAccount default where the pod names none, without a token where none is mounted', () => {
    expect(withSpec({ containers: [] }).serviceAccount).toEqual({ name: 'default', tokens: [], secrets: [] });
  });

  it('never hold a value', () => {
    const env = [{ name: 'PASSWORD', value: 'hunter2' }];
    const found = withSpec({
      containers: [{ name: 'app', env }],
      volumes: [{ name: 'v', secret: { secretName: 's' } }],
    });
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });
});
