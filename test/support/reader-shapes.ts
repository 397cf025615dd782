// What the namespace of helper pods must refuse of pods that read a node: captures and checkpoints.
import { DEFAULT_ROOTS } from '../../src/helpers/helper-settings.ts';
import { podWith, shape, withContainer } from './helper-shapes.ts';

const capture = shape('capture').spec;
const [reader] = capture.containers;
const asCapture = (spec: object) => podWith({ ...capture, ...spec }, shape('capture').metadata.labels);
const withReader = (change: object) => asCapture({ containers: [{ ...reader, ...change }] });
const withReaderRights = (change: object) =>
  withReader({ securityContext: { ...reader.securityContext, ...change } });
const withMount = (change: object) =>
  withReader({ volumeMounts: reader.volumeMounts?.map((mount) => ({ ...mount, ...change })) });
const withFolder = (change: object) =>
  asCapture({
    volumes: capture.volumes?.map((one) => ({ ...one, hostPath: { ...one.hostPath, ...change } })),
  });
const RIGHTS = 'a helper pod has the rights of its profile, capture';
const FOLDERS = 'a capture pod mounts the folders that ConfigMap die-operator-helpers names, read-only';

/** What of the responder's own capture pods is refused, and the beginning of why. */
export const REFUSED_CAPTURES: [what: string, pod: object, why: string][] = [
  ['a capture as root', withReaderRights({ runAsUser: 0, runAsNonRoot: false }), RIGHTS],
  ['a capture as nobody in particular', withReaderRights({ runAsUser: undefined }), RIGHTS],
  ['a capture in the group of root', withReaderRights({ runAsGroup: 0 }), RIGHTS],
  ...['SYS_ADMIN', 'DAC_OVERRIDE', 'NET_ADMIN', 'ALL', 'CAP_SYS_ADMIN', 'SETUID'].map(
    (one): [string, object, string] => [
      `a capture with ${one}`,
      withReaderRights({ capabilities: { drop: ['ALL'], add: ['SYS_PTRACE', one] } }),
      RIGHTS,
    ],
  ),
  ['a privileged capture', withReaderRights({ privileged: true }), RIGHTS],
  ['a capture with a writable root', withReaderRights({ readOnlyRootFilesystem: false }), RIGHTS],
  ['a capture without seccomp', withReaderRights({ seccompProfile: { type: 'Unconfined' } }), RIGHTS],
  ['a capture that keeps capabilities', withReaderRights({ capabilities: { add: ['SYS_PTRACE'] } }), RIGHTS],
  ['a capture of the whole node', withFolder({ path: '/' }), FOLDERS],
  ['a capture of other folders', withFolder({ path: '/etc/kubernetes' }), FOLDERS],
  ['a capture that makes folders', withFolder({ type: 'DirectoryOrCreate' }), FOLDERS],
  ['a capture of a socket', withFolder({ type: 'Socket' }), FOLDERS],
  [
    'a capture of one folder only',
    asCapture({
      volumes: capture.volumes?.slice(1),
      containers: [{ ...reader, volumeMounts: reader.volumeMounts?.slice(1) }],
    }),
    FOLDERS,
  ],
  [
    'a capture with a volume more',
    asCapture({ volumes: [...(capture.volumes ?? []), { name: 'x', emptyDir: {} }] }),
    FOLDERS,
  ],
  [
    'a capture of a secret',
    asCapture({ volumes: capture.volumes?.map(({ name }) => ({ name, secret: { secretName: 'x' } })) }),
    FOLDERS,
  ],
  ['a capture that may write', withMount({ readOnly: false, recursiveReadOnly: undefined }), FOLDERS],
  ['a capture that may write what is mounted below', withMount({ recursiveReadOnly: 'Disabled' }), FOLDERS],
  [
    'a capture that passes mounts on',
    withMount({ mountPropagation: 'HostToContainer', recursiveReadOnly: undefined }),
    FOLDERS,
  ],
  ['a capture of a part', withMount({ subPath: 'x' }), FOLDERS],
  [
    'a capture that mounts elsewhere',
    withReader({
      volumeMounts: reader.volumeMounts?.map((one) => ({ ...one, mountPath: `/app/${one.name}` })),
    }),
    FOLDERS,
  ],
  [
    'a capture by another program',
    withReader({ command: ['/host/containerd/x', 'helper'] }),
    'a helper pod runs',
  ],
  [
    'a capture by the plain Node',
    withReader({ command: ['node', '/app/bin/die-operator.js', 'helper'] }),
    'a helper pod runs',
  ],
  [
    'a canary with the program of captures',
    podWith(withContainer({ command: ['/app/capture/node', '/app/bin/die-operator.js', 'helper'] })),
    'a helper pod runs',
  ],
  [
    'a capture in the network of the node',
    asCapture({ hostNetwork: true }),
    'a helper pod has no hostNetwork',
  ],
  ['a capture with the IPC of the node', asCapture({ hostIPC: true }), 'a helper pod has no hostIPC'],
  [
    'a capture with an environment',
    withReader({ env: [{ name: 'A', value: 'b' }] }),
    'the container of a helper pod has no env',
  ],
  ['a capture with a token', asCapture({ automountServiceAccountToken: true }), 'a helper pod has no token'],
  ['a capture without an end', asCapture({ activeDeadlineSeconds: 601 }), 'a helper pod ends by itself'],
];

