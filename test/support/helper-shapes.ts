// Helper pods as die-operator makes them, and what of them the namespace of helper pods must refuse.
import { helperPod } from '../../src/helpers/pod.ts';
import { DEFAULT_ROOTS, type Profile } from '../../src/helpers/helper-settings.ts';

export const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;

interface Container {
  securityContext: { capabilities: { add?: string[] } };
  volumeMounts?: { name: string; mountPath: string }[];
}
export interface Pod {
  metadata: { name: string; labels: Record<string, string> };
  spec: { containers: [Container]; volumes?: { name: string; hostPath: object }[] };
}

/** The pod as die-operator makes it. */
export function shape(profile: Profile, name = `${profile}-1`, roots = DEFAULT_ROOTS): Pod {
  const made: unknown = helperPod({
    name,
    profile,
    image: IMAGE,
    node: 'node-1',
    args: ['canary-peer', '--pair', 'x'],
    lifetimeSeconds: 180,
    roots,
  });
  return made as Pod;
}

export const base = shape('canary').spec;
const [helper] = base.containers;
export const withContainer = (change: object) => ({ ...base, containers: [{ ...helper, ...change }] });
const withRights = (change: object) =>
  withContainer({ securityContext: { ...helper.securityContext, ...change } });
export const podWith = (spec: object, labels?: Record<string, string>) => {
  const { metadata, ...rest } = shape('canary');
  return { ...rest, metadata: { ...metadata, ...(labels && { labels }) }, spec };
};
const asNetns = (spec: object) => podWith(spec, shape('netns').metadata.labels);

/** What of the responder's own pods is refused, and the beginning of why. */
export const REFUSED: [what: string, pod: object, why: string][] = [
  [
    'another image',
    podWith(withContainer({ image: `registry.example/x@sha256:${'a'.repeat(64)}` })),
    'a helper pod runs the image',
  ],
  [
    'the image by tag',
    podWith(withContainer({ image: 'registry.example/die-operator:1' })),
    'a helper pod runs the image',
  ],
  [
    'two containers',
    podWith({ ...base, containers: [helper, { ...helper, name: 'b' }] }),
    'a helper pod has exactly one container',
  ],
  [
    'an init container',
    podWith({ ...base, initContainers: [{ ...helper, name: 'b' }] }),
    'a helper pod has no initContainers',
  ],
  [
    'a privileged container',
    podWith(withRights({ privileged: true, allowPrivilegeEscalation: true })),
    'a helper pod has the rights of its profile, canary',
  ],
  [
    'an added capability',
    podWith(withRights({ capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } })),
    'a helper pod has the rights of its profile, canary',
  ],
  [
    'a capability that no profile has',
    asNetns(withRights({ capabilities: { drop: ['ALL'], add: ['SYS_MODULE'] } })),
    'a helper pod has the rights of its profile, netns',
  ],
  [
    'no dropped capabilities',
    podWith(withRights({ capabilities: {} })),
    'a helper pod has the rights of its profile',
  ],
  [
    'no seccomp',
    podWith(withRights({ seccompProfile: { type: 'Unconfined' } })),
    'a helper pod has the rights of its profile',
  ],
  [
    'root',
    podWith(withRights({ runAsUser: 0, runAsNonRoot: false })),
    'a helper pod has the rights of its profile',
  ],
  [
    'a writable root',
    podWith(withRights({ readOnlyRootFilesystem: false })),
    'a helper pod has the rights of its profile',
  ],
  [
    'an AppArmor profile',
    podWith(withRights({ appArmorProfile: { type: 'Unconfined' } })),
    'a helper pod has the rights of its profile',
  ],
  [
    'processes of the node',
    podWith({ ...base, hostPID: true }),
    'a helper pod has the rights of its profile, canary',
  ],
  [
    'settings of the pod',
    podWith({ ...base, securityContext: { sysctls: [{ name: 'net.ipv4.ip_forward', value: '1' }] } }),
    'a helper pod has the rights of its profile',
  ],
  [
    'a folder of the node',
    podWith({
      ...withContainer({ volumeMounts: [{ name: 'h', mountPath: '/h' }] }),
      volumes: [{ name: 'h', hostPath: { path: '/' } }],
    }),
    'a helper pod has no volumes',
  ],
  ['the network of the node', podWith({ ...base, hostNetwork: true }), 'a helper pod has no hostNetwork'],
  [
    'a port of the node',
    podWith(withContainer({ ports: [{ containerPort: 1, hostPort: 1 }] })),
    'the container of a helper pod has no ports',
  ],
  ['a token', podWith({ ...base, automountServiceAccountToken: true }), 'a helper pod has no'],
  ['another command', podWith(withContainer({ command: ['sh'] })), 'a helper pod runs `die-operator helper`'],
  [
    'the command of the image',
    podWith(withContainer({ command: [] })),
    'a helper pod runs `die-operator helper`',
  ],
  [
    'an environment',
    podWith(withContainer({ env: [{ name: 'NODE_OPTIONS', value: '--inspect' }] })),
    'the container of a helper pod has no env',
  ],
  [
    'an environment from elsewhere',
    podWith(withContainer({ envFrom: [{ configMapRef: { name: 'x' } }] })),
    'the container of a helper pod has no envFrom',
  ],
  [
    'a hook',
    podWith(withContainer({ lifecycle: { postStart: { exec: { command: ['sh'] } } } })),
    'the container of a helper pod has no lifecycle',
  ],
  [
    'a probe',
    podWith(withContainer({ readinessProbe: { exec: { command: ['sh'] } } })),
    'the container of a helper pod has no readinessProbe',
  ],
  ['a terminal', podWith(withContainer({ stdin: true })), 'the container of a helper pod has no stdin'],
  [
    'a working directory',
    podWith(withContainer({ workingDir: '/tmp' })),
    'the container of a helper pod has no workingDir',
  ],
  [
    'a name resolution of its own',
    podWith({ ...base, hostAliases: [{ ip: '192.0.2.1', hostnames: ['a'] }] }),
    'a helper pod has no hostAliases',
  ],
  [
    'an end that it never comes to',
    podWith({ ...base, activeDeadlineSeconds: 601 }),
    'a helper pod ends by itself',
  ],
  ['a restart', podWith({ ...base, restartPolicy: 'Always' }), 'a helper pod ends by itself'],
  ['no profile', podWith(base, {}), 'the profile (none) is not among the profiles'],
  [
    'an unknown profile',
    podWith(base, { 'die-operator.dev/helper': 'root' }),
    'the profile root is not among the profiles',
  ],
];
