// What the servers of the tests are made of: the pinned Go modules of this folder, and where their builds are cached.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** One binary: its name, the folder here whose go.mod pins it, and its Go package. */
export interface Binary {
  readonly name: string;
  readonly module: string;
  readonly goPackage: string;
  /** For one that has parts in C: the build tags. */
  readonly cgoTags?: string;
}

/** A folder of a Go module's source that is needed when the binaries run. */
export interface SourceFolder {
  /** The folder here whose go.mod pins the Go module. */
  readonly module: string;
  readonly goModule: string;
  readonly folder: string;
  /** Its name beside the binaries. */
  readonly name: string;
}

/** Binaries that are built and cached together. */
export interface AssetGroup {
  /** For people: what the binaries are, and what building them takes. */
  readonly title: string;
  readonly effort: string;
  /** In build order: the short one first, so that a broken set-up is seen early. */
  readonly binaries: readonly Binary[];
  readonly sources?: readonly SourceFolder[];
  /** What the build follows from, besides the binaries and the linker's flags. */
  readonly moduleFiles: readonly string[];
  /** The first part of the name of a cached build. */
  readonly label: () => string;
}

const KUBERNETES = 'k8s.io/kubernetes';
/** The Go module of Cilium. */
export const CILIUM = 'github.com/cilium/cilium';

/** The binaries of {@link CONTROL_PLANE}. */
export const BINARIES: readonly Binary[] = [
  { name: 'etcd', module: 'etcd', goPackage: 'go.etcd.io/etcd/server/v3' },
  { name: 'kube-apiserver', module: 'kube', goPackage: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  {
    name: 'kube-controller-manager',
    module: 'kube',
    goPackage: 'k8s.io/kubernetes/cmd/kube-controller-manager',
  },
  { name: 'kubectl', module: 'kube', goPackage: 'k8s.io/kubernetes/cmd/kubectl' },
];

/** etcd and Kubernetes. */
export const CONTROL_PLANE: AssetGroup = {
  title: 'etcd and Kubernetes',
  effort: '5 to 15 minutes of two cores, some GB in the Go caches',
  binaries: BINARIES,
  moduleFiles: ['etcd/go.mod', 'etcd/go.sum', 'kube/go.mod', 'kube/go.sum'],
  label: kubernetesVersion,
};

/** The NATS server, apart from the others: it changes without them, and takes seconds where they take minutes. */
export const NATS: AssetGroup = {
  title: 'the NATS server',
  effort: 'half a minute',
  binaries: [{ name: 'nats-server', module: 'nats', goPackage: 'github.com/nats-io/nats-server/v2' }],
  moduleFiles: ['nats/go.mod', 'nats/go.sum'],
  label: () => `nats-${natsVersion()}`,
};

/** The S3 server, apart from the others as well. */
export const S3_SERVER: AssetGroup = {
  title: 'the S3 server',
  effort: '1 to 3 minutes',
  binaries: [
    { name: 'versitygw', module: 'versitygw', goPackage: 'github.com/versity/versitygw/cmd/versitygw' },
  ],
  moduleFiles: ['versitygw/go.mod', 'versitygw/go.sum'],
  label: () => `versitygw-${versitygwVersion()}`,
};

/** Folder of one of the Go modules. */
export function moduleFolder(module: Binary['module']): string {
  return join(import.meta.dirname, module);
}

/** The Kubernetes version that kube/go.mod asks for, e.g. `v1.36.3`. */
export function kubernetesVersion(): string {
  return pinned('kube/go.mod', KUBERNETES);
}

/** The NATS version that nats/go.mod asks for, e.g. `v2.15.2`. */
export function natsVersion(): string {
  return pinned('nats/go.mod', 'github.com/nats-io/nats-server/v2');
}

/** The versitygw version that versitygw/go.mod asks for, e.g. `v1.8.0`. */
export function versitygwVersion(): string {
  return pinned('versitygw/go.mod', 'github.com/versity/versitygw');
}

/** The Cilium version that cilium/go.mod asks for, e.g. `v1.20.2`. */
export function ciliumVersion(): string {
  return pinned('cilium/go.mod', CILIUM);
}

/** The version of a Go module that the go.mod of a folder here asks for. Throws if it asks for none. */
export function pinnedVersion(module: Binary['module'], goModule: string): string {
  return pinned(`${module}/go.mod`, goModule);
}

/**
 * The linker's flags. Kubernetes reports v0.0.0-master unless its version is set from outside, as its own release
 * scripts do (`hack/lib/version.sh`); so does Cilium (`Makefile.defs`).
 */
export function linkerFlags(module: Binary['module']): string {
  if (module === 'cilium') return `-s -w -X ${CILIUM}/pkg/version.ciliumVersion=${ciliumVersion().slice(1)}`;
  if (!module.startsWith('kube')) return '-s -w';
  const version = pinned(`${module}/go.mod`, KUBERNETES);
  const [major, minor] = version.slice(1).split('.');
  const set = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`;
  return ['-s -w', set('gitVersion', version), set('gitMajor', `${major}`), set('gitMinor', `${minor}`)].join(
    ' ',
  );
}

/**
 * The first part of a cached build's folder name: the same for every Go version. The whole name ends in the Go
 * version, so that a machine without Go can still use what is there.
 */
export function cacheKeyPrefix(group: AssetGroup = CONTROL_PLANE): string {
  const hash = createHash('sha256');
  for (const file of group.moduleFiles) hash.update(read(file));
  const flags = group.binaries.at(-1)?.module ?? 'kube';
  hash.update(JSON.stringify(group.binaries)).update(linkerFlags(flags));
  if (group.sources) hash.update(JSON.stringify(group.sources));
  const { platform, arch } = process;
  return `${group.label()}-${hash.digest('hex').slice(0, 12)}-${platform}-${arch}-`;
}

/** Where builds are kept: `$XDG_CACHE_HOME/die-operator/assets`, by default under ~/.cache. */
export function cacheRoot(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'die-operator', 'assets');
}

function pinned(file: string, module: string): string {
  const line = read(file)
    .split('\n')
    .find((text) => text.includes(`${module} v`));
  const version = line?.split(`${module} `)[1]?.split(' ')[0];
  if (version === undefined) throw new Error(`test/cluster/${file} does not require ${module}`);
  return version;
}

function read(file: string): string {
  return readFileSync(join(import.meta.dirname, file), 'utf8');
}
