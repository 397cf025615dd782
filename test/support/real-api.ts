// Vitest global setup: one real control plane for all suites of a run. Suites reach it through real-api-test.ts.
import type { TestProject } from 'vitest/node';
import { startControlPlane } from './api-server.ts';
import { ensureAssets, type Assets } from './assets.ts';
import type { ClusterAccess } from './cluster-access.ts';

/** What the suites get: the way to the control plane, or why there is none. */
export type RealApi = { access: ClusterAccess; assets: Assets } | { missing: string };

declare module 'vitest' {
  interface ProvidedContext {
    realApi: RealApi;
  }
}

/**
 * Starts the control plane, building it first if need be, and returns what ends it. Without binaries and Go the suites
 * are skipped, except under `CI=true`: there a skipped suite would pass for a tested one.
 */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const search = await ensureAssets((line) => process.stderr.write(`${line}\n`));
  if (!search.found) {
    if (process.env['CI'] === 'true') throw new Error(search.reason);
    project.provide('realApi', { missing: search.reason });
    return undefined;
  }
  const plane = await startControlPlane(search.assets);
  project.provide('realApi', { access: plane.access, assets: search.assets });
  return () => plane.stop();
}
