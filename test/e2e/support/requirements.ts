// What this machine lacks for a real node, in words for people.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGES = join(import.meta.dirname, '../../cluster/packages.txt');
/** Of the kernel: overlayfs for containers, the BPF file system for the network's programs. */
const FILE_SYSTEMS = ['overlay', 'bpf'];

/** A package of the list, and a file by which it is known. */
export interface RequiredPackage {
  readonly name: string;
  readonly file: string;
}

/** Reads `test/cluster/packages.txt`. */
export function requiredPackages(text = readFileSync(PACKAGES, 'utf8')): RequiredPackage[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [name = '', file = ''] = line.split(' ');
    return { name, file };
  });
}

/** The first thing that is missing and what to do about it, or undefined when nothing is. */
export function missingRequirement(): string | undefined {
  if (process.platform !== 'linux') return `A real node needs Linux; this is ${process.platform}.`;
  if (process.getuid?.() !== 0) return 'A real node needs root: it makes namespaces, mounts and cgroups.';
  return missingPackages(requiredPackages()) ?? missingKernelFeature();
}

/** Names those whose files are not there, as a command for Debian that brings them. */
export function missingPackages(required: readonly RequiredPackage[]): string | undefined {
  const names = required.filter(({ file }) => !existsSync(file)).map(({ name }) => name);
  if (names.length === 0) return undefined;
  return `A real node needs system packages: apt-get install --no-install-recommends ${names.join(' ')}`;
}

function missingKernelFeature(): string | undefined {
  const known = readFileSync('/proc/filesystems', 'utf8').split(/\s+/);
  const fileSystem = FILE_SYSTEMS.find((name) => !known.includes(name));
  if (fileSystem !== undefined)
    return `The kernel has no file system ${fileSystem}, which a real node needs.`;
  try {
    execFileSync(
      'unshare',
      ['--mount', '--net', '--pid', '--fork', 'ip', 'link', 'add', 'v0', 'type', 'veth'],
      {
        stdio: 'pipe',
      },
    );
  } catch (error) {
    const why = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    return `This machine lets nobody make namespaces with a network of their own, which a real node needs: ${why}`;
  }
  return undefined;
}
