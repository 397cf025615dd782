// Takes down the cluster on record, whoever brought it up and however far that got. May be repeated.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { killAndWait, killNow } from '../../support/processes.ts';
import { removeCgroups } from './cgroups.ts';
import { processesOf } from './processes.ts';
import { removeRecord, type ClusterRecord } from './record.ts';

/**
 * Ends the node first, and with its first process everything inside: processes, mounts, network. Then the servers of the
 * host, also one that was started when there was no time left to put it on record. Call it under the lock. The record goes last, so that a broken-off attempt is followed by another.
 */
export async function takeDown({ places, processes, ready }: ClusterRecord): Promise<void> {
  const node = ready ? [ready.init] : [];
  node.forEach(killNow);
  // It is gone only when who started a program in it has seen that end, and that process may be stopped: kill it, too.
  await Promise.all([...node, ...processes, ...processesOf(places)].map(killAndWait));
  removeLink(places.link);
  await removeCgroups(places.cgroup);
  removeRecord();
}

/** The kernel removes it with the node's network, but not at once. */
function removeLink(link: string): void {
  if (!existsSync(`/sys/class/net/${link}`)) return;
  try {
    execFileSync('ip', ['link', 'delete', link], { stdio: 'pipe' });
  } catch (error) {
    if (existsSync(`/sys/class/net/${link}`)) throw error;
  }
}
