// Manifests for tests of `die-operator verify-images -f`, and what it makes of them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { runProgram } from '../../support/printed.ts';

/** A digest of that digit. */
export const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
export const [A, B] = [digest('a'), digest('b')];
export const WEB = 'registry.example/shop/web';

/** Of a pod with these images. */
export const spec = (...images: string[]) => ({
  containers: images.map((image, index) => ({ name: index === 0 ? 'web' : `side-${index}`, image })),
});
/** In the namespace shop. */
export const deployment = (image: string, change: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { template: { metadata: { labels: { app: 'web' } }, spec: spec(image) } },
  ...change,
});
/** A DriftPolicy of shop, or one of the cluster. */
export const policy = (name: string, of: object, kind = 'DriftPolicy') => ({
  apiVersion: 'die-operator.dev/v1alpha1',
  kind,
  metadata: { name, ...(kind === 'DriftPolicy' && { namespace: 'shop' }) },
  spec: { responses: [{ name: 'note', actions: ['Label'] }], ...of },
});
export const cluster = (name: string, of: object) => policy(name, of, 'ClusterDriftPolicy');
/** A list of approved images. */
export const listOf = (namespace: string, data: object) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'die-operator-approved-images', namespace },
  data,
});
/** The namespace shop. */
export const space = (labels: object) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', labels },
});

/** What the JSON has of a container, as far as tests look at it. */
export interface Row {
  object: string;
  source: string;
  namespace: string;
  container: string;
  kind: string;
  verdict: string;
  reason: string;
  approved: string | null;
  message: string;
}
/** What came out. */
export interface Judged {
  rows: Row[];
  verdicts: string[];
  problems: { kind: string; message: string }[];
  code: number;
}

/** Writes each object into a document of one file, and has that judged. */
export async function judged(objects: readonly object[], ...args: string[]): Promise<Judged> {
  const folder = await mkdtemp(join(tmpdir(), 'verify-images-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'all.yaml');
  await writeFile(file, objects.map((one) => `${JSON.stringify(one)}\n`).join('---\n'));
  const { out, code } = await runProgram('verify-images', '-f', file, '-o', 'json', ...args);
  process.exitCode = undefined;
  const { images, problems } = JSON.parse(out) as { images: Row[]; problems: Judged['problems'] };
  return {
    rows: images,
    verdicts: images.map(({ verdict, reason }) => `${verdict}/${reason}`),
    problems,
    code,
  };
}
