// Checkpoints as evidence: what the kubelet is asked for, how an archive gets from its node into the bundle, and what is said
// where none does.
import { describe, expect } from 'vitest';
import { CHECKPOINT_ACCOUNT, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { KubeletError } from '../../../src/kube/kubelet.ts';
import { settings, status, suspect } from '../../support/capture-stage.ts';
import {
  CALLS,
  checkpointTest as test,
  FOLDER,
  nameOf,
  node,
  type Scene,
} from '../../support/checkpoint-stage.ts';

const failed = (message: string) =>
  new KubeletError('Failed', `the kubelet of node node-1 answers 500: ${message}`);

describe('a checkpoint', () => {
  test('of each running container comes into the bundle, and nothing of it stays', async ({ stage }) => {
    const pod = suspect({
      containerStatuses: [status('web', '1'), status('db', '2', { state: { terminated: { exitCode: 0 } } })],
      ephemeralContainerStatuses: [status('debug', '3')],
    });
    const { captured, log, asked, left } = stage({ pod });
    const { files, problems, summary, text } = await captured();
    expect(problems).toEqual([]);
    expect(summary.missing).toEqual([]);
    expect(files.map(({ path, collector, truncated }) => [path, collector, truncated])).toEqual([
      ['node/checkpoint-debug.tar', 'checkpoint', false],
      ['node/checkpoint-web.tar', 'checkpoint', false],
    ]);
    expect(text('node/checkpoint-web.tar')).toBe('memory of web');
    expect(asked.map(([at, { container }, token]) => [at, container, token])).toEqual([
      [{ node: 'node-1', host: '10.0.0.1', port: 10_250 }, 'web', 'of-the-account'],
      [{ node: 'node-1', host: '10.0.0.1', port: 10_250 }, 'debug', 'of-the-account'],
    ]);
    expect(log).toEqual([`token of ${SYSTEM_NAMESPACE}/${CHECKPOINT_ACCOUNT}`, ...CALLS]);
    expect(await left()).toEqual([]);
  });

  test('is asked for once more when a connection was just being opened', async ({ stage }) => {
    const { captured, asked } = stage({ kubelet: [failed('inet: In-flight connection (l) for 4a2')] });
    const { files, problems } = await captured();
    expect(files).toHaveLength(1);
    expect(problems).toEqual([]);
    expect(asked).toHaveLength(2);
  });

  test('is asked for no third time', async ({ stage }) => {
    const inFlight = failed('inet: In-flight connection (l) for 4a2');
    const { captured, asked } = stage({ kubelet: [inFlight, inFlight] });
    const { problems, summary } = await captured();
    expect(problems[0]).toMatch(/^no checkpoint of container web: .*In-flight/);
    expect(summary.missing).toEqual(['checkpoint']);
    expect(asked).toHaveLength(2);
  });

  test('of one container is kept where another has none', async ({ stage }) => {
    const pod = suspect({ containerStatuses: [status('web', '1'), status('db', '2')] });
    const { captured } = stage({ pod, kubelet: [failed('no CRIU')] });
    const { files, problems, summary } = await captured();
    expect(files.map(({ path }) => path)).toEqual(['node/checkpoint-db.tar']);
    expect(problems).toEqual([expect.stringMatching(/^no checkpoint of container web: .*no CRIU/)]);
    expect(summary.missing).toEqual([]);
  });

  test('that may come late is removed by the same pod', async ({ stage }) => {
    const { captured, orders } = stage({ kubelet: [new KubeletError('NoAnswer', 'gave no answer')] });
    const { summary } = await captured();
    expect(orders).toMatchObject([{ containers: [{ name: 'web' }] }]);
    expect(summary.missing).toEqual(['checkpoint']);
  });
});

describe('a path that is none of an archive', () => {
  test.for([
    '/etc/passwd',
    `${FOLDER}/../checkpoints/${nameOf('web')}`,
    `${FOLDER}//${nameOf('web')}`,
    `${FOLDER}/${nameOf('db')}`,
    `/data/kubelet/checkpoints/${nameOf('web')}`,
    nameOf('web'),
  ])('%j is not taken, and named', async (path, { stage }) => {
    const { captured, log } = stage({ kubelet: [[path]] });
    const { files, problems } = await captured();
    expect(files).toEqual([]);
    expect(problems[0]).toContain(`its kubelet says that it is ${path}, which is no archive`);
    expect(log.filter((call) => call.startsWith('create'))).toEqual([]);
  });
});

describe('no checkpoint is made, and the reason is told', () => {
  test.for<[string, Scene, RegExp, number]>([
    ['where the profile is not allowed', { map: settings() }, /profile checkpoint of helper pods is not/, 0],
    ['when the pod is gone', { pod: suspect({}, 'another') }, /another pod has its name/, 0],
    ['when nothing runs', { pod: suspect({ containerStatuses: [] }) }, /no container of the pod runs/, 0],
    ['where there is no way to kubelets', { hasKubelets: false }, /no way to kubelets/, 0],
    [
      'where the node has no address',
      { node: { ...node, status: {} } },
      /no address of the type InternalIP/,
      0,
    ],
    [
      'where no token is given',
      { token: new KubeError('cannot create serviceaccounts/token', { status: 403, reason: 'Forbidden' }) },
      /cannot create serviceaccounts\/token/,
      0,
    ],
    [
      'by a node that has no CRIU',
      { kubelet: [failed('criu: not found')] },
      /answers 500: criu: not found/,
      1,
    ],
    [
      'by a node that cannot be verified, which is not asked for the next one',
      {
        pod: suspect({ containerStatuses: [status('web', '1'), status('db', '2')] }),
        kubelet: [new KubeletError('Unverified', 'no certificate that can be verified')],
      },
      /no certificate that can be verified/,
      1,
    ],
  ])('%s', async ([, scene, why, times], { stage }) => {
    const { captured, asked, log } = stage(scene);
    const { files, problems, summary } = await captured();
    expect(files).toEqual([]);
    expect(problems[0]).toMatch(why);
    expect(summary.missing).toEqual(['checkpoint']);
    expect(asked).toHaveLength(times);
    expect(log.filter((call) => call.startsWith('create'))).toEqual([]);
  });
});

test('an archive that could not be fetched is named with its path', async ({ stage }) => {
  const pulling = { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling' } };
  const { captured, log } = stage({ state: pulling, withinMs: 6_000 });
  const { problems, summary } = await captured();
  expect(problems).toEqual([
    expect.stringMatching(
      `^${FOLDER}/${nameOf('web')} may be left on node node-1: look there, and remove it`,
    ),
    expect.stringMatching(/^the checkpoint pod on node node-1 did not run within \d+ s \(ImagePullBackOff/),
  ]);
  expect(summary.missing).toEqual(['checkpoint']);
  expect(log).toEqual([expect.any(String), ...CALLS]);
});
