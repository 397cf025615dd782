// A pod template with much in it, and pods as Kubernetes makes them of it, for tests of configuration drift. Written after
// Kubernetes 1.36 (admission plugins and controllers); the suite of the real API server shows that it is so.
import { expect, test } from 'vitest';
import {
  templateDrift,
  type PodTemplate,
  type TemplateFinding,
  type TemplateOptions,
} from '../../../src/decide/template-drift.ts';

export type Tree = Record<string, unknown>;

export const TOKEN = 'kube-api-access-7xk2p';
export const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
export const TOKEN_MOUNT = { name: TOKEN, readOnly: true, mountPath: TOKEN_PATH };
export const OPTIONS: TemplateOptions = { allowedContainers: [], ownerKind: 'ReplicaSet' };

/** The volume that admission adds. */
export function tokenVolume(name = TOKEN): Tree {
  const namespace = { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } };
  const sources = [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [namespace] } },
  ];
  return { name, projected: { defaultMode: 420, sources } };
}

/** A template under Pod Security `restricted`, with the defaults of the API server. */
export function aTemplate(): { metadata: Tree; spec: Tree } {
  const context = () => ({
    runAsNonRoot: true,
    runAsUser: 1000,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
  });
  return {
    metadata: { labels: { app: 'web' } },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'registry.example/web:1',
          command: ['/server'],
          args: ['--port', '80'],
          env: [{ name: 'MODE', value: 'live' }],
          lifecycle: { preStop: { exec: { command: ['/drain'] } } },
          livenessProbe: { exec: { command: ['/healthy'] }, periodSeconds: 10 },
          securityContext: context(),
          volumeMounts: [
            { name: 'config', mountPath: '/config', readOnly: true },
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
        { name: 'log', image: 'registry.example/log:1', securityContext: context() },
      ],
      initContainers: [{ name: 'setup', image: 'registry.example/setup:1', securityContext: context() }],
      securityContext: { runAsUser: 1000, fsGroup: 2000, seccompProfile: { type: 'RuntimeDefault' } },
      serviceAccountName: 'web',
      volumes: [
        { name: 'config', configMap: { name: 'web', defaultMode: 420 } },
        { name: 'tmp', emptyDir: {} },
      ],
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
    },
  };
}

/** What Kubernetes adds to every pod of a template. */
export function aPodOf(template: PodTemplate, name = 'web-5d9f-abcde'): { metadata: Tree; spec: Tree } {
  const spec = structuredClone(template.spec) as Tree;
  const withToken = (list: unknown) =>
    ((list ?? []) as Tree[]).map((one) => ({
      ...one,
      imagePullPolicy: 'Always',
      resources: { limits: { cpu: '1' }, requests: { cpu: '1' } },
      terminationMessagePath: '/dev/termination-log',
      volumeMounts: [...((one['volumeMounts'] ?? []) as Tree[]), TOKEN_MOUNT],
    }));
  const toleration = { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 };
  return {
    metadata: { name, namespace: 'shop', labels: { app: 'web', 'pod-template-hash': '5d9f' } },
    spec: {
      ...spec,
      serviceAccountName: spec['serviceAccountName'] ?? 'default',
      serviceAccount: spec['serviceAccountName'] ?? 'default',
      containers: withToken(spec['containers']),
      initContainers: withToken(spec['initContainers']),
      volumes: [...((spec['volumes'] ?? []) as Tree[]), tokenVolume()],
      nodeName: 'node-1',
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      enableServiceLinks: true,
      imagePullSecrets: [{ name: 'of-the-account' }],
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', ...toleration },
        { key: 'node.kubernetes.io/unreachable', ...toleration },
      ],
    },
  };
}

/** Puts a value into a tree of objects and lists; undefined takes away what is there. */
export function put(tree: Tree, path: readonly (string | number)[], value: unknown): void {
  let at: Tree = tree;
  for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Tree;
  const last = path.at(-1) ?? '';
  if (Array.isArray(at) && last === 'end') at.push(value);
  else if (value === undefined) Reflect.deleteProperty(at, last);
  else at[last] = value;
}

export type Path = readonly (string | number)[];
/** Puts a value there; undefined takes away what is there. */
export type Change = readonly [path: Path, value: unknown];

export const WEB = ['containers', 0] as const;
export const CONTEXT = [...WEB, 'securityContext'] as const;
/** Sets a field of the security context of the container `web`. */
export const on = (key: string, value: unknown): Change => [[...CONTEXT, key], value];
export const CONTEXT_FIELD = 'spec.containers[web].securityContext';

/** The findings of a pod that was changed after it was made. @param approved changes of its template before. */
export function found(
  changes: readonly Change[],
  approved: readonly Change[] = [],
  options: Partial<TemplateOptions> = {},
): TemplateFinding[] {
  const template = aTemplate();
  for (const [path, value] of approved) put(template.spec, path, value);
  const pod = aPodOf(template);
  for (const [path, value] of changes) put(pod.spec, path, value);
  return templateDrift(pod, template, { ...OPTIONS, ...options });
}

/** Kind and field of each. */
export function kinds(
  changes: readonly Change[],
  approved: readonly Change[] = [],
  options: Partial<TemplateOptions> = {},
): string[] {
  return found(changes, approved, options).map(({ kind, field }) => `${kind} ${field}`);
}

/** A change of a pod, perhaps after one of its template, and the one finding that it gives. */
export interface Row {
  before?: Change;
  change: Change;
  finding: Partial<TemplateFinding>;
}

/** A test of each row. */
export function testRows(rows: Record<string, Row>): void {
  test.each(Object.entries(rows))('%s', (_, { before, change, finding }) => {
    expect(found([change], before ? [before] : [])).toEqual([expect.objectContaining(finding)]);
  });
}
