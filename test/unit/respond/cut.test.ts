// The firewall of a pod is put in and taken away by a helper pod: what that is told, what its end means, and what it means
// when there is none.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE } from '../../../src/api/names.ts';
import { cut, uncut } from '../../../src/respond/cut.ts';
import {
  helperStage,
  IMAGE,
  incident,
  metadataOf,
  suspect as aSuspect,
  UID,
  type Fields,
} from './helper-stage.ts';

const HELPER = `netns-${UID}`;
const CREATED = `create ${CAPTURE_NAMESPACE}/${HELPER}`;
const DELETED = `delete ${HELPER} helper-0`;
const OK = { exitCode: 0, message: '{"result":"Cut"}' };
const NO_IMAGE = { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } };

/** With a port that its node probes, on a node with an address. */
function suspect(spec: Fields = {}, status: Fields = {}): KubeObject {
  const containers = [{ name: 'web', readinessProbe: { httpGet: { port: 8080 } } }];
  return aSuspect({ containers, ...spec }, { hostIP: '10.0.0.1', ...status });
}

interface Scene {
  /** How the helper ends; absent: it never does. */
  end?: Fields;
  profiles?: string | null;
  /** What there is beside the ConfigMap. */
  there?: KubeObject[];
  /** The pod after the helper was made. */
  after?: KubeObject;
}

function stage({ end, profiles = 'canary, netns', there = [], after }: Scene = {}) {
  const metadata = metadataOf('die-operator-helpers', 'map', CAPTURE_NAMESPACE);
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { image: IMAGE, profiles } };
  const scene = helperStage({
    there: [...there, suspect(), ...(profiles === null ? [] : [map])],
    state: end ? { terminated: { reason: 'Completed', ...end } } : NO_IMAGE,
    phase: end ? 'Succeeded' : 'Pending',
    ...(after && { after }),
  });
  const begins = async () => {
    scene.log.push('begins');
    return true;
  };
  return { ...scene, begins };
}

/** What was asked of the helper that was made first. */
function argsOf(made: readonly KubeObject[]): string[] {
  const [pod] = made as unknown as {
    spec: { nodeName: string; containers: { args: string[]; image: string }[] };
  }[];
  return [
    pod?.spec.nodeName ?? '',
    pod?.spec.containers[0]?.image ?? '',
    ...(pod?.spec.containers[0]?.args ?? []),
  ];
}

describe('a cut', () => {
  test('is ordered on the node of the pod, announced before it can happen, and cleared away after', async () => {
    const { context, log, made, begins } = stage({ end: OK });
    expect(await cut(context, incident, suspect(), begins)).toEqual({ podIP: '10.244.0.7' });
    expect(log).toEqual(['begins', CREATED, DELETED]);
    expect(argsOf(made).join(' ')).toBe(
      `node-1 ${IMAGE} netns cut --pod-uid ${UID} --pod-address 10.244.0.7 --pod-address fd00::7 --node-address 10.0.0.1 --probe-port 8080`,
    );
  });

  test('begins with the end of a helper that a former process left', async () => {
    const left = { apiVersion: 'v1', kind: 'Pod', metadata: metadataOf(HELPER, 'old', CAPTURE_NAMESPACE) };
    const { context, log, begins } = stage({ end: OK, there: [left] });
    await cut(context, incident, suspect(), begins);
    expect(log).toEqual([`delete ${HELPER} old`, 'begins', CREATED, DELETED]);
  });

  test('does not happen when people decided meanwhile', async () => {
    const { context, log } = stage({ end: OK });
    expect(await cut(context, incident, suspect(), async () => false)).toBeUndefined();
    expect(log).toEqual([]);
  });

  test('is none of the pod that has the name by now', async () => {
    const after = { ...suspect(), metadata: metadataOf('web-1', 'another', 'shop') };
    const { context, begins } = stage({ end: OK, after });
    expect(await cut(context, incident, suspect(), begins)).toBeUndefined();
  });

  const sandbox = (lastTransitionTime: string, status = 'True') => ({
    conditions: [{ type: 'PodReadyToStartContainers', status, lastTransitionTime }],
  });

  test('is in the network of the sandbox that the pod has', async () => {
    const pod = suspect({}, sandbox('2026-11-22T00:00:03Z'));
    const { context, begins } = stage({ end: OK, after: pod });
    const network = { podIP: '10.244.0.7', sandboxAt: '2026-11-22T00:00:03Z' };
    expect(await cut(context, incident, pod, begins)).toEqual(network);
  });

  test.each<[with_: string, status: Fields]>([
    ['another address', { podIP: '10.244.0.8', podIPs: [] }],
    ['the same address, as its node was booted', sandbox('2026-11-22T00:09:00Z')],
    ['none yet', sandbox('2026-11-22T00:09:00Z', 'False')],
  ])('is not in the network that the pod got meanwhile, with %s', async (_with, status) => {
    const before = suspect({}, sandbox('2026-11-22T00:00:03Z'));
    const { context, begins } = stage({ end: OK, after: suspect({}, status) });
    await expect(cut(context, incident, before, begins)).rejects.toThrow('another network');
  });

  test.each<[what: string, reason: string, scene: Scene, pod: KubeObject]>([
    ['the pod has the network of its node', 'NoOwnNetwork', {}, suspect({ hostNetwork: true })],
    ['the pod has no address', 'NoOwnNetwork', {}, suspect({}, { podIP: '', podIPs: [] })],
    ['there are no helpers', 'HelperMissing', { profiles: null }, suspect()],
    ['the profile is not allowed', 'HelperMissing', { profiles: 'canary' }, suspect()],
  ])('is refused before anything happens when %s', async (_what, reason, scene, pod) => {
    const { context, log, begins } = stage({ end: OK, ...scene });
    await expect(cut(context, incident, pod, begins)).rejects.toMatchObject({ reason });
    expect(log).toEqual([]);
  });

  test.each<[what: string, end: Fields, reason: string | undefined]>([
    ['ends without a word', { exitCode: 137, reason: 'OOMKilled' }, 'HelperFailed'],
    [
      'finds the network of the node',
      { exitCode: 1, message: '{"result":"Refused","reason":"NodeNetwork","message":"m"}' },
      'CutNodeNetwork',
    ],
    [
      'finds no process, which passes',
      { exitCode: 1, message: '{"result":"Refused","reason":"NoProcess","message":"m"}' },
      undefined,
    ],
  ])('fails when the helper %s', async (_what, end, reason) => {
    const { context, log, begins } = stage({ end });
    const error: unknown = await cut(context, incident, suspect(), begins).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect((error as { reason?: string }).reason).toBe(reason);
    expect(log.at(-1)).toBe(DELETED);
  });

  test('is given up after a minute, with what the helper waits for, and the helper goes', async () => {
    const { context, clock, log, begins } = stage();
    const asked = cut(context, incident, suspect(), begins).catch((thrown: unknown) => thrown);
    await clock.advance(61_000);
    expect(await asked).toMatchObject({
      reason: 'HelperTimeout',
      message: expect.stringMatching(
        /node node-1 did not end within 60 s \(ImagePullBackOff: no such image\)/,
      ),
    });
    expect(log.at(-1)).toBe(DELETED);
  });
});

