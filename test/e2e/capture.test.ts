// Evidence of the node, taken on a real one: what a pod runs and has deleted, what it has written; and what the pod that
// reads it all can and cannot do there.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect } from 'vitest';
import { FileChangeSchema } from '../../src/api/file-change.ts';
import { CAPTURE_NAMESPACE } from '../../src/api/names.ts';
import { ProcessRecordSchema } from '../../src/api/process-record.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { capture } from '../../src/evidence/capture.ts';
import type { CollectContext } from '../../src/evidence/collector.ts';
import { DEFAULT_ROOTS } from '../../src/helpers/helper-settings.ts';
import { helperPod } from '../../src/helpers/pod.ts';
import { deadline, systemClock } from '../../src/kube/clock.ts';
import { NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { nodeCollector, type NodeRequest } from '../../src/respond/node-capture.ts';
import { anIncident } from '../support/builders.ts';
import { kubectl } from '../support/manifests.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { eventually } from '../support/real-api-test.ts';
import { installHelpers, removeHelpers } from './support/components.ts';
import type { RunningPod } from './support/node-test.ts';
import { pushHelperImage } from './support/operator-image.ts';
import { operatorTest } from './support/operator-test.ts';

const PATIENCE_MS = 240_000;
const NODE: NodeRequest = {
  collectors: ['Processes', 'Filesystem'],
  contents: true,
  maxBytes: 64 * 1024 * 1024,
  withinMs: 90_000,
  recipients: [],
};

const test = operatorTest
  .extend('helpers', async ({ access, client, installation, node }, { onCleanup }): Promise<string> => {
    if (installation === undefined) throw new Error('there is no installation');
    const { name, digest } = await pushHelperImage(node);
    const image = `${name}@${digest}`;
    onCleanup(async () => {
      await kubectl(
        access,
        '-n',
        CAPTURE_NAMESPACE,
        'delete',
        'networkpolicy',
        'tests',
        '--ignore-not-found',
      );
      await removeHelpers(access);
    });
    await installHelpers(access, installation.image, { image, profiles: 'canary, capture' });
    // These tests are outside of the cluster, from where nobody is let in.
    const from = [{ ipBlock: { cidr: `${node.places.hostAddress}/32` } }];
    await client.create(
      NETWORK_POLICIES,
      { namespace: CAPTURE_NAMESPACE },
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'tests' },
        spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from }] },
      },
    );
    return image;
  })
  // Captures the node of a pod as the responder does, from a process outside of the cluster.
  .extend(
    'captured',
    ({ client, helpers }) =>
      async (pod: RunningPod, request: Partial<NodeRequest> = {}) => {
        expect(helpers).toContain('@sha256:');
        const { namespace = '', name, uid } = pod.metadata;
        const { metadata, spec } = anIncident();
        const store = createMemoryStore({ clock: systemClock });
        const context: CollectContext = {
          client,
          clock: systemClock,
          target: { ...spec.target, namespace, name, uid },
          // Each pod has its own.
          incident: { namespace, name: metadata.name, uid: `incident-${uid}` },
          pod,
          signal: deadline(systemClock, 120_000).signal,
        };
        const began = performance.now();
        const collector = nodeCollector({ ...NODE, ...request }, { log: silentLogger });
        const summary = await capture([collector], context, store);
        const took = Math.round(performance.now() - began);
        process.stdout.write(`capture: ${summary.files} files, ${summary.bytes} bytes in ${took} ms\n`);
        const text = (path: string) => store.text(context.incident.uid, path) ?? '';
        return { summary, text, manifest: store.manifest(context.incident.uid) };
      },
  );

describe('a capture of the node', () => {
  test(
    'has the program that runs though its file was deleted, and the file that was added',
    { timeout: PATIENCE_MS },
    async ({ deploy, exec, captured, client }) => {
      const [pod] = await deploy('suspect', 1);
      if (pod === undefined) throw new Error('a pod is missing');
      const drop = 'cp /bin/busybox /tmp/sleep && setsid /tmp/sleep 3600 >/dev/null 2>&1 </dev/null & ';
      await exec(
        pod,
        'sh',
        '-c',
        `${drop} sleep 1; rm /tmp/sleep; echo dropped >/tmp/added; rm /etc/app.conf`,
      );
      const busybox = createHash('sha256')
        .update(await readFile('/bin/busybox'))
        .digest('hex');

      const { summary, text, manifest } = await captured(pod);
      expect(summary.problems).toEqual([]);
      expect(summary.missing).toEqual([]);
      const processes = ProcessRecordSchema.array().parse(JSON.parse(text('node/processes.json')));
      expect(processes.find(({ executable }) => executable.path === '/tmp/sleep')).toMatchObject({
        container: 'peer',
        args: ['/tmp/sleep', '3600'],
        executable: { deleted: true, sha256: busybox, kept: expect.stringContaining(busybox) },
      });
      const changes = text('node/filesystem.ndjson')
        .trim()
        .split('\n')
        .map((line) => FileChangeSchema.parse(JSON.parse(line)));
      const byPath = new Map(changes.map((change) => [change.path, change]));
      expect(byPath.get('/tmp/added')).toMatchObject({
        kind: 'Added',
        sha256: createHash('sha256').update('dropped\n').digest('hex'),
      });
      expect(byPath.get('/etc/app.conf')).toMatchObject({ kind: 'Deleted' });
      expect(manifest?.files.map(({ path }) => path)).toContain(`node/executables/${busybox}`);

      const left = await client.list<KubeObject>(PODS, { namespace: CAPTURE_NAMESPACE });
      expect(
        left.items.filter(({ metadata: { deletionTimestamp } }) => deletionTimestamp === undefined),
      ).toEqual([]);
    },
  );

  test(
    'of a second pod of the node waits for the first one',
    { timeout: PATIENCE_MS },
    async ({ deploy, captured }) => {
      const [first, second] = await deploy('suspects', 2);
      if (first === undefined || second === undefined) throw new Error('a pod is missing');
      const both = await Promise.all([captured(first), captured(second)]);
      for (const { summary } of both) expect(summary.missing).toEqual([]);
    },
  );
});

