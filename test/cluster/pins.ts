// What the tests' control plane is made of: the pinned Go modules of this folder, and where their builds are cached.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** One binary: its name, the folder here whose go.mod pins it, and its Go package. */
export interface Binary {
  readonly name: 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kubectl';
  readonly module: 'etcd' | 'kube';
  readonly goPackage: string;
}

/** In build order: the short one first, so that a broken set-up is seen early. */
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

const MODULE_FILES = ['etcd/go.mod', 'etcd/go.sum', 'kube/go.mod', 'kube/go.sum'];

/** Folder of one of the Go modules. */
export function moduleFolder(module: Binary['module']): string {
  return join(import.meta.dirname, module);
}

/** The Kubernetes version that kube/go.mod asks for, e.g. `v1.36.3`. */
export function kubernetesVersion(): string {
  const version = /k8s\.io\/kubernetes (v[0-9.]+)/.exec(read('kube/go.mod'))?.[1];
  if (version === undefined) throw new Error('test/cluster/kube/go.mod does not require k8s.io/kubernetes');
  return version;
}

/**
 * The linker's flags. Kubernetes reports v0.0.0-master unless its version is set from outside, as its own release
 * scripts do (`hack/lib/version.sh`).
 */
export function linkerFlags(module: Binary['module']): string {
  if (module === 'etcd') return '-s -w';
  const version = kubernetesVersion();
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
export function cacheKeyPrefix(): string {
  const hash = createHash('sha256');
  for (const file of MODULE_FILES) hash.update(read(file));
  hash.update(JSON.stringify(BINARIES)).update(linkerFlags('kube'));
  const { platform, arch } = process;
  return `${kubernetesVersion()}-${hash.digest('hex').slice(0, 12)}-${platform}-${arch}-`;
}

/** Where builds are kept: `$XDG_CACHE_HOME/die-operator/assets`, by default under ~/.cache. */
export function cacheRoot(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'die-operator', 'assets');
}

function read(file: string): string {
  return readFileSync(join(import.meta.dirname, file), 'utf8');
}
