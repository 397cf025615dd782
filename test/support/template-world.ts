// Workloads with much in their templates, and what differs in their pods, for tests of configuration drift.
import type { KubeObject } from '../../src/api/meta.ts';
import { controllerOf, podFacts } from '../../src/api/pod.ts';
import { approvedTemplate, templateSource } from '../../src/decide/approved-template.ts';
import {
  templateDrift,
  type TemplateFinding,
  type TemplateOptions,
} from '../../src/decide/template-drift.ts';
import * as kinds from '../../src/kube/resources.ts';
import { apiVersionOf, type Resource } from '../../src/kube/resources.ts';
import { make, ownerTest, read } from './owner-world.ts';
import { eventually } from './real-api-test.ts';
import { PINNED, type World } from './world.ts';

export const CRON_JOBS: Resource = { ...kinds.JOBS, plural: 'cronjobs', kind: 'CronJob' };
export const LIMIT_RANGES: Resource = { ...kinds.PODS, plural: 'limitranges', kind: 'LimitRange' };
export const REPLICATION_CONTROLLERS: Resource = {
  ...kinds.PODS,
  plural: 'replicationcontrollers',
  kind: 'ReplicationController',
};
const MUTATIONS: Resource = {
  ...kinds.ADMISSION_POLICIES,
  plural: 'mutatingadmissionpolicies',
  kind: 'MutatingAdmissionPolicy',
};
const MUTATION_BINDINGS: Resource = {
  ...kinds.ADMISSION_POLICY_BINDINGS,
  plural: 'mutatingadmissionpolicybindings',
  kind: 'MutatingAdmissionPolicyBinding',
};
const OWNERS = [
  kinds.REPLICA_SETS,
  kinds.STATEFUL_SETS,
  kinds.DAEMON_SETS,
  kinds.JOBS,
  REPLICATION_CONTROLLERS,
];
const ADD_SIDECAR = `[
  JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{name: "istio-proxy", image: "proxy",
    volumeMounts: [Object.spec.containers.volumeMounts{name: "envoy", mountPath: "/envoy"}]}},
  JSONPatch{op: "add", path: "/spec/volumes/-", value: Object.spec.volumes{name: "envoy",
    emptyDir: Object.spec.volumes.emptyDir{}}}
]`;
const IDENTITY = { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000 };
export const CONTEXT = {
  ...IDENTITY,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
};
const APPARMOR = 'container.apparmor.security.beta.kubernetes.io';

/** What its container `web` mounts. */
export const MOUNTS = [
  { name: 'tmp', mountPath: '/tmp' },
  { name: 'config', mountPath: '/config', readOnly: true, subPath: 'x' },
  { name: 'all', mountPath: '/all' },
];

