// `preventionTest`: tests in a control plane of their own with config/prevention/admission, and manifests that it judges.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { certificateFor, kubeconfigFor, type ClusterAccess } from './cluster-access.ts';
import { installedTest } from './installed-test.ts';
import { apply, CONFIG, kubectl } from './manifests.ts';
import { eventually } from './real-api-test.ts';

/** The folder that is installed. */
export const ADMISSION = join(CONFIG, 'prevention/admission');
export const WORKLOAD = join(CONFIG, 'prevention/workload');
/** The label of a namespace that opts in. */
export const PREVENT = 'die-operator.dev/prevent';
export const EXEMPTIONS = 'die-operator-prevention-exemptions';

/** What kubectl was told: the refusal, as it prints it, or nothing; and the warnings of the answer's headers. */
export interface Told {
  refused?: string;
  warned: string[];
}

const hex = (digit: string) => `sha256:${digit.repeat(64)}`;
/** Images of the manifests. Nothing pulls them. */
export const IMAGES = {
  pinned: `registry.example/shop/web@${hex('a')}`,
  pinnedBeside: `registry.example/shop/web:1.4@${hex('b')}`,
  sha512: `registry.example/shop/web@sha512:${'c'.repeat(128)}`,
  tagged: 'registry.example/shop/web:1.4',
  untagged: 'registry.example/shop/web',
} as const;

/** The part of a container that the rules read. */
export interface Container {
  name: string;
  image: string;
  securityContext?: { readOnlyRootFilesystem?: boolean };
}
/** Spec of a pod with containers of each kind; `ephemeralContainers` only the API server takes, and not in a template. */
export interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
}

/** A container with a read-only root, unless `writable`. */
export function container(name: string, image: string = IMAGES.pinned, writable = false): Container {
  return { name, image, ...(!writable && { securityContext: { readOnlyRootFilesystem: true } }) };
}

const TEMPLATED = {
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  DaemonSet: 'apps/v1',
  ReplicaSet: 'apps/v1',
  ReplicationController: 'v1',
  Job: 'batch/v1',
  CronJob: 'batch/v1',
} as const;
/** What is judged. */
export const KINDS = ['Pod', ...(Object.keys(TEMPLATED) as (keyof typeof TEMPLATED)[])] as const;
export type Kind = (typeof KINDS)[number];

/** An object of that kind with pods of that spec, of which it wants none unless told. */
export function manifest(kind: Kind, name: string, spec: PodSpec, replicas = 0): object {
  const metadata = { name };
  if (kind === 'Pod') return { apiVersion: 'v1', kind, metadata, spec };
  const apiVersion = TEMPLATED[kind];
  const labels = { app: name };
  const restarts = kind === 'Job' || kind === 'CronJob' ? { restartPolicy: 'Never' } : {};
  const template = { metadata: { labels }, spec: { ...restarts, ...spec } };
  const job = { suspend: true, template };
  const selector = kind === 'ReplicationController' ? labels : { matchLabels: labels };
  const counted = kind === 'DaemonSet' ? {} : { replicas };
  const bodies = {
    Job: job,
    CronJob: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: job } },
    StatefulSet: { ...counted, selector, template, serviceName: name },
  };
  const body = kind in bodies ? bodies[kind as keyof typeof bodies] : { ...counted, selector, template };
  return { apiVersion, kind, metadata, spec: body };
}

/** Runs kubectl as the admin or with that kubeconfig, with that object as its standard input. Rejects unless the server answered. */
export async function tell(
  access: ClusterAccess,
  args: readonly string[],
  { object, kubeconfig = access.adminKubeconfig }: { object?: object; kubeconfig?: string } = {},
): Promise<Told> {
  if (access.kubectl === undefined) throw new Error('there is no kubectl beside this API server');
  const running = promisify(execFile)(access.kubectl, ['--kubeconfig', kubeconfig, ...args]);
  running.child.stdin?.end(JSON.stringify(object ?? {}));
  const { stderr, failed } = await running.then(
    (done) => ({ ...done, failed: false }),
    (error: unknown) => ({ stderr: (error as { stderr: string }).stderr, failed: true }),
  );
  const lines = stderr.split('\n').filter((line) => line !== '');
  const warned = lines.filter((line) => line.startsWith('Warning: '));
  const [refused] = lines.filter((line) => !line.startsWith('Warning: '));
  // A server cannot refuse what kubectl did not understand or could not send.
  const isAnswer = refused === undefined || /Error from server|is forbidden|is invalid/.test(refused);
  if (failed && !isAnswer) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return { warned, ...(failed && refused !== undefined && { refused }) };
}

/** Whether it went through and nothing was said. */
export const QUIET: Told = { warned: [] };

/**
 * Fixtures beyond those of `installedTest`: `opt(level)`, which labels the namespace of the test and resolves once that holds;
 * `create(object)`, `ask(...args)`: kubectl in that namespace; `tenant`, a kubeconfig of who may do everything in it and nothing
 * outside. The responder has the rights of overlays/enforce.
 */
export const preventionTest = installedTest
  .extend('prevented', { scope: 'file' }, async ({ plane }): Promise<boolean> => {
    if (plane?.access.kubectl === undefined) return false;
    await apply(plane.access, 'overlays/enforce');
    await kubectl(plane.access, 'apply', '--server-side', '--validate=strict', '-k', ADMISSION);
    return true;
  })
  .extend('opt', ({ access, namespace, prevented }) => {
    if (!prevented) throw new Error('the prevention is not installed');
    return async (level: 'warn' | 'deny'): Promise<void> => {
      await kubectl(access, 'label', '--overwrite', 'namespace', namespace, `${PREVENT}=${level}`);
      await isInForce(access, namespace, level);
    };
  })
  .extend(
    'ask',
    ({ access, namespace }) =>
      (...args: string[]) =>
        tell(access, ['-n', namespace, ...args]),
  )
  .extend('create', ({ access, namespace }) => (object: object, ...flags: string[]) => {
    return tell(access, ['-n', namespace, 'create', '-f', '-', ...flags], { object });
  })
  .extend('tenant', async ({ access, namespace }): Promise<string> => {
    const user = `owner-of-${namespace}`;
    const grant = ['create', 'rolebinding', 'owner', '--clusterrole=cluster-admin', `--user=${user}`];
    await kubectl(access, '-n', namespace, ...grant);
    return kubeconfigFor(access, await certificateFor(access, { user }));
  });

// Labels of namespaces, and policies, are known a moment after they are written.
async function isInForce(access: ClusterAccess, namespace: string, level: 'warn' | 'deny'): Promise<void> {
  const object = manifest('Pod', 'probe', { containers: [container('web', IMAGES.tagged, true)] });
  const args = ['-n', namespace, 'create', '-f', '-', '--dry-run=server'];
  await eventually(
    `${level} is in force in ${namespace}`,
    () => tell(access, args, { object }),
    ({ refused, warned }) =>
      level === 'deny' ? refused?.includes(`'die-operator-prevention-deny'`) === true : warned.length === 1,
  );
}
