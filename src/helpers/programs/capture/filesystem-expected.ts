// What a runtime itself leaves in a container's layer: places to mount something on. No drift, and nobody can hide anything in it.
import { typeOf, type Seen } from './changes.ts';
import type { ByteText } from './walk-directory.ts';

/** Files that each pod gets mounted; where the image has none, the runtime makes an empty one. */
const MOUNTED_FILES = new Set(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf']);
/** Directories that get mounted in each container, with and without the link that many images have for /var/run. */
const MOUNTED_DIRECTORIES = [
  '/dev',
  '/proc',
  '/sys',
  '/var/run/secrets/kubernetes.io/serviceaccount',
  '/run/secrets/kubernetes.io/serviceaccount',
  '/etc/hosts',
];
const [SETUID, SETGID] = [0o4000n, 0o2000n];

/** Mount points of the container, where they are known. */
export interface Expecting {
  mountPoints: ReadonlySet<ByteText>;
}

/** Why an entry that the image does not have is the runtime's; undefined if it is not. */
export function madeByRuntime({ mountPoints }: Expecting, path: ByteText, now: Seen): string | undefined {
  const type = typeOf(now.stats);
  if (type === 'File') return fileReason(mountPoints, path, now);
  if (type === 'Directory') return directoryReason(mountPoints, path);
  const isMtab =
    type === 'Symlink' && path === '/etc/mtab' && now.target?.toString('latin1') === '/proc/mounts';
  return isMtab ? 'a link that runtimes make for programs that list mounts' : undefined;
}

// Only an empty one: what is in it would be hidden by what is mounted on it.
function fileReason(mountPoints: ReadonlySet<ByteText>, path: ByteText, { stats }: Seen): string | undefined {
  if (stats.size > 0n || (stats.mode & (SETUID | SETGID)) !== 0n) return undefined;
  if (MOUNTED_FILES.has(path)) return 'an empty file that the kubelet mounts one upon';
  return mountPoints.has(path) ? 'an empty file that something is mounted on' : undefined;
}

// What lies in such a directory is looked at on its own.
function directoryReason(mountPoints: ReadonlySet<ByteText>, path: ByteText): string | undefined {
  if (leadsTo(path, MOUNTED_DIRECTORIES)) return 'a directory that every container has something mounted on';
  return leadsTo(path, mountPoints) ? 'a directory that something is mounted on, or below' : undefined;
}

function leadsTo(path: ByteText, places: Iterable<ByteText>): boolean {
  for (const place of places) if (place === path || place.startsWith(`${path}/`)) return true;
  return false;
}
