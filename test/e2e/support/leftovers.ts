// What of this machine a cluster could leave changed, as lines that can be compared.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hierarchies } from './cgroups.ts';
import { BASE } from './places.ts';

const NAMESPACES = ['mnt', 'net', 'pid'] as const;
const SYSCTLS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'net/ipv4/ip_forward',
];

/** Where Kubernetes, containerd, CNI and Cilium keep things by default. */
const FOLDERS = [
  BASE,
  '/etc/cni',
  '/opt/cni',
  '/opt/containerd',
  '/run/cilium',
  '/run/containerd',
  '/run/netns',
  '/sys/fs/bpf/cilium',
  '/sys/fs/bpf/tc',
  '/usr/libexec/kubernetes',
  '/var/lib/cni',
  '/var/lib/containerd',
  '/var/lib/kubelet',
  '/var/log/containers',
  '/var/log/pods',
];

/** Lines by what they are about. */
export type MachineState = Record<
  'mounts' | 'namespaces' | 'processes' | 'links' | 'routes' | 'cgroups' | 'sysctls' | 'folders',
  string[]
>;

/** See the file's first line. Of processes only those count that are in namespaces of their own, or name a cluster. */
export function machineState(): MachineState {
  return {
    mounts: readFileSync('/proc/mounts', 'utf8').trim().split('\n').toSorted(),
    namespaces: foreignNamespaces(),
    processes: processesNaming(BASE),
    links: readdirSync('/sys/class/net').toSorted(),
    routes: execFileSync('ip', ['route', 'show', 'table', 'all'], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .toSorted(),
    cgroups: hierarchies().flatMap(groupsIn).toSorted(),
    sysctls: SYSCTLS.map((name) => `${name} ${readFileSync(`/proc/sys/${name}`, 'utf8').trim()}`),
    folders: FOLDERS.filter((path) => existsSync(path)),
  };
}

/** Namespaces of processes that are not those of this one. */
function foreignNamespaces(): string[] {
  const own = new Set(NAMESPACES.map((kind) => readlinkSync(`/proc/self/ns/${kind}`)));
  const links = pids().flatMap((pid) => NAMESPACES.map((kind) => namespaceOf(pid, kind)));
  return [...new Set(links)].filter((link) => link !== '' && !own.has(link)).toSorted();
}

function namespaceOf(pid: string, kind: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return '';
  }
}

function processesNaming(text: string): string[] {
  return pids().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

function pids(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

/** Deeper ones belong to who made these, and come and go without us. */
function groupsIn(hierarchy: string): string[] {
  const entries = readdirSync(hierarchy, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${hierarchy}/${name}`);
}
