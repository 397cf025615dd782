// What the kernel says about a process, parsed: whatever it is given, the answer fits into a record and nothing is thrown.
import type { ProcessRecord } from '../../../api/process-record.ts';
import { capabilityNames } from './capabilities.ts';
import { cut } from './process-files.ts';

const MAX_ARGS = 256;
/** Longest path, and longest text of a record. */
export const MAX_TEXT = 4096;
/** Of a second; that of times in /proc on all machines that Node runs on. */
const TICKS = 100;
/** 9999-12-31, the last day that RFC 3339 has. */
const LAST_TIME = 253_402_300_799_999;

/** The parts of a record that come from /proc/PID/status. */
export type ProcessStatus = Pick<
  ProcessRecord,
  'namespacePids' | 'uids' | 'gids' | 'capabilities' | 'noNewPrivileges' | 'seccomp'
>;

/** Reads /proc/PID/status. The name in it cannot begin a line: the kernel escapes it. */
export function parseStatus(text: string): ProcessStatus {
  const lines = text.split('\n').map((line) => line.split(':\t', 2) as [string, string?]);
  const of = (key: string) => lines.find(([name]) => name === key)?.[1] ?? '';
  const [noNewPrivileges] = numbers(of('NoNewPrivs'), 1);
  const [seccomp] = numbers(of('Seccomp'), 1);
  return {
    // Not NSpid: of a thread that is its own, not the PID of its process.
    namespacePids: numbers(of('NStgid'), 33),
    uids: numbers(of('Uid'), 4),
    gids: numbers(of('Gid'), 4),
    capabilities: {
      effective: capabilityNames(of('CapEff')),
      permitted: capabilityNames(of('CapPrm')),
      bounding: capabilityNames(of('CapBnd')),
    },
    ...(noNewPrivileges !== undefined && { noNewPrivileges: noNewPrivileges > 0 }),
    ...(seccomp !== undefined && seccomp <= 2 && { seccomp }),
  };
}

function numbers(text: string, max: number): number[] {
  return text
    .split(/\s+/, max + 1)
    .filter((part) => /^[0-9]{1,15}$/.test(part))
    .slice(0, max)
    .map(Number);
}

/**
 * The arguments in /proc/PID/cmdline, each ended by NUL.
 * @returns `isCut` where there are more or longer ones than a record takes.
 */
export function parseArgs(cmdline: Buffer): { args: string[]; isCut: boolean } {
  const all = cmdline
    .toString('utf8')
    .replace(/\0$/, '')
    .split('\0', MAX_ARGS + 1);
  if (cmdline.length === 0) return { args: [], isCut: false };
  const args = all.slice(0, MAX_ARGS).map((arg) => cut(arg, MAX_TEXT));
  return { args, isCut: all.length > MAX_ARGS || all.some((arg) => arg.length > MAX_TEXT) };
}

/** The variables in /proc/PID/environ, as `NAME=value`; empty ones are left out. */
export function parseEnvironment(environ: Buffer): string[] {
  return environ
    .toString('utf8')
    .split('\0')
    .filter((variable) => variable !== '');
}

const DELETED = ' (deleted)';

/** What the link /proc/PID/exe says. A file whose own name ends in ` (deleted)` is taken for deleted, so its content is kept. */
export function parseExecutable(link: string): { path: string; deleted: boolean; memfd: boolean } {
  const deleted = link.endsWith(DELETED);
  const path = cut(deleted ? link.slice(0, -DELETED.length) : link, MAX_TEXT);
  return { path, deleted, memfd: deleted && path.startsWith('/memfd:') };
}

/** The inode of a socket, if the link of an open file names one. */
export function socketInode(target: string): number | undefined {
  const inode = Number(/^socket:\[([0-9]{1,15})\]$/.exec(target)?.[1]);
  return Number.isNaN(inode) ? undefined : inode;
}

/** When the machine started, in milliseconds since the epoch, from /proc/stat. Undefined where it does not say. */
export function bootTime(stat: string): number | undefined {
  const seconds = /^btime ([0-9]{1,12})$/m.exec(stat)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** When a process started, as RFC 3339. */
export function startTime(bootedAt: number, startTicks: number): string {
  return new Date(Math.min(bootedAt + startTicks * (1000 / TICKS), LAST_TIME)).toISOString();
}