/** What the pod tries, as its user with its capabilities; printed as JSON. */
const TRIES = `
const fs = require('node:fs');
const tried = (work) => { try { work(); return 'done'; } catch (error) { return error.code ?? String(error); } };
const touch = (path) => tried(() => { fs.writeFileSync(path, 'x', { flag: 'wx' }); fs.rmSync(path); });
const status = fs.readFileSync('/proc/self/status', 'utf8');
const own = fs.readlinkSync('/proc/self/ns/mnt');
const pids = fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
const others = pids.filter((pid) => tried(() => fs.readlinkSync('/proc/' + pid + '/ns/mnt')) === 'done'
  && fs.readlinkSync('/proc/' + pid + '/ns/mnt') !== own);
const each = (work) => [...new Set(others.map((pid) => work('/proc/' + pid)))].sort();
console.log(JSON.stringify({
  uid: process.getuid(),
  effective: /CapEff:\\s*(\\S+)/.exec(status)[1],
  seen: others.length,
  environ: each((at) => tried(() => fs.readFileSync(at + '/environ'))),
  executable: each((at) => tried(() => fs.closeSync(fs.openSync(at + '/exe')))),
  shadow: each((at) => tried(() => fs.readFileSync(at + '/root/etc/shadow'))),
  folders: ['/host/containerd', '/host/kubelet', '/app', '/'].map((at) => touch(at + '/die-operator-proof')),
  roots: each((at) => touch(at + '/root/die-operator-proof')),
  etc: each((at) => touch(at + '/root/etc/die-operator-proof')),
  bin: each((at) => touch(at + '/root/usr/bin/die-operator-proof')),
  memory: each((at) => tried(() => fs.closeSync(fs.openSync(at + '/mem', 'r+')))),
  open: each((at) => touch(at + '/root/tmp/die-operator-proof')),
  killed: tried(() => process.kill(1, 0)),
}));
`;

describe('the pod that captures', () => {
  test(
    'reads what others own, and writes nothing that is not for everybody to write',
    { timeout: PATIENCE_MS },
    async ({ helpers, access, client, namespace, provided }) => {
      const made = helperPod({
        name: 'tries',
        profile: 'capture',
        image: helpers,
        node: provided.places.nodeName,
        args: [],
        lifetimeSeconds: 120,
        roots: DEFAULT_ROOTS,
      }) as KubeObject & { spec: { containers: object[] } };
      const containers = made.spec.containers.map((one) => ({
        ...one,
        command: ['/app/capture/node', '-e', TRIES],
      }));
      const metadata = { name: 'tries', namespace };
      await client.create(PODS, { namespace }, { ...made, metadata, spec: { ...made.spec, containers } });
      const read = () =>
        client.get<KubeObject & { status: { phase: string } }>(PODS, { namespace, name: 'tries' });
      await eventually('it ends', read, ({ status }) => /Succeeded|Failed/.test(status.phase), 60_000);
      const said = await kubectl(access, '-n', namespace, 'logs', 'tries');
      process.stdout.write(`capture: ${said}`);
      const found = JSON.parse(said) as Record<string, unknown>;
      expect(found).toMatchObject({
        uid: 65531,
        // DAC_READ_SEARCH and SYS_PTRACE.
        effective: '0000000000080004',
        folders: ['EROFS', 'EROFS', 'EROFS', 'EROFS'],
        killed: 'EPERM',
      });
      expect(found['seen']).toBeGreaterThan(3);
      expect(found['environ']).toContain('done');
      expect(found['executable']).toContain('done');
      for (const what of ['roots', 'etc', 'bin', 'memory'])
        expect([what, found[what]]).toEqual([what, expect.not.arrayContaining(['done'])]);
    },
  );

  test('is the only one whose program has capabilities', async ({ recorder, access }) => {
    const [pod] = await recorder.pods('responder');
    if (pod === undefined) throw new Error('a pod is missing');
    const look =
      "console.log(/CapPrm:\\s*(\\S+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1], require('node:fs').existsSync('/app/capture'))";
    const said = await kubectl(
      access,
      '-n',
      'die-operator-system',
      'exec',
      pod.metadata.name,
      '--',
      'node',
      '-e',
      look,
    );
    expect(said.trim()).toBe('0000000000000000 false');
  });
});
