// Finds the S3 server for a whole run, and tells its tests where it is, or why there is none.
import type { ProvidedContext } from 'vitest';
import type { TestProject } from 'vitest/node';
import { ensureS3Server } from './assets.ts';
import { endStaleRuns } from './run-folder.ts';

/** Where the S3 server is, or why there is none. */
export type S3Server = { binary: string } | { missing: string };

declare module 'vitest' {
  interface ProvidedContext {
    s3Server: S3Server;
  }
}

/**
 * Global setup: builds the server if need be. Where there is none the tests are skipped, except under `CI=true`: there
 * a skipped test would pass for a tested one.
 */
export async function setup(project: TestProject): Promise<void> {
  if ((project.getProvidedContext() as Partial<ProvidedContext>).s3Server) return;
  await endStaleRuns();
  const search = await ensureS3Server((line) => process.stderr.write(`${line}\n`));
  if (!search.found && process.env['CI'] === 'true') throw new Error(search.reason);
  project.provide('s3Server', search.found ? { binary: search.binary } : { missing: search.reason });
}
