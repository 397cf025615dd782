// `die-operator verify-images -f`: registries that are asked, exit codes, and the text.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { runProgram } from '../../support/printed.ts';
import { digestOf, startRegistry } from '../registry/support.ts';
import { A, B, deployment, digest, judged, policy, WEB } from './verify-images-manifests.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verify-images-'));
});
afterEach(async () => {
  process.exitCode = undefined;
  await rm(folder, { recursive: true });
});

describe('with --registry', () => {
  const MANIFEST = JSON.stringify({ config: { digest: digest('c') } });
  const INDEX = JSON.stringify({ manifests: [{ digest: digestOf(MANIFEST) }] });
  const DOCUMENTS: Readonly<Record<string, [string, string]>> = {
    [digestOf(MANIFEST)]: [MANIFEST, 'application/vnd.oci.image.manifest.v1+json'],
    [digestOf(INDEX)]: [INDEX, 'application/vnd.oci.image.index.v1+json'],
  };

  async function withRegistry(work: (host: string) => Promise<void>, broken = false): Promise<void> {
    const registry = await startRegistry((request, response) => {
      const [text, type] = DOCUMENTS[request.url?.split('/').at(-1) ?? ''] ?? [];
      if (broken) response.writeHead(500).end();
      else if (text === undefined || type === undefined) response.writeHead(404).end();
      else response.setHeader('content-type', type).end(text);
    });
    onTestFinished(() => registry.close());
    await work(registry.host);
  }
  const listing = (image: string) => policy('p', { approvedImages: [image] });

  test('a manifest that is in the approved index is approved', async () => {
    await withRegistry(async (host) => {
      const [image, index] = [`${host}/web@${digestOf(MANIFEST)}`, `${host}/web@${digestOf(INDEX)}`];
      const around = [deployment(image), listing(index)];
      expect((await judged(around)).verdicts).toEqual(['Unapproved/NotListed']);
      const asked = await judged(around, '--registry', host);
      expect([asked.verdicts, asked.code, asked.problems]).toEqual([['Approved/Listed'], 0, []]);
    });
  });

  test('a digest that the registry does not have is not approved', async () => {
    await withRegistry(async (host) => {
      const found = await judged([deployment(`${host}/web@${A}`)], '--registry', host);
      expect([found.verdicts, found.code]).toEqual([['Unapproved/NotInRegistry'], 1]);
      const other = await judged([deployment(`${host}/web@${digestOf(MANIFEST)}`)], '--registry', host);
      expect([other.verdicts, other.code]).toEqual([['Approved/Pinned'], 0]);
    });
  });

  test('it is not known what a registry does not tell', async () => {
    await withRegistry(async (host) => {
      const found = await judged([deployment(`${host}/web@${A}`)], '--registry', host);
      expect([found.verdicts, found.code]).toEqual([['Unverifiable/NoRegistry'], 2]);
      expect(found.problems).toEqual([
        { kind: 'Registry', message: expect.stringContaining('it answers 500') as string },
      ]);
      const listed = [deployment(`${host}/web@${A}`), listing(`${host}/web@${B}`)];
      expect((await judged(listed, '--registry', host)).verdicts).toEqual(['Unverifiable/NoRegistry']);
    }, true);
  });

  test('one that hangs is waited for no longer than --timeout', async () => {
    const registry = await startRegistry(() => {});
    onTestFinished(() => registry.close());
    const [first, second] = ['web', 'api'].map((name) => `${registry.host}/${name}`);
    const args = ['--registry', registry.host, '--timeout', '1s'];
    // Of one it is asked whether it is there, of the other one whether it is what a list has.
    const objects = [deployment(`${first}@${A}`), deployment(`${second}@${A}`), listing(`${second}@${B}`)];
    const { code, problems, verdicts } = await judged(objects, ...args);
    expect(verdicts).toEqual(['Unverifiable/NoRegistry', 'Unverifiable/NoRegistry']);
    expect(code).toBe(2);
    expect(problems[0]?.message).toContain('not all answers came within 1 s');
    // A request alone would be given up after 10 s.
  }, 5_000);
});

describe('the exit code', () => {
  test('is 1 with --strict for a tag', async () => {
    expect((await judged([deployment(`${WEB}:1`)], '--strict')).code).toBe(1);
  });

  test('is 2 for a file that is none, and the others are judged', async () => {
    await writeFile(join(folder, 'broken.yaml'), 'a: [');
    const { rows, problems, code } = await judged(
      [deployment(`${WEB}@${A}`)],
      '-f',
      join(folder, 'broken.yaml'),
    );
    expect([rows.length, problems[0]?.kind, code]).toEqual([1, 'File', 2]);
  });

  test('is 0 for a patch without images, which is told', async () => {
    const patch = deployment('', { spec: { template: { spec: { containers: [{ name: 'web' }] } } } });
    const { rows, problems, code } = await judged([patch]);
    expect([rows, code]).toEqual([[], 0]);
    expect(problems).toEqual([
      { kind: 'Image', message: expect.stringContaining('names no image') as string },
    ]);
  });

  test.each([
    [['-A', '-n', 'shop'], 'leave --namespace out'],
    [['-f', 'x', '-A'], 'leave --all-namespaces and --selector out'],
    [['-f', 'x', '-l', 'app=web'], 'leave --all-namespaces and --selector out'],
    [['-f', 'x', '--context', 'c'], 'leave --kubeconfig and --context out'],
    [['--registry-credentials-file', 'x'], 'name them with --registry'],
    [['--registry', 'https://registry.example'], 'must be a host'],
    [['--timeout', '1h'], 'from 1s to 10m'],
    [['-o', 'yaml'], 'Allowed choices'],
  ])('is 2 for wrong usage: %o', async (args, message) => {
    const { err, code } = await runProgram('verify-images', ...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});

test('text has a row for each container with its place, the findings below, and the counts', async () => {
  const file = join(folder, 'all.yaml');
  const objects = [
    deployment(`${WEB}:1@${B}`),
    policy('p', { approvedImages: [`${WEB}@${A}`] }),
    deployment('busybox\u001b[2J', { metadata: { name: 'tool' } }),
  ];
  await writeFile(file, objects.map((one) => `${JSON.stringify(one)}\n`).join('---\n'));
  const { out, err, code } = await runProgram('verify-images', '-f', file, '-n', 'tools');
  expect({ err, code }).toEqual({ err: '', code: 1 });
  const pad = ' '.repeat(file.length - 2);
  expect(out.split('\n')).toEqual([
    `FILE${pad}  OBJECT           CONTAINER  VERDICT     IMAGE`,
    `${file}:1  Deployment/web   web        Unapproved  ${WEB}:1@sha256:bbbbbbbbbbbb…`,
    `${file}:5  Deployment/tool  web        MutableTag  busybox⟨U+001B⟩[2J`,
    '',
    `Unapproved ${file}:1 Deployment/web: container web names ${B}, which is not on the list of approved images of DriftPolicy p (approved: ${A}; no registry was asked, which could call the two one image)`,
    'MutableTag 1 container: the image names no digest: whoever may push decides what runs under its tag',
    '',
    '2 containers of 2 pods and templates: 1 Unapproved, 1 MutableTag',
    '',
  ]);
});
