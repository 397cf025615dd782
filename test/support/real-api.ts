// One real control plane for all suites of a run. As a Vitest global setup, or opened by who runs several suites and
// provided to each. Suites reach it through real-api-test.ts.
import type { ProvidedContext } from 'vitest';
import type { TestProject } from 'vitest/node';
import { startControlPlane } from './api-server.ts';
import { ensureAssets, type Assets } from './assets.ts';
import type { ClusterAccess } from './cluster-access.ts';

/** What the suites get: the way to the control plane, or why there is none and what to do. */
export type RealApi = { access: ClusterAccess; assets: Assets } | { missing: string };

/** A control plane in the background, or the reason why there is none. */
export interface OpenRealApi {
  api: RealApi;
  close: () => Promise<void>;
}

declare module 'vitest' {
  interface ProvidedContext {
    realApi: RealApi;
  }
}

/** Starts the control plane, building it first if need be; without binaries and Go there is none. */
export async function openRealApi(): Promise<OpenRealApi> {
  const search = await ensureAssets((line) => process.stderr.write(`${line}\n`));
  if (!search.found) return { api: { missing: search.reason }, close: () => Promise.resolve() };
  const plane = await startControlPlane(search.assets);
  return { api: { access: plane.access, assets: search.assets }, close: () => plane.stop() };
}

/**
 * Opens the control plane unless the run provides one, and returns what ends it. Where there is none the suites are
 * skipped, except under `CI=true`: there a skipped suite would pass for a tested one.
 */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if ((project.getProvidedContext() as Partial<ProvidedContext>).realApi) return undefined;
  const { api, close } = await openRealApi();
  if ('missing' in api && process.env['CI'] === 'true') throw new Error(api.missing);
  project.provide('realApi', api);
  return close;
}
