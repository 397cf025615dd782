// The processes of a cluster: each carries the cluster's id in its environment, so that also one is found of which no record
// was written.
import { readdirSync, readFileSync } from 'node:fs';
import { startTime, type ProcessId } from '../../support/processes.ts';
import type { Places } from './places.ts';

const MARK = 'DIE_OPERATOR_E2E';
/** Where Debian keeps mount, iptables, nft. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The arguments of `env` that put the id, and nothing of this process's own environment, into that of a command: a proxy
 * that is meant for the internet would be asked for the node.
 */
export function cleanEnvironment({ id, folder }: Places): string[] {
  return ['-i', `${MARK}=${id}`, `PATH=${folder}/bin:${SYSTEM_PATH}`, 'HOME=/root'];
}

/** All processes that carry the id. Those in containers do not; they end with the node. */
export function processesOf({ id }: Places): ProcessId[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => environmentOf(pid).includes(`${MARK}=${id}`)).flatMap(identify);
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function identify(pid: string): ProcessId[] {
  const startedAt = startTime(Number(pid));
  return startedAt === undefined ? [] : [{ pid: Number(pid), startedAt }];
}
