// Installs the project's CustomResourceDefinitions into a test's API server.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { call, type ClusterAccess } from './cluster-access.ts';

/** The part of a CustomResourceDefinition that is read here. */
export interface Crd {
  metadata: { name: string };
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

/** Folder of the generated documents. */
export const CRD_FOLDER = join(import.meta.dirname, '../../crds');

const COLLECTION = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const POLL_MS = 50;
const UNTIL_MS = 15_000;

/** Names of the documents in {@link CRD_FOLDER}. */
export function crdNames(): string[] {
  return documents().map(({ metadata }) => metadata.name);
}

/**
 * Creates them unless they are there, and waits until they can be used. Suites of one run share them. Rejects with the
 * server's own words.
 */
export async function installCrds(access: ClusterAccess): Promise<void> {
  for (const document of documents()) {
    const { status, body } = await call(access, { method: 'POST', path: COLLECTION, body: document });
    if (status !== 201 && status !== 409)
      throw new Error(`${document.metadata.name}: ${JSON.stringify(body)}`);
    await established(access, document.metadata.name);
  }
}

/** Waits until the definition is served, and returns it. */
export async function established(access: ClusterAccess, name: string): Promise<Crd> {
  const end = performance.now() + UNTIL_MS;
  for (;;) {
    const crd = (await call(access, { path: `${COLLECTION}/${name}` })).body as Crd;
    const conditions = crd.status?.conditions ?? [];
    if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return crd;
    if (performance.now() > end) throw new Error(`${name} is not established: ${JSON.stringify(conditions)}`);
    await sleep(POLL_MS);
  }
}

function documents(): Crd[] {
  const files = globSync(join(CRD_FOLDER, '*.yaml')).map(
    (file) => parse(readFileSync(file, 'utf8')) as Crd & { kind: string },
  );
  return files.filter(({ kind }) => kind === 'CustomResourceDefinition');
}
