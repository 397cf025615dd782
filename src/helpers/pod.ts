// The shapes of helper pods, one a profile. The admission policy in config/components/helpers admits these and no other:
// change both together.
import { CAPTURE_NAMESPACE, HELPER_LABEL, MANAGED_BY_LABEL, OPERATOR_NAME } from '../api/names.ts';
import type { HostRoots, Profile } from './helper-settings.ts';

/** What a helper pod is made of. */
export interface HelperPodSpec {
  name: string;
  profile: Profile;
  /** Named by digest. */
  image: string;
  node: string;
  /** Arguments of `die-operator helper`. */
  args: readonly string[];
  /** Seconds after which the kubelet ends it, whatever becomes of us. */
  lifetimeSeconds: number;
  /** Of the pod. */
  annotations?: Readonly<Record<string, string>>;
  /** What a pod of the profile `capture` or `checkpoint` reads of its node; others get nothing of it. */
  roots?: HostRoots;
}

/** Where the folders of a node are in a pod of the profile `capture`. */
export const MOUNTED_AT: HostRoots = { containerd: '/host/containerd', kubelet: '/host/kubelet' };
/** Where a pod of the profile `checkpoint` has the folder in which the kubelet keeps checkpoints, and nothing else of it. */
export const CHECKPOINTS_AT = '/host/checkpoints';

/** Where the image has the program (Dockerfile). */
const PROGRAM = ['/app/bin/die-operator.js', 'helper'];
/** The same Node.js as `node`, but its file has the capabilities that the profile `capture` needs. */
const CAPTURE_NODE = '/app/capture/node';

// Less than a Node.js process may take; without requests the limits would count as such, and a full node refuse the pod.
const REQUESTS = { cpu: '5m', memory: '32Mi' };

const RESTRICTED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

// SYS_PTRACE opens /proc/PID/ns/net of a process of another user, SYS_ADMIN enters it, NET_ADMIN changes its filters.
const NETNS_CAPABILITIES = ['NET_ADMIN', 'SYS_ADMIN', 'SYS_PTRACE'];

// SYS_PTRACE opens /proc/PID of a process of another user, DAC_READ_SEARCH files and folders that only others may read. A user
// other than root gets them from the program file only, which no_new_privs would prevent.
const CAPTURE_CAPABILITIES = ['DAC_READ_SEARCH', 'SYS_PTRACE'];

interface Shape {
  pod: object;
  /** Its securityContext. */
  security: object;
  node: string;
  memory: string;
}

const PROFILES: Readonly<Record<Profile, Shape>> = {
  canary: { pod: {}, security: RESTRICTED, node: 'node', memory: '192Mi' },
  capture: {
    pod: { hostPID: true },
    security: {
      ...RESTRICTED,
      // Not the user of the operator, nor of another helper: what has the same user may be written, too.
      runAsUser: 65531,
      runAsGroup: 65531,
      allowPrivilegeEscalation: true,
      // As for netns.
      appArmorProfile: { type: 'Unconfined' },
      capabilities: { drop: ['ALL'], add: CAPTURE_CAPABILITIES },
    },
    node: CAPTURE_NODE,
    memory: '512Mi',
  },
  checkpoint: {
    pod: {},
    // Only root may read what the kubelet keeps; without capabilities that is all that it may.
    security: { ...RESTRICTED, runAsNonRoot: false, runAsUser: 0, runAsGroup: 0 },
    node: 'node',
    memory: '256Mi',
  },
  netns: {
    pod: { hostPID: true },
    node: 'node',
    memory: '192Mi',
    security: {
      ...RESTRICTED,
      runAsNonRoot: false,
      runAsUser: 0,
      runAsGroup: 0,
      allowPrivilegeEscalation: true,
      // The profile that runtimes give where there is AppArmor lets nobody look at a process outside of it.
      appArmorProfile: { type: 'Unconfined' },
      capabilities: { drop: ['ALL'], add: NETNS_CAPABILITIES },
    },
  },
};

/** The pod as it is created. It has no token, and a name, node and image that nobody else chose. */
export function helperPod({ name, profile, image, node, args, ...more }: HelperPodSpec): object {
  const { pod, security, node: program, memory } = PROFILES[profile];
  const folders = more.roots && foldersOf(profile, more.roots);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: CAPTURE_NAMESPACE,
      labels: { [MANAGED_BY_LABEL]: OPERATOR_NAME, [HELPER_LABEL]: profile },
      ...(more.annotations && { annotations: more.annotations }),
    },
    spec: {
      ...pod,
      // Past the scheduler: it is about this node, also while that takes no other pods.
      nodeName: node,
      tolerations: [{ operator: 'Exists' }],
      restartPolicy: 'Never',
      activeDeadlineSeconds: more.lifetimeSeconds,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [
        {
          name: 'helper',
          image,
          command: [program, ...PROGRAM],
          args,
          resources: { requests: REQUESTS, limits: { memory } },
          securityContext: security,
          ...(folders && { volumeMounts: folders.mounts }),
        },
      ],
      ...(folders && { volumes: folders.volumes }),
    },
  };
}

function foldersOf(profile: Profile, roots: HostRoots) {
  if (profile === 'capture') return foldersOfNode(roots);
  return profile === 'checkpoint' ? folderOfCheckpoints(roots) : undefined;
}

/** Writable: what was taken is removed, as no kubelet does. */
function folderOfCheckpoints({ kubelet }: HostRoots) {
  const name = 'checkpoints';
  return {
    volumes: [{ name, hostPath: { path: `${kubelet}/${name}`, type: 'Directory' } }],
    mounts: [{ name, mountPath: CHECKPOINTS_AT }],
  };
}

/** What is mounted below them, as volumes of pods, is read-only too where the node can do that (Kubernetes 1.31, Linux 5.12). */
function foldersOfNode(roots: HostRoots) {
  const names = ['containerd', 'kubelet'] as const;
  return {
    volumes: names.map((name) => ({ name, hostPath: { path: roots[name], type: 'Directory' } })),
    mounts: names.map((name) => ({
      name,
      mountPath: MOUNTED_AT[name],
      readOnly: true,
      recursiveReadOnly: 'IfPossible',
    })),
  };
}
