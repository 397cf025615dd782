// A pod in quarantine is probed by a helper pod: what that is told, and what its end is worth.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE, QUARANTINE_LABEL } from '../../../src/api/names.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { probePod } from '../../../src/respond/probe.ts';
import {
  helperStage,
  IMAGE,
  incident,
  metadataOf,
  suspect as aSuspect,
  UID,
  type Fields,
} from './helper-stage.ts';

const HELPER = `probe-${UID}`;
const CLOSED = '{"result":"Closed"}';

/** In quarantine. */
const suspect = (spec: Fields = {}, status: Fields = {}, metadata: Fields = {}) =>
  aSuspect(spec, status, { labels: { [QUARANTINE_LABEL]: 'true' }, ...metadata });

interface Scene {
  /** The helper's last word; absent: it never ends. */
  says?: string;
  pod?: KubeObject | null;
  after?: KubeObject | null;
  there?: KubeObject[];
  refuses?: KubeError;
}

function stage({ says, pod = suspect(), after, there = [], refuses }: Scene) {
  const terminated = { exitCode: 0, reason: 'Completed', message: says };
  const { context, ...scene } = helperStage({
    there: [...there, ...(pod ? [pod] : [])],
    state: says === undefined ? { running: {} } : { terminated },
    phase: 'Running',
    ...(after !== undefined && { after }),
    ...(refuses && { refuses }),
  });
  return { ...scene, run: () => probePod(context, incident, IMAGE) };
}

const ALL_GONE = [`create ${CAPTURE_NAMESPACE}/${HELPER}`, `delete ${HELPER} helper-0`];

test('the helper is told the pod and its addresses, on its node, and is cleared away', async () => {
  const { run, log, made, clock } = stage({ says: CLOSED });
  expect(await run()).toEqual({ verdict: 'Closed', at: clock.now(), message: 'nothing got through' });
  expect(log).toEqual(ALL_GONE);
  expect(made).toMatchObject([
    {
      metadata: { labels: { 'die-operator.dev/helper': 'netns' } },
      spec: {
        nodeName: 'node-1',
        containers: [
          {
            image: IMAGE,
            args: [
              'netns',
              'probe',
              '--pod-uid',
              UID,
              '--pod-address',
              '10.244.0.7',
              '--pod-address',
              'fd00::7',
            ],
          },
        ],
      },
    },
  ]);
});

test('what got through is named', async () => {
  const { run } = stage({ says: '{"result":"Open","ways":["to the API server","from another pod by UDP"]}' });
  expect(await run()).toMatchObject({
    verdict: 'Open',
    message: 'to the API server, from another pod by UDP',
  });
});

describe('nothing is known', () => {
  const raw = { securityContext: { capabilities: { add: ['NET_ADMIN'] } } };
  const powerful = suspect({ containers: [{ name: 'web', ...raw }] });
  const debugged = suspect({
    ephemeralContainers: [{ name: 'debug', securityContext: { privileged: true } }],
  });
  test.each<[string, Scene, RegExp]>([
    ['the helper could not tell', { says: '{"result":"Refused","reason":"Unclear","message":"hm"}' }, /^hm$/],
    ['the helper says what it was not asked', { says: '{"result":"Cut"}' }, /something else/],
    ['the helper says nothing', { says: 'Killed' }, /without a word: Completed: Killed/],
    ['the pod may fake what is closed', { says: CLOSED, pod: powerful }, /web has the capability NET_ADMIN/],
    ['somebody who may came meanwhile', { says: CLOSED, after: debugged }, /debug is privileged/],
    ['the pod went', { says: CLOSED, after: null }, /pod is gone/],
    ['another pod has the name', { says: CLOSED, after: suspect({}, {}, { uid: 'x' }) }, /pod is gone/],
    ['it lost the label', { says: CLOSED, after: suspect({}, {}, { labels: {} }) }, /not in quarantine/],
    ['it ended', { says: CLOSED, after: suspect({}, { phase: 'Failed' }) }, /the pod ends/],
    [
      'it got another network',
      { says: CLOSED, after: suspect({}, { podIP: '10.244.0.8', podIPs: [] }) },
      /another network/,
    ],
  ])('when %s, and nothing is left', async (_what, scene, why) => {
    const { run, log } = stage(scene);
    expect(await run()).toMatchObject({ verdict: 'Unknown', message: expect.stringMatching(why) });
    expect(log).toEqual(ALL_GONE);
  });

  test.each<[string, KubeObject | null]>([
    ['is gone', null],
    ['is not in quarantine', suspect({}, {}, { labels: {} })],
    ['is in the network of its node', suspect({ hostNetwork: true })],
    ['has no address yet', suspect({}, { podIP: undefined, podIPs: [] })],
    ['terminates', suspect({}, {}, { deletionTimestamp: '2026-11-22T00:00:01Z' })],
  ])('and no helper is started, when the pod %s', async (_what, pod) => {
    const { run, log } = stage({ says: CLOSED, pod });
    expect(await run()).toMatchObject({ verdict: 'Unknown' });
    expect(log).toEqual([]);
  });

  test('when the helper does not end, which is not waited for longer than it lives', async () => {
    const { run, log, clock } = stage({});
    const result = run();
    await clock.advance(61_000);
    expect(await result).toMatchObject({
      verdict: 'Unknown',
      message: expect.stringContaining('within 60 s'),
    });
    expect(log).toEqual(ALL_GONE);
  });

  test('when an earlier helper is still there, which is ended', async () => {
    const earlier = { apiVersion: 'v1', kind: 'Pod', metadata: metadataOf(HELPER, 'old') };
    const { run, log } = stage({ says: CLOSED, there: [earlier] });
    expect(await run()).toMatchObject({ verdict: 'Unknown' });
    expect(log).toEqual([`delete ${HELPER} old`]);
  });

  test('when the helper is not admitted', async () => {
    const refuses = new KubeError('pods is forbidden', { status: 403, reason: 'Forbidden' });
    expect(await stage({ refuses }).run()).toMatchObject({
      verdict: 'Unknown',
      message: expect.stringContaining('forbidden'),
    });
  });
});

test('what is open is believed also of a pod that may fake what is closed', async () => {
  const pod = suspect({ hostPID: true });
  const says = '{"result":"Open","ways":["to the API server"]}';
  expect(await stage({ says, pod }).run()).toMatchObject({ verdict: 'Open' });
});