describe('the end of a cut', () => {
  test('is ordered in the same way', async () => {
    const { context, made } = stage({ end: { exitCode: 0, message: '{"result":"Uncut"}' } });
    await uncut(context, incident, suspect());
    expect(argsOf(made)).toContain('uncut');
  });

  test.each<[what: string, scene: Scene]>([
    ['there are no helpers any more', { profiles: null }],
    ['the helper says nothing', { end: { exitCode: 1 } }],
    [
      'the firewall cannot be reached',
      { end: { exitCode: 1, message: '{"result":"Refused","reason":"NoProcess","message":"m"}' } },
    ],
  ])('waits, and names what for, when %s', async (_what, scene) => {
    const { context } = stage(scene);
    await expect(uncut(context, incident, suspect())).rejects.toMatchObject({
      reason: 'FirewallRemains',
      afterMs: 15_000,
      message: expect.stringContaining('cannot be taken away yet'),
    });
  });

  test.each<[what: string, begunAgoMs: number, at: string | undefined, waitsMs: number | undefined]>([
    ['a cut whose end is not known was ordered a moment ago', 10_000, undefined, 55_000],
    ['it was ordered so long ago that no order is under way any more', 65_000, undefined, undefined],
    ['it is known to be in place', 10_000, '2026-11-22T00:00:00Z', undefined],
    ['it was ordered by a clock that was wrong', -3_600_000, undefined, undefined],
  ])('comes after every order that may still arrive: %s', async (_what, begunAgoMs, at, waitsMs) => {
    const { context, clock, made } = stage({ end: { exitCode: 0, message: '{"result":"Uncut"}' } });
    const begunAt = new Date(clock.now() - begunAgoMs).toISOString();
    const cutAt = { begunAt, ...(at !== undefined && { at, podIP: '10.244.0.7' }) };
    const status = { isolation: { form: 'Orphan' as const, at: begunAt, cut: cutAt } };
    const outcome: unknown = await uncut(context, { ...incident, status }, suspect()).catch(
      (error: unknown) => error,
    );
    const { reason, afterMs } = (outcome ?? {}) as { reason?: string; afterMs?: number };
    expect({ reason, afterMs }).toEqual(
      waitsMs === undefined ? {} : { reason: 'FirewallRemains', afterMs: waitsMs },
    );
    expect(made).toHaveLength(waitsMs === undefined ? 1 : 0);
  });

  test.each(['Succeeded', 'Failed'])('is there already with a pod that is %s', async (phase) => {
    const { context, log } = stage();
    await uncut(context, incident, suspect({}, { phase }));
    expect(log).toEqual([]);
  });
});
