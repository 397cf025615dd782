// The manifest of a bare pod: clean, pinned, and only of the pod as it was recorded.
import { describe, expect, test } from 'vitest';
import type { Target } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { isCopyOf, manifestOf, markedFor, rehearsalOf } from '../../../src/decide/manifest.ts';
import { digest } from './builders.ts';

const A = digest('a');
const B = digest('b');
const TOKEN = 'kube-api-access-abcde';
const MOUNT = { name: TOKEN, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' };
const DATA = { name: 'data', mountPath: '/data' };

const target: Target = {
  namespace: 'shop',
  name: 'lonely',
  uid: 'uid-1',
  labels: { app: 'lonely', 'die-operator.dev/severity': 'notice' },
  containers: [{ name: 'web', image: 'web:1', imageID: `registry.example/web@${A}` }],
  initContainers: [{ name: 'setup', image: `setup@${B}`, imageID: `registry.example/setup@${B}` }],
};

const toleration = (key: string, tolerationSeconds: number) => ({
  key,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds,
});

function live(spec: object = {}, metadata: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'lonely',
      namespace: 'shop',
      uid: 'uid-1',
      resourceVersion: '7',
      creationTimestamp: '2026-11-22T00:00:00Z',
      generateName: 'lonely-',
      managedFields: [{}],
      finalizers: ['example.com/hold'],
      labels: { app: 'lonely', 'die-operator.dev/quarantine': 'true' },
      annotations: {
        'example.com/note': 'mine',
        'die-operator.dev/incident': 'lonely-1',
        'die-operator.dev/restarted-for': 'an-earlier-one',
        'cni.projectcalico.org/podIP': '10.0.0.1/32',
      },
      ...metadata,
    } as KubeObject['metadata'],
    spec: {
      nodeName: 'node-1',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      serviceAccountName: 'runner',
      overhead: { cpu: '1m' },
      tolerations: [
        toleration('node.kubernetes.io/not-ready', 300),
        toleration('node.kubernetes.io/unreachable', 30),
      ],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: TOKEN, projected: { sources: [{ serviceAccountToken: {} }, { downwardAPI: {} }] } },
        { name: 'kube-api-access-notes', emptyDir: {} },
      ],
      initContainers: [{ name: 'setup', image: `setup@${B}`, volumeMounts: [MOUNT] }],
      containers: [
        { name: 'web', image: 'web:1', env: [{ name: 'A', value: 'b' }], volumeMounts: [DATA, MOUNT] },
      ],
      ephemeralContainers: [{ name: 'debugger', image: 'busybox' }],
      ...spec,
    },
    status: { phase: 'Running' },
  };
}

function made(pod: KubeObject, of: Target = target) {
  const manifest = manifestOf(pod, of);
  if (!manifest.ok) throw new Error(manifest.message);
  return manifest;
}

describe('the manifest of a bare pod', () => {
  test('has no more of the live pod than its author wrote', () => {
    expect(made(live()).pod).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'lonely',
        namespace: 'shop',
        labels: { app: 'lonely' },
        annotations: { 'example.com/note': 'mine' },
      },
      spec: {
        serviceAccountName: 'runner',
        tolerations: [toleration('node.kubernetes.io/unreachable', 30)],
        volumes: [
          { name: 'data', emptyDir: {} },
          { name: 'kube-api-access-notes', emptyDir: {} },
        ],
        initContainers: [{ name: 'setup', image: `setup@${B}` }],
        containers: [
          { name: 'web', image: `web:1@${A}`, env: [{ name: 'A', value: 'b' }], volumeMounts: [DATA] },
        ],
      },
    });
  });

  test('says what of others it leaves out', () => {
    const annotations = { 'die-operator.dev/break-glass-until': '2027-01-01T00:00:00Z' };
    expect(made(live({}, { annotations })).leftOut).toEqual([
      'finalizer example.com/hold',
      'ephemeral container debugger',
      'the break-glass annotation',
    ]);
  });

  test('keeps to few words, however much it leaves out', () => {
    const finalizers = Array.from({ length: 40 }, (_, i) => `example.com/${i}`);
    const { leftOut } = made(live({ ephemeralContainers: [] }, { finalizers }));
    expect(leftOut).toHaveLength(16);
    expect(leftOut.at(-1)).toBe('25 more');
  });

  test('has the labels of the record, whatever was done to them since', () => {
    const { pod } = made(live({}, { labels: { app: 'other', added: 'yes' } }));
    expect(pod.metadata.labels).toEqual({ app: 'lonely' });
    const all = made(live({}, { labels: { a: 'b', 'die-operator.dev/quarantine': 'true' } }), {
      ...target,
      labelsTruncated: true,
    });
    expect(all.pod.metadata.labels).toEqual({ a: 'b' });
  });

  test('holds up no owner', () => {
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: 'o', blockOwnerDeletion: true };
    const { pod } = made(live({}, { ownerReferences: [owner] }));
    expect(pod.metadata.ownerReferences).toEqual([
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: 'o' },
    ]);
  });

  test('is rehearsed under another name, and carries the incident', () => {
    const marked = markedFor(made(live()).pod, 'incident-uid');
    expect(marked.metadata.annotations).toEqual({
      'example.com/note': 'mine',
      'die-operator.dev/restarted-for': 'incident-uid',
    });
    const { metadata } = rehearsalOf(marked) as { metadata: object };
    expect(metadata).toMatchObject({ generateName: 'lonely-' });
    expect(metadata).not.toHaveProperty('name');
  });
});

