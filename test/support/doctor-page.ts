// What `die-operator doctor` prints of a test's cluster, in the words of docs/doctor.md.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const DIGITS = 'a'.repeat(64);

/** What helper pods run. */
export const IMAGE = `registry.example/die-operator@sha256:${DIGITS}`;

/** Names of the test's own, which the page has others for. */
export interface OwnNames {
  node: string;
  namespace: string;
  /** Where evidence is kept. */
  folder: string;
}

/** The text with the names, times and versions that the page shows. */
export function asOnPage(text: string, { node, namespace, folder }: OwnNames): string {
  return text
    .replaceAll(node, 'node-1')
    .replaceAll(namespace, 'shop')
    .replaceAll(folder, '/var/lib/die-operator/evidence')
    .replace(/shop\/web-\S+/, 'shop/web-7d4b9c6f5-x2x1q')
    .replace(/tested at [^)]*/, 'tested at 2026-11-23T05:41:52.651Z')
    .replace(/(came at|asked for at) [^\s]*/g, '$1 2026-11-23T05:41:52.651Z')
    .replace(/Kubernetes v\S+/, 'Kubernetes v1.36.3')
    .replaceAll(DIGITS, '<64 hex digits>');
}

/** The page, and the lines of its example but the last, which counts. */
export async function readDoctorPage(): Promise<{ page: string; shown: string[] }> {
  const page = await readFile(join(import.meta.dirname, '../../docs/doctor.md'), 'utf8');
  const [, example = ''] = /^```text\n([\s\S]*?)^```$/m.exec(page) ?? [];
  return { page, shown: example.split('\n').slice(0, -2) };
}
