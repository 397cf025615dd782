// A lock between processes, on a file: held by one at a time and freed by the system when its holder dies.
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_MS = 500;
/** SQLite's result code for "somebody else holds the lock". */
const SQLITE_BUSY = 5;

/**
 * Runs `work` while holding the lock. Waits as long as it takes, and calls `onWait` once when it has to. The lock is
 * SQLite's: the one portable file lock that Node has; there is nothing in the database.
 */
export async function withFileLock<T>(path: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    for (let told = false; !tryLock(database); await sleep(RETRY_MS)) {
      if (!told) onWait();
      told = true;
    }
    return await work();
  } finally {
    database.close();
  }
}

function tryLock(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
