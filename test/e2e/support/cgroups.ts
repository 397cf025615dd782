// The node's part of the machine's control groups, of either version.
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';
/** A group can be removed once its last process is gone for good, which takes the kernel a moment. */
const REMOVAL_TRIES = 100;
const RETRY_MS = 50;

/** Makes the group in each hierarchy: kubelet wants the one that it is told to use to be there. */
export function makeCgroups(name: string): void {
  for (const hierarchy of hierarchies()) mkdirSync(join(hierarchy, name), { recursive: true });
}

/** Removes the groups and all below them. Rejects when processes are still in them. */
export async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of hierarchies()) {
    for (let tries = 1; !tryRemove(join(hierarchy, name)); tries++) {
      if (tries === REMOVAL_TRIES) throw new Error(`${join(hierarchy, name)} still holds processes`);
      await sleep(RETRY_MS);
    }
  }
}

/** Version 2 has one hierarchy; version 1 a folder for each, some of them links. */
export function hierarchies(root = ROOT): string[] {
  if (existsSync(join(root, 'cgroup.controllers'))) return [root];
  const entries = readdirSync(root, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
}

function tryRemove(group: string): boolean {
  if (!existsSync(group)) return true;
  const below = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  try {
    for (const { name } of below) tryRemove(join(group, name));
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}
