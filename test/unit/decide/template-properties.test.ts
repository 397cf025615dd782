// Any template: what Kubernetes makes of it has no findings, one planted change has one, and nothing that objects hold throws.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { approvedTemplate } from '../../../src/decide/approved-template.ts';
import {
  MAX_TEMPLATE_FINDINGS,
  templateDrift,
  type TemplateFinding,
} from '../../../src/decide/template-drift.ts';
import { aPodOf, put, type Tree } from './template-builders.ts';

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const words = fc.array(fc.constantFrom('sh', '-c', 'x', 'é\n'), { maxLength: 3 });
const user = fc.constantFrom(0, 1000, 1001);
const profile = fc.constantFrom({ type: 'RuntimeDefault' }, { type: 'Unconfined' });
const context = fc.record(
  {
    privileged: fc.boolean(),
    allowPrivilegeEscalation: fc.boolean(),
    readOnlyRootFilesystem: fc.boolean(),
    runAsNonRoot: fc.boolean(),
    runAsUser: user,
    capabilities: fc.record(
      { add: fc.subarray(['NET_ADMIN', 'SYS_TIME']), drop: fc.subarray(['ALL', 'CHOWN']) },
      { requiredKeys: [] },
    ),
    seccompProfile: profile,
  },
  { requiredKeys: [] },
);
const volumeSource = fc.constantFrom<Tree>(
  { emptyDir: {} },
  { hostPath: { path: '/var/log', type: '' } },
  { secret: { secretName: 'keys', defaultMode: 420 } },
  { projected: { sources: [{ configMap: { name: 'a' } }], defaultMode: 420 } },
);
const CLAIM = 'data';
const shape = fc.record({
  containers: fc.integer({ min: 1, max: 3 }),
  initContainers: fc.integer({ min: 0, max: 2 }),
  sources: fc.array(volumeSource, { maxLength: 3 }),
  contexts: fc.array(optional(context), { minLength: 5, maxLength: 5 }),
  commands: fc.array(optional(words), { minLength: 5, maxLength: 5 }),
  readOnly: fc.boolean(),
  podContext: fc.record(
    { runAsUser: user, fsGroup: user, supplementalGroups: fc.subarray([1, 2, 3]), seccompProfile: profile },
    { requiredKeys: [] },
  ),
  hostNetwork: optional(fc.boolean()),
  hostUsers: optional(fc.boolean()),
  serviceAccountName: optional(fc.constantFrom('web', 'default')),
  ownerKind: fc.constantFrom('ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job', 'ReplicationController'),
});

/** A template of that shape, the pod that a controller and the API server make of it, and what the comparison is told. */
function madeOf(plan: typeof shape extends fc.Arbitrary<infer T> ? T : never) {
  const volumes = plan.sources.map((source, n) => ({ name: `v${n}`, ...source }));
  const isSet = plan.ownerKind === 'StatefulSet';
  const mounted = [...volumes.map(({ name }) => name), ...(isSet ? [CLAIM] : [])];
  const container = (name: string, n: number): Tree => ({
    name,
    image: `registry.example/${name}:1`,
    ...(plan.commands[n] && { command: plan.commands[n] }),
    ...(plan.contexts[n] && { securityContext: plan.contexts[n] }),
    volumeMounts: mounted.map((volume) => ({
      name: volume,
      mountPath: `/${volume}`,
      ...(plan.readOnly && { readOnly: true }),
    })),
  });
  const spec: Tree = {
    containers: Array.from({ length: plan.containers }, (_, n) => container(`c${n}`, n)),
    initContainers: Array.from({ length: plan.initContainers }, (_, n) => container(`i${n}`, n + 3)),
    volumes,
    securityContext: plan.podContext,
    ...(plan.hostNetwork !== undefined && { hostNetwork: plan.hostNetwork }),
    ...(plan.hostUsers !== undefined && { hostUsers: plan.hostUsers }),
    ...(plan.serviceAccountName && { serviceAccountName: plan.serviceAccountName }),
  };
  const pod = aPodOf({ spec }, 'web-0');
  if (isSet) {
    const persistentVolumeClaim = { claimName: `${CLAIM}-web-0` };
    put(pod.spec, ['volumes', 'end'], { name: CLAIM, persistentVolumeClaim });
  }
  const options = { allowedContainers: ['istio-*'], ownerKind: plan.ownerKind };
  return { template: { spec }, pod, options };
}

