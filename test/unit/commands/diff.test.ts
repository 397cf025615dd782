// `die-operator diff`: what it prints, how it ends, and what it says where nothing can be compared.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FileChange } from '../../../src/api/file-change.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE } from '../../../src/api/names.ts';
import { command, diff, type DiffOptions } from '../../../src/commands/diff.ts';
import { MAX_KEPT } from '../../../src/commands/diff/compare.ts';
import type { BundleWriter } from '../../../src/evidence/bundle.ts';
import type { CollectContext } from '../../../src/evidence/collector.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { NodeRequest } from '../../../src/respond/node-capture.ts';
import { ID, status, suspect, UID } from '../../support/capture-stage.ts';
import { printedBy } from '../../support/printed.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const change = (more: Partial<FileChange> = {}): FileChange => ({
  container: 'web',
  containerId: ID('1'),
  where: 'Root',
  path: '/var/data.txt',
  kind: 'Added',
  type: 'File',
  mode: 0o644,
  size: 12,
  executable: false,
  content: 'Other',
  ...more,
});
const PROGRAM = change({ path: '/tmp/x', executable: true, content: 'Elf', mode: 0o755, sha256: ID('e') });
const FOLDER = change({ path: '/tmp/folder', type: 'Directory', mode: 0o755 });

interface Scene {
  changes?: unknown[];
  pod?: KubeObject | undefined;
  tells?: (bundle: BundleWriter, context: CollectContext) => Promise<void> | void;
  forbidden?: (attributes: { verb: string; resource: string; namespace?: string }) => boolean;
  options?: Partial<DiffOptions>;
  stopping?: AbortSignal;
}

const inShop = (pod: KubeObject): KubeObject => ({
  ...pod,
  metadata: { ...pod.metadata, namespace: 'shop' },
});

async function run(scene: Scene) {
  const asked: { request: NodeRequest; context: CollectContext }[] = [];
  const pod = 'pod' in scene ? scene.pod : inShop(suspect());
  const client = {
    get: async () => {
      if (pod) return pod;
      throw new KubeError('not found', { status: 404, reason: 'NotFound' });
    },
    create: async (_kind: unknown, _at: unknown, body: { spec: { resourceAttributes: never } }) => ({
      status: { allowed: !(scene.forbidden?.(body.spec.resourceAttributes) ?? false) },
    }),
  } as unknown as KubeClient;
  const text = (scene.changes ?? []).map((one) => `${JSON.stringify(one)}\n`).join('');
  const tells =
    scene.tells ??
    (async (bundle: BundleWriter) => {
      const file = { collector: 'filesystem', contentType: 'application/x-ndjson', source: 'the node' };
      const path = 'node/filesystem.ndjson';
      await bundle.add({ ...file, path, content: text, collectedAt: '2026-11-22T00:00:00Z' });
    });
  const context = {
    client,
    clock: new VirtualClock(),
    stopping: scene.stopping ?? new AbortController().signal,
    newId: () => '00000000-0000-4000-8000-000000000001',
    collectorOf: (request: NodeRequest) => ({
      name: 'node',
      collect: async (given: CollectContext, bundle: BundleWriter) => {
        asked.push({ request, context: given });
        await tells(bundle, given);
      },
    }),
  };
  const options = { namespace: 'shop', expectedWrites: [], timeout: 60_000, output: 'text' as const };
  const { out, result } = await printedBy(() => diff(context, 'web-1', { ...options, ...scene.options }));
  return { out, code: result, asked };
}

describe('a pod', () => {
  test('as in its images has no drift', async () => {
    const { out, code, asked } = await run({});
    expect(code).toBe(0);
    expect(out).toBe(
      'pod shop/web-1 on node node-1, compared with the images of: web\ndrift: 0, of which 0 can be run or decide what runs (!); no drift: 0\n',
    );
    expect(asked).toMatchObject([
      {
        request: { collectors: ['Filesystem'], contents: false, withinMs: 60_000 },
        context: { target: { uid: UID, namespace: 'shop', name: 'web-1' } },
      },
    ]);
  });

  test('with drift has programs first, marked, then what else differs', async () => {
    const { out, code } = await run({ changes: [change(), FOLDER, PROGRAM] });
    expect(code).toBe(1);
    expect(out.split('\n').slice(2, 5)).toEqual([
      `! Added     web     /tmp/x  (program, 0755, 12 bytes, sha256 ${ID('e')}): a program that the image does not have`,
      '* Added     web     /var/data.txt  (file, 0644, 12 bytes): the image does not have it',
      '',
    ]);
    expect(out).toContain('drift: 2, of which 1 can be run or decide what runs (!); no drift: 1 (shown with');
  });

  test('shows with --all what is no drift, too', async () => {
    const { out, code } = await run({ changes: [FOLDER], options: { all: true } });
    expect(code).toBe(0);
    expect(out).toContain('  Added     web     /tmp/folder  (directory, 0755)');
  });

  test('that only writes where it is expected to has no drift, and programs there are drift', async () => {
    const options = { expectedWrites: ['/var/*', '/tmp/*'] };
    expect((await run({ changes: [change()], options })).code).toBe(0);
    expect((await run({ changes: [change(), PROGRAM], options })).code).toBe(1);
  });

  test('of several containers can be compared for one', async () => {
    const pod = suspect({ containerStatuses: [status('web', '1'), status('sidecar', '2')] });
    pod['spec'] = { nodeName: 'node-1', containers: [{ name: 'web' }, { name: 'sidecar' }] };
    const volume = change({
      container: '',
      containerId: '',
      where: 'EmptyDir',
      path: '/v/x',
      executable: true,
    });
    const changes = [change({ container: 'sidecar', path: '/etc/x' }), PROGRAM, volume];
    const { out } = await run({ pod, changes, options: { container: 'sidecar' } });
    expect(out).toContain('images of: sidecar\n');
    expect(out).toContain('/etc/x');
    expect(out).not.toMatch(/\/tmp\/x|\/v\/x/);
    expect((await run({ pod, changes })).out).toContain('! Added     volume   /v/x');
  });

  test('that was restarted says which changes are of the container before', async () => {
    const web = status('web', '1', { lastState: { terminated: { containerID: `containerd://${ID('0')}` } } });
    const changes = [{ ...PROGRAM, containerId: ID('0') }];
    const { out } = await run({ pod: suspect({ containerStatuses: [web] }), changes });
    expect(out).toContain('of a container that has ended');
  });
});

