// The shapes of helper pods, one a profile. The admission policy in config/components/helpers admits these and no other:
// change both together.
import { CAPTURE_NAMESPACE, HELPER_LABEL, MANAGED_BY_LABEL, OPERATOR_NAME } from '../api/names.ts';
import type { Profile } from './helper-settings.ts';

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
}

/** Where the image has the program (Dockerfile). */
const PROGRAM = ['node', '/app/bin/die-operator.js', 'helper'];

// More than a Node.js process needs; without requests the limits would count as such, and a full node refuse the pod.
const RESOURCES = { requests: { cpu: '5m', memory: '32Mi' }, limits: { memory: '192Mi' } };

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

const PROFILES: Readonly<Record<Profile, { pod: object; container: object }>> = {
  canary: { pod: {}, container: RESTRICTED },
  netns: {
    pod: { hostPID: true },
    container: {
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

/** The pod as it is created. It has no token, no volume, and a name, node and image that nobody else chose. */
export function helperPod({ name, profile, image, node, args, lifetimeSeconds }: HelperPodSpec): object {
  const { pod, container } = PROFILES[profile];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: CAPTURE_NAMESPACE,
      labels: { [MANAGED_BY_LABEL]: OPERATOR_NAME, [HELPER_LABEL]: profile },
    },
    spec: {
      ...pod,
      // Past the scheduler: it is about this node, also while that takes no other pods.
      nodeName: node,
      tolerations: [{ operator: 'Exists' }],
      restartPolicy: 'Never',
      activeDeadlineSeconds: lifetimeSeconds,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [
        {
          name: 'helper',
          image,
          command: PROGRAM,
          args,
          resources: RESOURCES,
          securityContext: container,
        },
      ],
    },
  };
}
