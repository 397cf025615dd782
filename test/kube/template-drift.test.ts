// Pods that real controllers and the admission of a real API server make differ in nothing from their templates; what
// somebody changes, adds or slips in is found, and nothing else.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import * as kinds from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { make, read } from '../support/owner-world.ts';
import { eventually } from '../support/real-api-test.ts';
import {
  account,
  CONTEXT,
  CRON_JOBS,
  deployed,
  driftOf,
  LIMIT_RANGES,
  metadata,
  MOUNTS,
  podsOf,
  REPLICATION_CONTROLLERS,
  selector,
  templateOf,
  templateTest as test,
} from '../support/template-world.ts';
import { PINNED, type World } from '../support/world.ts';

const CRON_JOB_MS = 90_000;
/** A part of what no template says and admission adds. */
const ADDED = {
  containers: [
    {
      name: 'web',
      securityContext: { appArmorProfile: { type: 'RuntimeDefault' } },
      resources: { limits: { cpu: '1' } },
    },
    { name: 'log', securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'strict' } } },
  ],
  imagePullSecrets: [{ name: 'registry' }],
  tolerations: expect.arrayContaining([expect.objectContaining({ effect: 'NoExecute' })]) as unknown,
  volumes: expect.arrayContaining([
    expect.objectContaining({ name: expect.stringMatching(/^kube-api-access-/) as unknown }),
  ]) as unknown,
};

interface Change {
  path: string;
  value: unknown;
  subresource?: string;
}

function patch({ client, namespace }: World, pod: KubeObject, change: Change): Promise<KubeObject> {
  const { path, value, ...at } = change;
  const ops = [{ op: 'add', path, value }] as const;
  return client.jsonPatch(kinds.PODS, { namespace, name: pod.metadata.name, ...at }, ops);
}

test(
  'pods of every controller, under admission that changes them, differ in nothing',
  { timeout: CRON_JOB_MS + 30_000 },
  async ({ world }) => {
    const { client, namespace } = world;
    const levels = ['enforce', 'audit', 'warn'].map((mode) => `pod-security.kubernetes.io~1${mode}`);
    await client.jsonPatch(
      kinds.NAMESPACES,
      { name: namespace },
      levels.map((level) => ({ op: 'add', path: `/metadata/labels/${level}`, value: 'restricted' }) as const),
    );
    const limits = [
      { type: 'Container', default: { cpu: '1', memory: '1Gi' }, defaultRequest: { cpu: '10m' } },
    ];
    await make(world, LIMIT_RANGES, { ...metadata('limits'), spec: { limits } });
    await account(world);

    const job = (app: string) => ({ backoffLimit: 0, template: templateOf(app, { restartPolicy: 'Never' }) });
    const claims = ['data', 'tmp'].map((name) => ({
      ...metadata(name),
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    }));
    const indexed = { ...job('indexed'), completionMode: 'Indexed', completions: 2, parallelism: 2 };
    const schedule = { schedule: '* * * * *', jobTemplate: { spec: job('cron') } };
    const own = (app: string) => ({ ...selector(app), template: templateOf(app) });
    const made: [Resource, string, object][] = [
      [CRON_JOBS, 'cron', schedule],
      [kinds.DEPLOYMENTS, 'deployment', { replicas: 2, ...own('deployment') }],
      [
        kinds.STATEFUL_SETS,
        'set',
        {
          replicas: 2,
          serviceName: 'set',
          podManagementPolicy: 'Parallel',
          volumeClaimTemplates: claims,
          ...own('set'),
        },
      ],
      [kinds.DAEMON_SETS, 'daemon', own('daemon')],
      [kinds.JOBS, 'plain', job('plain')],
      [kinds.JOBS, 'indexed', indexed],
      [
        REPLICATION_CONTROLLERS,
        'old',
        { replicas: 1, selector: { app: 'old' }, template: templateOf('old') },
      ],
    ];
    for (const [kind, name, spec] of made) await make(world, kind, { ...metadata(name), spec });

    const counts = { deployment: 2, set: 2, daemon: 2, plain: 1, indexed: 2, old: 1 };
    for (const [app, count] of Object.entries(counts)) {
      for (const pod of await podsOf(world, app, count)) {
        expect(pod['spec']).toMatchObject(ADDED);
        expect(await driftOf(world, pod)).toEqual([]);
      }
    }
    // Of the next revision of the set, while the pods of the one before run on.
    const changed = { ...templateOf('set'), spec: { ...templateOf('set').spec, hostUsers: true } };
    await client.jsonPatch(kinds.STATEFUL_SETS, { namespace, name: 'set' }, [
      { op: 'add', path: '/spec/updateStrategy', value: { type: 'OnDelete' } },
      { op: 'replace', path: '/spec/template', value: changed },
    ]);
    for (const pod of await podsOf(world, 'set', 2)) expect(await driftOf(world, pod)).toEqual([]);

    for (const pod of await podsOf(world, 'cron', 1, CRON_JOB_MS))
      expect(await driftOf(world, pod)).toEqual([]);
  },
);