/** Much of what a template can say, as Pod Security `restricted` allows it. */
export function templateOf(app: string, more: object = {}) {
  const container = { image: PINNED, securityContext: CONTEXT };
  return {
    metadata: {
      labels: { app },
      annotations: { [`${APPARMOR}/web`]: 'runtime/default', [`${APPARMOR}/log`]: 'localhost/strict' },
    },
    spec: {
      serviceAccountName: 'web',
      hostUsers: false,
      securityContext: {
        ...IDENTITY,
        fsGroup: 2000,
        supplementalGroups: [3000],
        seccompProfile: { type: 'RuntimeDefault' },
      },
      initContainers: [
        { name: 'setup', ...container, command: ['/setup'] },
        { name: 'beside', ...container, restartPolicy: 'Always' },
      ],
      containers: [
        {
          name: 'web',
          ...container,
          command: ['/server'],
          args: ['--name', '$(NAME)'],
          workingDir: '/srv',
          env: [
            { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'NODE_OPTIONS', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          ],
          ports: [{ containerPort: 80 }],
          resources: { limits: { memory: '64Mi' } },
          lifecycle: { preStop: { exec: { command: ['/drain'] } } },
          livenessProbe: { exec: { command: ['/healthy'] } },
          readinessProbe: { httpGet: { port: 80 } },
          volumeMounts: MOUNTS,
        },
        {
          name: 'log',
          ...container,
          securityContext: { ...CONTEXT, seccompProfile: { type: 'RuntimeDefault' } },
        },
      ],
      volumes: [
        { name: 'tmp', emptyDir: {} },
        { name: 'config', configMap: { name: 'web', optional: false } },
        {
          name: 'all',
          projected: {
            sources: [
              { secret: { name: 'web' } },
              { serviceAccountToken: { path: 'token', audience: 'vault' } },
              { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
            ],
          },
        },
      ],
      ...more,
    },
  };
}

/** What selects the pods of {@link templateOf}. */
export const selector = (app: string) => ({ selector: { matchLabels: { app } } });
/** Metadata with a name. */
export const metadata = (name: string) => ({ metadata: { name } });

/**
 * The findings of a pod, with what holds its template read from the API server.
 * @param allowed names of containers. @param more what is allowed besides.
 */
export async function driftOf(
  world: World,
  pod: KubeObject,
  allowed: string[] = [],
  more: Pick<TemplateOptions, 'allowedVolumes' | 'allowedVariables'> = {},
): Promise<TemplateFinding[]> {
  const facts = podFacts(pod);
  const subject = { labels: facts.labels, workload: controllerOf(facts) };
  const source = templateSource(subject);
  if (source.kind === 'None') throw new Error(source.message);
  const kind = OWNERS.find((one) => one.kind === source.owner.kind);
  if (!kind) throw new Error(`no test is about ${source.owner.kind}`);
  const owner = await read(world, kind, source.owner.name);
  const { revision: name } = source;
  const revision = name === undefined ? undefined : await read(world, kinds.CONTROLLER_REVISIONS, name);
  const found = approvedTemplate(subject, { owner, revision });
  if (found.kind === 'None') throw new Error(found.message);
  return templateDrift(pod, found.template, { ...found, ...more, allowedContainers: allowed });
}

/** Waits for so many pods with that label. */
export function podsOf(world: World, app: string, count = 1, withinMs?: number): Promise<KubeObject[]> {
  const look = async () =>
    (await world.list(kinds.PODS)).filter((pod) => pod.metadata.labels?.['app'] === app);
  return eventually(`${count} pods of ${app}`, look, (pods) => pods.length >= count, withinMs);
}

/** Makes the service account of {@link templateOf}. */
export async function account(world: World): Promise<void> {
  await make(world, kinds.SERVICE_ACCOUNTS, { ...metadata('web'), imagePullSecrets: [{ name: 'registry' }] });
}

/** A Deployment, and a pod of it. */
export async function deployed(world: World): Promise<KubeObject> {
  await account(world);
  const spec = { replicas: 1, ...selector('web'), template: templateOf('web') };
  await make(world, kinds.DEPLOYMENTS, { ...metadata('web'), spec });
  const [pod] = await podsOf(world, 'web');
  if (!pod) throw new Error('the Deployment has no pod');
  return pod;
}

/** `sidecars`: an admission policy gives each new pod of the namespace a container `istio-proxy` with a volume of its own. */
export const templateTest = ownerTest.extend('sidecars', async ({ client, namespace }, { onCleanup }) => {
  const name = `sidecars-${namespace}`;
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  const pods = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
  const specs = [
    {
      kind: MUTATIONS,
      spec: {
        matchConstraints: { resourceRules: [pods], namespaceSelector },
        mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: ADD_SIDECAR } }],
        reinvocationPolicy: 'Never',
        failurePolicy: 'Fail',
      },
    },
    { kind: MUTATION_BINDINGS, spec: { policyName: name } },
  ];
  const removals: (() => Promise<void>)[] = [];
  onCleanup(async () => void (await Promise.all(removals.map((remove) => remove()))));
  for (const { kind, spec } of specs) {
    const body = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name }, spec };
    const made = await client.create(kind, {}, body);
    removals.push(() => client.delete(kind, { name }, made.metadata.uid));
  }
  return { container: 'istio-proxy' };
});