const C0 = ['containers', 0] as const;
const CONTEXT = [...C0, 'securityContext'] as const;
const isSet = (spec: Tree, key: string) => spec[key] === true;
const contextOf = (spec: Tree) => ((spec['containers'] as Tree[])[0]?.['securityContext'] ?? {}) as Tree;

/** Changes that no template of the shape asks for. */
const PLANTED: readonly [kind: TemplateFinding['kind'], plant: (spec: Tree) => void][] = [
  ['Image', (spec) => put(spec, [...C0, 'image'], 'planted')],
  ['Command', (spec) => put(spec, [...C0, 'command'], ['planted'])],
  ['Command', (spec) => put(spec, [...C0, 'args'], ['planted'])],
  ['Command', (spec) => put(spec, [...C0, 'env'], [{ name: 'NODE_OPTIONS', value: '-r /tmp/x' }])],
  ['Environment', (spec) => put(spec, [...C0, 'envFrom'], [{ secretRef: { name: 'planted' } }])],
  ['AddedContainer', (spec) => put(spec, ['containers', 'end'], { name: 'planted', image: 'x' })],
  ['AddedContainer', (spec) => put(spec, ['initContainers', 'end'], { name: 'planted', image: 'x' })],
  ['EphemeralContainer', (spec) => put(spec, ['ephemeralContainers'], [{ name: 'istio-x', image: 'x' }])],
  ['SecurityContext', (spec) => put(spec, [...CONTEXT, 'privileged'], !isSet(contextOf(spec), 'privileged'))],
  ['SecurityContext', (spec) => put(spec, [...CONTEXT, 'runAsUser'], 4242)],
  ['SecurityContext', (spec) => put(spec, [...CONTEXT, 'procMount'], 'Unmasked')],
  [
    'SecurityContext',
    (spec) => put(spec, [...CONTEXT, 'seccompProfile'], { type: 'Localhost', localhostProfile: 'x' }),
  ],
  [
    'SecurityContext',
    (spec) =>
      put(spec, [...CONTEXT, 'capabilities'], {
        ...(contextOf(spec)['capabilities'] as Tree | undefined),
        add: ['SYS_ADMIN'],
      }),
  ],
  ['SecurityContext', (spec) => put(spec, ['securityContext', 'fsGroup'], 4242)],
  ['HostNamespace', (spec) => put(spec, ['hostPID'], true)],
  ['HostNamespace', (spec) => put(spec, ['hostNetwork'], !isSet(spec, 'hostNetwork'))],
  ['HostNamespace', (spec) => put(spec, ['hostUsers'], spec['hostUsers'] === false)],
  ['ServiceAccount', (spec) => put(spec, ['serviceAccountName'], 'planted')],
  ['Volume', (spec) => put(spec, ['volumes', 'end'], { name: 'planted', hostPath: { path: '/' } })],
  ['Volume', (spec) => put(spec, ['volumes', 'end'], { name: 'planted', emptyDir: {} })],
  [
    'VolumeMount',
    (spec) => put(spec, [...C0, 'volumeMounts', 'end'], { name: 'planted', mountPath: '/planted' }),
  ],
  ['VolumeMount', (spec) => put(spec, [...C0, 'volumeDevices'], [{ name: 'planted', devicePath: '/dev/x' }])],
];

const TEXT = /^[ -~]+$/;

function expectSound(findings: readonly TemplateFinding[]): void {
  expect(findings.length).toBeLessThanOrEqual(MAX_TEMPLATE_FINDINGS);
  for (const { field, approved, runs, message, container = '' } of findings) {
    for (const text of [field, approved, runs, message]) expect(text).toMatch(TEXT);
    expect(`x${container}`).toMatch(TEXT);
    expect(Math.max(approved.length, runs.length)).toBeLessThanOrEqual(256);
    expect(Math.max(field.length, message.length)).toBeLessThanOrEqual(512);
  }
}

describe('of any template', () => {
  test('the pod that Kubernetes makes has no findings', () => {
    fc.assert(
      fc.property(shape, (plan) => {
        const { template, pod, options } = madeOf(plan);
        expect(templateDrift(pod, template, options)).toEqual([]);
      }),
    );
  });

  test('a pod with one planted change has one finding, of its kind', () => {
    fc.assert(
      fc.property(shape, fc.constantFrom(...PLANTED), (plan, [kind, plant]) => {
        const { template, pod, options } = madeOf(plan);
        plant(pod.spec);
        const found = templateDrift(pod, template, options);
        expect(found.map((one) => one.kind)).toEqual([kind]);
        expectSound(found);
      }),
      { numRuns: 500 },
    );
  });

  test('several planted changes are all found, in the same order whatever came first', () => {
    const several = fc.uniqueArray(fc.nat(PLANTED.length - 1), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(shape, several, (plan, chosen) => {
        const { template, pod, options } = madeOf(plan);
        for (const n of chosen) PLANTED[n]?.[1](pod.spec);
        const found = templateDrift(pod, template, options);
        const kinds = new Set(chosen.flatMap((n) => PLANTED[n]?.[0] ?? []));
        expect(new Set(found.map(({ kind }) => kind))).toEqual(kinds);
        for (const list of ['containers', 'initContainers', 'volumes']) (pod.spec[list] as Tree[]).reverse();
        expect(templateDrift(pod, template, options)).toEqual(found);
      }),
    );
  });
});