describe('somebody', () => {
  test('changes an image in place', async ({ world }) => {
    const pod = await deployed(world);
    const changed = await patch(world, pod, {
      path: '/spec/containers/0/image',
      value: 'registry.example/other:1',
    });
    expect(await driftOf(world, changed)).toEqual([
      {
        kind: 'Image',
        container: 'web',
        field: 'spec.containers[web].image',
        approved: PINNED,
        runs: 'registry.example/other:1',
        danger: false,
        message: expect.stringMatching(
          /^container web asks for image registry\.example\/other:1 where /,
        ) as string,
      },
    ]);
  });

  test('adds an ephemeral container', async ({ world }) => {
    const pod = await deployed(world);
    const securityContext = { capabilities: { add: ['SYS_PTRACE'] } };
    const added = { name: 'debugger-x', image: 'busybox', targetContainerName: 'web', securityContext };
    await patch(world, pod, {
      path: '/spec/ephemeralContainers',
      value: [added],
      subresource: 'ephemeralcontainers',
    });
    const changed = await read(world, kinds.PODS, pod.metadata.name);
    expect(await driftOf(world, changed, ['*'])).toEqual([
      {
        kind: 'EphemeralContainer',
        container: 'debugger-x',
        field: 'spec.ephemeralContainers[debugger-x]',
        approved: 'nothing',
        runs: 'image busybox with capabilities.add SYS_PTRACE',
        danger: true,
        message:
          'ephemeral container debugger-x was added to the running pod: it runs busybox and has capabilities.add SYS_PTRACE',
      },
    ]);
  });

  test('makes a pod under the name of its ReplicaSet, which asks for more', async ({ world }) => {
    const pod = await deployed(world);
    const { ownerReferences, labels } = pod.metadata;
    const { annotations } = templateOf('web').metadata;
    const { spec } = templateOf('web');
    const [web, log] = spec.containers;
    const forge = async (change: object) => {
      // As it is stored, before its ReplicaSet finds it one too many.
      const forged = await make(world, kinds.PODS, {
        metadata: { generateName: 'web-', ownerReferences, labels, annotations },
        spec: { ...spec, ...change },
      });
      const found = await driftOf(world, forged);
      return found.map(({ field, approved, runs, danger }) => [field, approved, runs, danger]);
    };

    expect(await forge({})).toEqual([]);
    const extra = { name: 'extra', image: 'miner' };
    expect(await forge({ containers: [web, log, extra] })).toEqual([
      ['spec.containers[extra]', 'nothing', 'image miner', false],
    ]);
    const privileged = { ...CONTEXT, privileged: true, allowPrivilegeEscalation: true };
    expect(await forge({ containers: [{ ...web, securityContext: privileged }, log] })).toEqual([
      ['spec.containers[web].securityContext.allowPrivilegeEscalation', 'false', 'true', true],
      ['spec.containers[web].securityContext.privileged', 'nothing', 'true', true],
    ]);
    const node = { name: 'node', hostPath: { path: '/' } };
    const mounts = [...MOUNTS, { name: 'node', mountPath: '/node' }];
    const onNode = { volumes: [...spec.volumes, node], containers: [{ ...web, volumeMounts: mounts }, log] };
    expect(await forge(onNode)).toEqual([
      ['spec.volumes[node]', 'nothing', 'hostPath {"path":"/"}', true],
      ['spec.containers[web].volumeMounts[/node]', 'nothing', 'volume node', true],
    ]);
    expect(await forge({ containers: [{ ...web, command: ['sh'] }, log], hostUsers: true })).toEqual([
      ['spec.hostUsers', 'false', 'true', true],
      ['spec.containers[web].command', '["/server"]', '["sh"]', false],
    ]);
    expect(await forge({ serviceAccountName: 'default' })).toEqual([
      ['spec.serviceAccountName', 'web', 'default', true],
    ]);
    // Named so that admission takes it for its own.
    const disguised = { name: 'kube-api-access-bcdfg', secret: { secretName: 'keys' } };
    expect(await forge({ volumes: [...spec.volumes, disguised] })).toMatchObject([
      ['spec.volumes[kube-api-access-bcdfg]', 'nothing', 'secret {"secretName":"keys"}', true],
      ...['containers[log]', 'containers[web]', 'initContainers[beside]', 'initContainers[setup]'].map(
        (one) => [
          `spec.${one}.volumeMounts[/var/run/secrets/kubernetes.io/serviceaccount]`,
          'nothing',
          'volume kube-api-access-bcdfg {"readOnly":true}',
          true,
        ],
      ),
    ]);
    expect(await forge({ automountServiceAccountToken: false })).toEqual([
      ['spec.automountServiceAccountToken', 'nothing', 'false', false],
    ]);
  });

  test('has pods get tokens, variables and digests, which may be allowed', async ({ world }) => {
    await account(world);
    const tagged = (app: string) => {
      const [web, log] = templateOf(app).spec.containers;
      return templateOf(app, { containers: [{ ...web, image: 'registry.example/web:1' }, log] });
    };
    const replicaSet = { replicas: 1, ...selector('web'), template: tagged('web') };
    await make(world, kinds.REPLICA_SETS, { ...metadata('web'), spec: replicaSet });
    const [pod] = await podsOf(world, 'web');
    if (!pod) throw new Error('the ReplicaSet has no pod');
    const { ownerReferences, labels } = pod.metadata;
    const { metadata: of, spec } = tagged('web');
    const [web, log] = spec.containers;
    // As the webhooks of EKS, the OpenTelemetry operator and Kyverno would.
    const audience = { serviceAccountToken: { audience: 'sts.amazonaws.com', path: 'token' } };
    const token = { name: 'aws-iam-token', projected: { sources: [audience] } };
    const mount = { name: 'aws-iam-token', mountPath: '/var/run/secrets/eks.amazonaws.com/serviceaccount' };
    const changed = await make(world, kinds.PODS, {
      metadata: { generateName: 'web-', ownerReferences, labels, annotations: of.annotations },
      spec: {
        ...spec,
        volumes: [...spec.volumes, token],
        containers: [
          {
            ...web,
            image: `registry.example/web:1@sha256:${'a'.repeat(64)}`,
            env: [
              ...(web && 'env' in web ? web.env : []),
              { name: 'JAVA_TOOL_OPTIONS', value: '-javaagent:/otel/javaagent.jar' },
            ],
            volumeMounts: [...MOUNTS, { ...mount, readOnly: true }],
          },
          log,
        ],
      },
    });
    const fields = (await driftOf(world, changed)).map(({ field, danger }) => [field, danger]);
    expect(fields).toEqual([
      ['spec.volumes[aws-iam-token]', true],
      [`spec.containers[web].volumeMounts[${mount.mountPath}]`, true],
      ['spec.containers[web].env[JAVA_TOOL_OPTIONS]', false],
    ]);
    const allowed = { allowedVolumes: ['aws-iam-token'], allowedVariables: ['JAVA_TOOL_OPTIONS'] };
    expect(await driftOf(world, changed, [], allowed)).toEqual([]);
  });

  test('has every new pod get a sidecar, which may be allowed', async ({ world, sidecars }) => {
    const { client, namespace } = world;
    await account(world);
    const { spec } = templateOf('try');
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'try-' }, spec };
    const namesOf = ({ spec: made }: KubeObject) => (made as typeof spec).containers.map((one) => one.name);
    const attempt = () => client.create(kinds.PODS, { namespace }, body, { dryRun: true });
    await eventually('the sidecar', attempt, (pod) => namesOf(pod).includes(sidecars.container));

    await make(world, kinds.REPLICA_SETS, {
      ...metadata('web'),
      spec: { replicas: 1, ...selector('web'), template: templateOf('web') },
    });
    const [pod] = await podsOf(world, 'web');
    if (!pod) throw new Error('the ReplicaSet has no pod');
    expect(await driftOf(world, pod)).toMatchObject([
      { kind: 'AddedContainer', container: 'istio-proxy', runs: 'image proxy', danger: false },
      { kind: 'Volume', field: 'spec.volumes[envoy]', runs: 'emptyDir', danger: false },
    ]);
    expect(await driftOf(world, pod, ['istio-*'])).toEqual([]);
  });
});