describe('as JSON', () => {
  test('it is one document with all that is known', async () => {
    const { out, code } = await run({ changes: [FOLDER, PROGRAM], options: { output: 'json' } });
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      namespace: 'shop',
      pod: 'web-1',
      uid: UID,
      node: 'node-1',
      containers: [{ name: 'web', id: ID('1'), ended: false }],
      changes: [{ ...PROGRAM, drift: true, danger: true, why: 'a program that the image does not have' }],
      counts: { danger: 1, otherDrift: 0, noDrift: 1 },
      omitted: 0,
      problems: [],
      complete: true,
    });
  });
});

describe('what is not known', () => {
  test('is no "no drift": it is said, and told what to do', async () => {
    const { out, code } = await run({
      tells: (bundle) => bundle.failed('filesystem', 'the profile capture ...'),
    });
    expect(code).toBe(2);
    expect(out).toMatch(/NOT EVERYTHING was compared:\n {2}the profile capture/);
    expect(out).toContain('run it in the pod of the responder: kubectl exec');
  });

  test('does not hide drift that was found', async () => {
    const { code, out } = await run({ changes: [PROGRAM, { path: '/x' }] });
    expect(code).toBe(1);
    expect(out).toContain('the node told of 1 files in a way that cannot be read');
  });

  test('is said also where the collector fails', async () => {
    const tells = () => Promise.reject(new Error('the connection broke'));
    expect(await run({ tells })).toMatchObject({
      code: 2,
      out: expect.stringContaining('the connection broke'),
    });
  });

  test('because somebody stopped it is told as such, after the capture pod was cleared away', async () => {
    const stop = new AbortController();
    let cleared = false;
    const tells = async (_bundle: BundleWriter, { signal }: CollectContext) => {
      stop.abort(new Error('it was stopped'));
      expect(signal.aborted).toBe(true);
      await Promise.resolve();
      cleared = true;
    };
    await expect(run({ tells, stopping: stop.signal })).rejects.toThrow('it was stopped');
    expect(cleared).toBe(true);
  });

  test.each<[string, Scene, RegExp]>([
    ['a pod that is not there', { pod: undefined }, /no pod web-1 in namespace shop: give its namespace/],
    [
      'a container that is not there',
      { options: { container: 'other' } },
      /has no container other: it has web/,
    ],
    ['a pod that waits for a node', { pod: { ...suspect(), spec: { containers: [] } } }, /is on no node yet/],
  ])('because of %s', async (_what, scene, message) => {
    await expect(run(scene)).rejects.toThrow(message);
  });

  test('for want of rights names all of them, before anything is started', async () => {
    const forbidden: Scene['forbidden'] = ({ verb, namespace }) =>
      verb === 'run' || (verb === 'create' && namespace === CAPTURE_NAMESPACE);
    const result = run({ forbidden, tells: () => expect.unreachable() });
    await expect(result).rejects.toThrow(
      /may not create pods in namespace die-operator-capture; nor run helpers\.die-operator\.dev in the whole cluster\. Ask/,
    );
  });
});

test('texts of the pod cannot steer a terminal, or pass for other lines', async () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(text, text, async (path, problem) => {
      const changes = [{ ...PROGRAM, path: `/${path}`, linkTarget: path, problem }];
      const { out } = await run({ changes });
      expect(out).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(out.split('\n')).toHaveLength(6);
    }),
    { numRuns: 30 },
  );
});

test('what is too much to keep is counted', async () => {
  const changes = Array.from({ length: MAX_KEPT + 3 }, (_, n) => change({ path: `/var/${n}` }));
  const { out, code } = await run({ changes: [...changes, PROGRAM] });
  expect(code).toBe(1);
  expect(out).toContain(`drift: ${MAX_KEPT + 4}, of which 1 `);
  expect(out).toContain('3 changes are counted and not shown');
  expect(out).toContain('/tmp/x');
});

test.each(['5s', '10m', 'soon'])('a timeout of %s is refused', async (text) => {
  const program = command()
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  await expect(program.parseAsync(['web-1', '--timeout', text], { from: 'user' })).rejects.toThrow(
    /duration/,
  );
});
