// An alert about a program that runs on after its file was deleted: what the operator's pods keep of the node, as a policy asks.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect } from 'vitest';
import { FileChangeSchema } from '../../src/api/file-change.ts';
import { isFinal, type DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { ProcessRecordSchema } from '../../src/api/process-record.ts';
import { CLUSTER_DRIFT_POLICIES, DRIFT_INCIDENTS, DRIFT_POLICIES } from '../../src/kube/resources.ts';
import { alertAbout } from '../support/alerts.ts';
import { aPolicy } from '../support/builders.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { plantedTest } from './support/planted-test.ts';

const PATIENCE_MS = 300_000;
const RESOLVED_MS = 200_000;
const CLI = join(import.meta.dirname, '../../bin/die-operator.js');
const POLICY = { evidence: { collectors: ['Processes', 'Filesystem'] } };
const DROP =
  'cp /bin/busybox /tmp/sleep && (setsid /tmp/sleep 900 </dev/null >/dev/null 2>&1 &) && sleep 1; rm /tmp/sleep; echo dropped >/tmp/added; rm /etc/app.conf';

/** Prints a directory as JSON: path to content in base64. */
const READ = `
const fs = require('node:fs'), path = require('node:path'), root = process.argv[1];
const entries = fs.readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const files = entries.map(({ parentPath, name }) => path.join(parentPath, name));
console.log(JSON.stringify(Object.fromEntries(files.map((file) => [path.relative(root, file), fs.readFileSync(file, 'base64')]))));
`;

const test = plantedTest
  .extend('folder', async ({}, { onCleanup }) => {
    const folder = await mkdtemp(join(tmpdir(), 'die-operator-evidence-'));
    onCleanup(() => rm(folder, { recursive: true }));
    return folder;
  })
  .extend('policies', async ({ client, namespace, operator, helpers }, { onCleanup }): Promise<string> => {
    expect([operator.receiverUrl, helpers]).toHaveLength(2);
    const { apiVersion, kind, spec } = aPolicy(POLICY);
    const metadata = { name: 'web' };
    await client.create(DRIFT_POLICIES, { namespace }, { apiVersion, kind, metadata, spec });
    const name = `grants-${namespace}`;
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
    const grants = { enforce: true, collectors: POLICY.evidence.collectors };
    const granting = { namespaceSelector, grants };
    const made = await client.create<KubeObject>(
      CLUSTER_DRIFT_POLICIES,
      {},
      { apiVersion, kind: 'ClusterDriftPolicy', metadata: { name }, spec: granting },
    );
    onCleanup(() => client.delete(CLUSTER_DRIFT_POLICIES, { name }, made.metadata.uid));
    return name;
  })
  // From the alert to the end; and the evidence, copied out of the responder's pod.
  .extend(
    'answered',
    ({ access, client, namespace, deploy, exec, operator, policies, folder }) =>
      async () => {
        expect(policies).toContain(namespace);
        const [suspect] = await deploy('web', 3);
        if (suspect === undefined) throw new Error('there is no pod');
        await exec(suspect, 'sh', '-c', DROP);
        const fields = { 'proc.exepath': '/tmp/sleep', 'proc.name': 'sleep' };
        await operator.post(alertAbout(suspect, { time: new Date().toISOString(), fields }));
        const incidents = async () =>
          (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items;
        const isOver = ([first]: DriftIncident[]) => first !== undefined && isFinal(first);
        const [incident] = await eventually('it is over', incidents, isOver, RESOLVED_MS);
        const [responder] = await operator.pods('responder');
        const location = incident?.status?.evidence?.location;
        if (!incident || !responder || location === undefined) throw new Error('there is no evidence');
        const read = ['exec', responder.metadata.name, '--', 'node', '-e', READ, location];
        const files = JSON.parse(await kubectl(access, '-n', SYSTEM_NAMESPACE, ...read)) as object;
        const copy = join(folder, 'copy');
        for (const [path, content] of Object.entries(files)) {
          await mkdir(dirname(join(copy, path)), { recursive: true });
          await writeFile(join(copy, path), content as string, 'base64');
        }
        await writeFile(join(folder, 'incident.json'), JSON.stringify(incident));
        return { incident, responder, location, copy };
      },
  );

async function cli(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { maxBuffer: 2 ** 26 });
  return stdout;
}

/** What is in the evidence is what was done in the pod. */
async function expectNode(copy: string): Promise<void> {
  const busybox = createHash('sha256')
    .update(await readFile('/bin/busybox'))
    .digest('hex');
  const text = (path: string) => readFile(join(copy, 'node', path), 'utf8');
  const processes = ProcessRecordSchema.array().parse(JSON.parse(await text('processes.json')));
  expect(processes.find(({ executable }) => executable.path === '/tmp/sleep')).toMatchObject({
    container: 'peer',
    args: ['/tmp/sleep', '900'],
    executable: { deleted: true, sha256: busybox, kept: expect.stringContaining(busybox) },
  });
  const kept = createHash('sha256').update(await readFile(join(copy, 'node/executables', busybox)));
  expect(kept.digest('hex')).toBe(busybox);
  const lines = (await text('filesystem.ndjson')).trim().split('\n');
  const changes = lines.map((line) => FileChangeSchema.parse(JSON.parse(line)));
  expect(changes.map(({ kind, path }) => `${kind} ${path}`).toSorted()).toEqual([
    'Added /tmp/added',
    'Deleted /etc/app.conf',
  ]);
}

function expectResolved({ status }: DriftIncident): void {
  expect(status).toMatchObject({ phase: 'Resolved', evidence: { problems: [] } });
}

describe('evidence of the node', () => {
  test(
    'is taken by a policy that may, and is whole',
    { timeout: PATIENCE_MS },
    async ({ answered, operator, folder }) => {
      const { incident, responder, location, copy } = await answered();
      expectResolved(incident);
      const { manifestSha256 = '' } = incident.status?.evidence ?? {};
      const verify = ['evidence', 'verify', location, '--sha256', manifestSha256];
      expect(await operator.program(responder, ...verify)).toContain('whole and unchanged');
      expect(
        await operator.program(responder, 'evidence', 'list', '--store', dirname(dirname(location))),
      ).toContain(incident.metadata.name);
      await expectNode(copy);
      const page = join(folder, 'report.html');
      await cli('report', '-f', join(folder, 'incident.json'), '--evidence', copy, '-o', page);
      const html = await readFile(page, 'utf8');
      for (const shown of ['/tmp/sleep', '/tmp/added', '/etc/app.conf']) expect(html).toContain(shown);
    },
  );

  test(
    'is encrypted to those who are to read it, on the node already',
    { timeout: PATIENCE_MS },
    async ({ access, answered, folder, operator }) => {
      const identity = await generateX25519Identity();
      const recipient = await identityToRecipient(identity);
      const file = join(folder, 'identity.txt');
      await writeFile(file, `${identity}\n`);
      const ours = ['-n', SYSTEM_NAMESPACE];
      await kubectl(
        access,
        ...ours,
        'set',
        'env',
        'deployment/responder',
        `DIE_EVIDENCE_RECIPIENTS=${recipient}`,
      );
      await kubectl(access, ...ours, 'rollout', 'status', 'deployment/responder', '--timeout=90s');
      expect(await operator.pods('responder')).toHaveLength(1);

      const { incident, copy, location } = await answered();
      expectResolved(incident);
      const { manifestSha256 = '' } = incident.status?.evidence ?? {};
      const listing = join(copy, 'node/filesystem.ndjson.age');
      expect((await readFile(listing)).subarray(0, 21).toString()).toBe('age-encryption.org/v1');
      const verify = ['evidence', 'verify', copy, '--sha256', manifestSha256, '--identity', file];
      expect(await cli(...verify)).toContain('whole and unchanged');

      const store = join(folder, 'store');
      const name = incident.metadata.name;
      const { namespace = '' } = incident.metadata;
      const laid = join(store, namespace, location.split('/').at(-1) ?? '');
      await mkdir(dirname(laid), { recursive: true });
      await promisify(execFile)('cp', ['-r', copy, laid]);
      const plain = join(folder, 'plain');
      await cli(
        'evidence',
        'get',
        `${namespace}/${name}`,
        '--store',
        store,
        '--to',
        plain,
        '--identity',
        file,
      );
      await expectNode(plain);

      const page = join(folder, 'report.html');
      const report = ['report', '-f', join(folder, 'incident.json'), '--evidence', copy, '-o', page];
      await cli(...report);
      expect(await readFile(page, 'utf8')).not.toContain('/etc/app.conf');
      await cli(...report, '--identity', file);
      const html = await readFile(page, 'utf8');
      for (const shown of ['/tmp/sleep', '/tmp/added', '/etc/app.conf']) expect(html).toContain(shown);
    },
  );
});