describe('a copy', () => {
  const copy = (change: object = {}, metadata: object = {}) => {
    const { pod } = made(live());
    const spec = { ...pod.spec, ...change };
    return isCopyOf({ ...pod, metadata: { ...live().metadata, ...pod.metadata, ...metadata }, spec }, pod);
  };
  const token = (sources: object[]) => ({ name: 'kube-api-access-abcde', projected: { sources } });
  const mounted = (mountPath: string) => {
    const [web] = made(live()).pod.spec['containers'] as { volumeMounts: object[] }[];
    const volumeMounts = [...(web?.volumeMounts ?? []), { name: 'kube-api-access-abcde', mountPath }];
    return [{ ...web, volumeMounts }];
  };
  const volumes = (volume: object) => [...(made(live()).pod.spec['volumes'] as object[]), volume];
  const real = token([{ serviceAccountToken: {} }, { configMap: { name: 'kube-root-ca.crt' } }]);
  const PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

  test('may have what servers fill in', () => {
    expect(copy()).toBe(true);
    expect(copy({ nodeName: 'node-2', priority: 0 }, { labels: { app: 'lonely', zone: 'a' } })).toBe(true);
    expect(copy({ volumes: volumes(real), containers: mounted(PATH) })).toBe(true);
  });

  test.each<[string, object, object]>([
    ['another command', { containers: [{ name: 'web', image: `web:1@${A}`, command: ['sh'] }] }, {}],
    ['other labels', {}, { labels: {} }],
    [
      'a volume that is only called like that of a token',
      { volumes: volumes(token([{ configMap: { name: 'mine' } }])) },
      {},
    ],
    ['a token at another place', { volumes: volumes(real), containers: mounted('/app') }, {}],
  ])('has not %s', (_, spec, metadata) => expect(copy(spec, metadata)).toBe(false));
});

describe('there is no manifest', () => {
  const web = { name: 'web', image: 'web:1' };
  test.each([
    ['an image was changed in place', { containers: [{ ...web, image: 'evil:1' }] }],
    ['the image of an init container was', { initContainers: [{ name: 'setup', image: 'evil:1' }] }],
    ['it has a container that is not recorded', { containers: [web, { name: 'other', image: 'web:1' }] }],
    ['a recorded container is missing', { initContainers: [] }],
  ])('where %s', (_, spec) => {
    expect(manifestOf(live(spec), target)).toMatchObject({ ok: false, reason: 'SpecChanged' });
  });

  test.each([
    ['an image is only on the node', {}, { containers: [{ ...web, imageID: A }] }],
    ['nothing is known of an image', {}, { containers: [web] }],
    ['a volume is of an image by its tag', { volumes: [{ name: 'v', image: { reference: 'data:1' } }] }, {}],
  ])('where %s', (_, spec, change) => {
    const manifest = manifestOf(live(spec), { ...target, ...change });
    expect(manifest).toMatchObject({ ok: false, reason: 'RestartUnpinnable' });
  });
});