describe('of objects that hold anything', () => {
  const value = fc.oneof(
    fc.anything({ maxDepth: 3, withNullPrototype: true }),
    fc.constantFrom<unknown>(null, -0, '\u202e', { length: 3 }, [null, 7, []], { __proto__: null }),
    fc.constant(JSON.parse('{"__proto__": {"x": 1}, "constructor": 1, "toString": 2, "toJSON": 3}')),
  );
  const container = fc.record(
    {
      name: value,
      image: value,
      command: value,
      env: fc.array(
        fc.record(
          { name: value, value, valueFrom: fc.oneof(value, fc.record({ secretKeyRef: value })) },
          { requiredKeys: [] },
        ),
      ),
      envFrom: fc.oneof(value, fc.array(fc.record({ secretRef: value, configMapRef: value }))),
      lifecycle: value,
      securityContext: fc.oneof(
        value,
        fc.record({ capabilities: value, seccompProfile: value, sysctls: value }),
      ),
      volumeMounts: fc.array(fc.record({ name: value, mountPath: value }, { requiredKeys: [] })),
    },
    { requiredKeys: [] },
  );
  const spec = fc.oneof(
    value,
    fc.record(
      {
        containers: fc.oneof(value, fc.array(container)),
        initContainers: fc.oneof(value, fc.array(container)),
        ephemeralContainers: fc.oneof(value, fc.array(container)),
        volumes: fc.oneof(
          value,
          fc.array(fc.record({ name: value, projected: value }, { requiredKeys: [] })),
        ),
        securityContext: value,
        hostNetwork: value,
        serviceAccountName: value,
      },
      { requiredKeys: [] },
    ),
  );
  const kind = fc.constantFrom('StatefulSet', 'Job', '');

  test('the comparison throws nothing and tells nothing that deceives', () => {
    fc.assert(
      fc.property(spec, spec, value, kind, (runs, approved, metadata, ownerKind) => {
        const options = {
          allowedContainers: ['a*'],
          allowedVolumes: ['*'],
          allowedVariables: ['*'],
          ownerKind,
        };
        expectSound(templateDrift({ metadata, spec: runs }, { metadata, spec: approved }, options));
        expect(templateDrift({ spec: runs }, { spec: runs }, { ...options, ownerKind: 'Job' })).toEqual(
          templateDrift({ spec: runs }, { spec: structuredClone(runs) }, { ...options, ownerKind: 'Job' }),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('the comparison ends with what is too deep or too much', () => {
    let deep: unknown = 'end';
    for (let n = 0; n < 20_000; n += 1) deep = { deep };
    const many = Array.from({ length: 20_000 }, (_, n) => ({ name: `n${n}`, hostPath: deep }));
    const pod = {
      spec: { containers: [{ name: 'web', image: 'x', securityContext: { deep } }], volumes: many },
    };
    expectSound(
      templateDrift(pod, { spec: { containers: [] } }, { allowedContainers: [], ownerKind: 'Job' }),
    );
  });

  test('the template is one or none', () => {
    const workload = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'owner' };
    const ownerReferences = [{ ...workload, controller: true }];
    const metadata = {
      name: 'web-1',
      uid: 'r',
      resourceVersion: '1',
      creationTimestamp: '',
      ownerReferences,
    };
    fc.assert(
      fc.property(value, spec, (data, inner) => {
        for (const held of [
          data,
          { spec: data },
          { spec: { template: data } },
          { spec: { template: { spec: inner } } },
        ]) {
          const subject = { labels: { 'controller-revision-hash': 'web-1' }, workload };
          const owner = { metadata: { ...metadata, name: 'web', uid: 'owner' }, spec: data };
          const found = approvedTemplate(subject, { owner, revision: { metadata, data: held } });
          expect(['Template', 'None']).toContain(found.kind);
        }
      }),
    );
  });
});