const checkpoint = shape('checkpoint').spec;
const [taker] = checkpoint.containers;
const asCheckpoint = (spec: object) =>
  podWith({ ...checkpoint, ...spec }, shape('checkpoint').metadata.labels);
const withTaker = (change: object) => asCheckpoint({ containers: [{ ...taker, ...change }] });
const withTakerRights = (change: object) =>
  withTaker({ securityContext: { ...taker.securityContext, ...change } });
const withCheckpoints = (change: object) =>
  asCheckpoint({
    volumes: checkpoint.volumes?.map((one) => ({ ...one, hostPath: { ...one.hostPath, ...change } })),
  });
const TAKER_RIGHTS = 'a helper pod has the rights of its profile, checkpoint';
const CHECKPOINTS = 'a checkpoint pod mounts the folder of checkpoints below kubeletRoot';

/** What of the responder's own checkpoint pods is refused, and the beginning of why. */
export const REFUSED_CHECKPOINTS: [what: string, pod: object, why: string][] = [
  ...['DAC_OVERRIDE', 'DAC_READ_SEARCH', 'SYS_PTRACE', 'SYS_ADMIN'].map((one): [string, object, string] => [
    `a checkpoint with ${one}`,
    withTakerRights({ capabilities: { drop: ['ALL'], add: [one] } }),
    TAKER_RIGHTS,
  ]),
  ['a checkpoint that keeps capabilities', withTakerRights({ capabilities: {} }), TAKER_RIGHTS],
  ['a checkpoint that may gain rights', withTakerRights({ allowPrivilegeEscalation: true }), TAKER_RIGHTS],
  ['a checkpoint with a writable root', withTakerRights({ readOnlyRootFilesystem: false }), TAKER_RIGHTS],
  [
    'a checkpoint without AppArmor',
    withTakerRights({ appArmorProfile: { type: 'Unconfined' } }),
    TAKER_RIGHTS,
  ],
  ['a checkpoint that sees processes', asCheckpoint({ hostPID: true }), TAKER_RIGHTS],
  [
    'a checkpoint in the network of the node',
    asCheckpoint({ hostNetwork: true }),
    'a helper pod has no hostNetwork',
  ],
  [
    'a checkpoint of all that the kubelet keeps',
    withCheckpoints({ path: DEFAULT_ROOTS.kubelet }),
    CHECKPOINTS,
  ],
  ['a checkpoint of the pods', withCheckpoints({ path: `${DEFAULT_ROOTS.kubelet}/pods` }), CHECKPOINTS],
  ['a checkpoint that makes the folder', withCheckpoints({ type: 'DirectoryOrCreate' }), CHECKPOINTS],
  [
    'a checkpoint with a volume more',
    asCheckpoint({ volumes: [...(checkpoint.volumes ?? []), { name: 'x', emptyDir: {} }] }),
    CHECKPOINTS,
  ],
  [
    'a checkpoint that mounts elsewhere',
    withTaker({ volumeMounts: [{ name: 'checkpoints', mountPath: '/app' }] }),
    CHECKPOINTS,
  ],
  [
    'a checkpoint by the program of captures',
    withTaker({ command: ['/app/capture/node', '/app/bin/die-operator.js', 'helper'] }),
    'a helper pod runs',
  ],
];
