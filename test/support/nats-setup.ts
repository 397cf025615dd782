// Finds the NATS server for a whole run, and tells its tests where it is, or why there is none.
import type { ProvidedContext } from 'vitest';
import type { TestProject } from 'vitest/node';
import { ensureNatsServer } from './assets.ts';
import { endStaleRuns } from './run-folder.ts';

/** Where the NATS server is, or why there is none. */
export type NatsServer = { binary: string } | { missing: string };

declare module 'vitest' {
  interface ProvidedContext {
    natsServer: NatsServer;
  }
}

/**
 * Global setup: builds the server if need be. Where there is none the tests are skipped, except under `CI=true`: there
 * a skipped test would pass for a tested one.
 */
export async function setup(project: TestProject): Promise<void> {
  if ((project.getProvidedContext() as Partial<ProvidedContext>).natsServer) return;
  await endStaleRuns();
  const search = await ensureNatsServer((line) => process.stderr.write(`${line}\n`));
  if (!search.found && process.env['CI'] === 'true') throw new Error(search.reason);
  project.provide('natsServer', search.found ? { binary: search.binary } : { missing: search.reason });
}
