// Evidence of a node: what its capture pod is told, how what it sends gets into the bundle, and what is said where none comes.
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE, CAPTURED_FOR_ANNOTATION } from '../../../src/api/names.ts';
import { once } from '../../../src/evidence/content.ts';
import { decrypt } from '../../../src/evidence/encrypt.ts';
import type { CaptureReport } from '../../../src/helpers/capture-report.ts';
import { DEFAULT_ROOTS } from '../../../src/helpers/helper-settings.ts';
import type { NodeCollector } from '../../../src/helpers/programs/capture/collector.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import {
  found,
  ID,
  INCIDENT,
  left,
  NAME,
  settings,
  stage,
  status,
  suspect,
  TERMINATED,
  UID,
  type Scene,
} from '../../support/capture-stage.ts';
import { head } from '../../support/capture-stream.ts';

const MADE_AND_GONE = [`create ${CAPTURE_NAMESPACE}/${NAME}`, `delete ${NAME} helper`];

describe('a capture', () => {
  test('gets what its pod found into the bundle, and clears the pod away', async () => {
    const { captured, log, made } = stage({});
    const { summary, files, problems } = await captured();
    expect(files).toMatchObject([
      { path: 'node/processes.json', collector: 'processes', size: 2, truncated: false },
    ]);
    expect(problems).toEqual([]);
    expect(summary.missing).toEqual([]);
    expect(log).toEqual(MADE_AND_GONE);
    expect(made).toMatchObject([
      {
        metadata: { annotations: { [CAPTURED_FOR_ANNOTATION]: INCIDENT.uid } },
        spec: {
          nodeName: 'node-1',
          hostPID: true,
          activeDeadlineSeconds: 50,
          volumes: [
            { hostPath: { path: DEFAULT_ROOTS.containerd } },
            { hostPath: { path: DEFAULT_ROOTS.kubelet } },
          ],
        },
      },
    ]);
  });

  test('is of the containers that the pod has and had', async () => {
    const before = suspect({
      containerStatuses: [status('web', '0')],
      ephemeralContainerStatuses: [status('debug', 'd')],
    });
    const restarted = status('web', '1', {
      lastState: { terminated: { containerID: `containerd://${ID('0')}` } },
    });
    const pod = suspect({
      containerStatuses: [restarted],
      initContainerStatuses: [status('init', '2', { state: { terminated: { exitCode: 0 } } })],
    });
    const { captured, orders } = stage({ pod, before });
    await captured();
    expect(orders[0]).toMatchObject({ podUid: UID, collectors: ['Processes'], contents: true });
    expect(orders[0]?.containers).toEqual([
      { name: 'debug', id: ID('d'), ended: false },
      { name: 'web', id: ID('1'), ended: false },
      { name: 'web', id: ID('0'), ended: true },
      { name: 'init', id: ID('2'), ended: true },
    ]);
    expect(orders[0]?.limits.deadlineMs).toBeGreaterThan(10_000);
    expect(orders[0]?.limits.deadlineMs).toBeLessThanOrEqual(17_000);
  });

  test('is encrypted on the node where the store has recipients', async () => {
    const identity = await generateX25519Identity();
    const recipients = [await identityToRecipient(identity)];
    const { captured, orders, bytes } = stage({ request: { recipients } });
    const { files, problems } = await captured();
    expect(problems).toEqual([]);
    expect(orders[0]?.recipients).toEqual(recipients);
    expect(files).toMatchObject([{ path: 'node/processes.json.age', plain: { size: 2 }, truncated: false }]);
    const stored = bytes('node/processes.json.age') ?? Buffer.alloc(0);
    expect(Buffer.from(stored).includes('[]')).toBe(false);
    const plain = await Array.fromAsync(decrypt([identity], once(stored)));
    expect(Buffer.concat(plain).toString()).toBe('[]');
  });

  test('has its own key each time', async () => {
    const [first, second] = [stage({}), stage({})];
    await Promise.all([first.captured(), second.captured()]);
    const keyOf = ([pod]: KubeObject[]) => JSON.stringify(pod).match(/"--key","([0-9a-f]{64})"/)?.[1];
    expect(keyOf(first.made)).toMatch(/^[0-9a-f]{64}$/);
    expect(keyOf(first.made)).not.toBe(keyOf(second.made));
  });

  test.each<[string, KubeObject]>([
    ['for this incident, and works on', left(INCIDENT.uid, { running: {} })],
    ['for another incident, and has ended', left('another', TERMINATED('{}'))],
  ])('clears away a pod of a dead process that was %s', async (_what, one) => {
    const { captured, log } = stage({ there: [one] });
    expect((await captured()).files).toHaveLength(1);
    expect(log).toEqual([`delete ${NAME} left`, ...MADE_AND_GONE]);
  });

  test('comes after one that was made at the same moment', async () => {
    const { captured, log } = stage({ rival: left('another', TERMINATED('{}')) });
    expect((await captured()).problems).toEqual([]);
    expect(log).toEqual([`delete ${NAME} left`, ...MADE_AND_GONE]);
  });

  test('leaves whoever reads for another incident the time to see how its pod ended', async () => {
    const { captured, client } = stage({ there: [left('another', TERMINATED('{}'))] });
    const began = systemClock.elapsed();
    const removed: number[] = [];
    const remove = client.delete.bind(client);
    client.delete = (...args) => {
      removed.push(systemClock.elapsed() - began);
      return remove(...args);
    };
    expect((await captured()).problems).toEqual([]);
    // That one looks four times a second.
    expect(removed[0]).toBeGreaterThan(1_000);
  });

  test('waits for the one of another incident, which is left alone, and gives up in time', async () => {
    const { captured, log } = stage({
      there: [left('another', { running: {} })],
      request: { withinMs: 3_000 },
    });
    const { problems, summary } = await captured();
    expect(problems).toEqual([
      expect.stringContaining('of another capture on node node-1 did not end in time'),
    ]);
    expect(summary.missing).toEqual(['processes']);
    expect(log).toEqual([]);
  });
});

describe('what came is kept and called suspect', () => {
  test.each<[string, (report: CaptureReport) => object, RegExp]>([
    [
      'when the node says that it sent something else',
      (report) => TERMINATED(JSON.stringify({ ...report, sha256: ID('0') })),
      /^SUSPECT: 1 files with the hash [0-9a-f]{64} came, and its kubelet says that the node sent 1 files with the hash 0{64}$/,
    ],
    ['when the node says nothing', () => TERMINATED(''), /^SUSPECT: .* did not confirm it: Completed$/],
  ])('%s', async (_what, tells, why) => {
    const { files, problems } = await stage({ tells }).captured();
    expect(files).toHaveLength(1);
    expect(problems).toEqual([expect.stringMatching(why)]);
  });

  test('as far as it came when the time for evidence is over', async () => {
    const processes: NodeCollector['collect'] = async (_context, sink) => {
      const content = (async function* () {
        yield Buffer.from('[');
        await new Promise(() => {});
      })();
      await sink.file({ ...head('node/processes.json'), collector: 'processes' }, content);
    };
    const { captured, log } = stage({ processes, deadlineMs: 1_500 });
    const { files, problems } = await captured();
    expect(files).toMatchObject([{ path: 'node/processes.json', size: 1, truncated: true }]);
    expect(problems.join('\n')).toMatch(/after 0 files and 1 bytes, within node\/processes\.json/);
    expect(log).toEqual(MADE_AND_GONE);
  });
});

describe('a node that does what it was not asked for', () => {
  const sends =
    (path: string, collector: string): NodeCollector['collect'] =>
    (_context, sink) =>
      sink.file({ ...head(path), collector }, [Buffer.from('[]')]).then(() => {});

  test.each([
    ['a file in the place of what the API server says', 'api/pod.json', 'processes'],
    ['a file in the name of another collector', 'node/processes.json', 'logs'],
  ])('gets nothing into the bundle: %s', async (_what, path, collector) => {
    const { files, summary } = await stage({ processes: sends(path, collector) }).captured();
    expect(files).toEqual([]);
    expect(summary.missing).toEqual(['processes']);
  });

  test('leaves room for the problems of others, and says that there are more', async () => {
    const processes: NodeCollector['collect'] = async (context, sink) => {
      for (let number = 0; number < 400; number += 1) sink.problem('logs', `made up ${number}`);
      await found(context, sink);
    };
    const tells = () => TERMINATED('');
    const { captured, store } = stage({ processes, tells });
    const { problems } = await captured();
    expect(problems).toHaveLength(130);
    expect(problems).toContain('272 more problems of the node are not listed');
    expect(problems.at(-1)).toMatch(/^SUSPECT: /);
    const all = store.manifest(INCIDENT.uid)?.problems ?? [];
    expect(new Set(all.map(({ collector }) => collector))).toEqual(new Set(['node']));
  });
});

describe('nothing comes, and the reason is told', () => {
  const forbidden = new KubeError('pods is forbidden: a helper pod has no', {
    status: 403,
    reason: 'Forbidden',
  });
  const failed = { phase: 'Failed', reason: 'OutOfcpu', message: 'Node has not enough cpu' };
  const pulling = { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling' } };
  test.each<[string, Scene, RegExp, string[]]>([
    ['where helpers are not installed', { map: null }, /not installed/, []],
    ['where the profile is not allowed', { map: settings({ profiles: 'canary' }) }, /add it to profiles/, []],
    ['where the folders are none', { map: settings({ kubeletRoot: '/' }) }, /must be paths/, []],
    ['when the pod is gone', { pod: suspect({}, 'another') }, /another pod has its name/, []],
    ['when no container has started', { pod: suspect({ containerStatuses: [] }) }, /has started/, []],
    ['when the pod is not admitted', { refuses: forbidden }, /forbidden: a helper pod has no/, []],
    ['when the kubelet refuses it', { state: failed }, /OutOfcpu: Node has not enough cpu/, MADE_AND_GONE],
    [
      'when its image does not come',
      { state: pulling, request: { withinMs: 10_000 } },
      /did not run within \d+ s \(ImagePullBackOff: Back-off pulling\): look at/,
      MADE_AND_GONE,
    ],
    [
      'when it does not listen',
      { state: { running: {} }, request: { withinMs: 10_000 } },
      /could not be reached at 127\.0\.0\.1, port 1: .*ECONNREFUSED/,
      MADE_AND_GONE,
    ],
  ])('%s', async (_what, scene, why, calls) => {
    const { captured, log } = stage(scene);
    const { files, problems, summary } = await captured();
    expect(files).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(why)]);
    expect(summary.missing).toEqual(['processes']);
    expect(log).toEqual(calls);
  });
});
