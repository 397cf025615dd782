// The test bed itself: logs of pods that our kubelet plays, by its endpoint and through the API server.
import { describe, expect, test } from 'vitest';
import { podFacts } from '../../src/api/pod.ts';
import { isNotFound, KubeError } from '../../src/kube/errors.ts';
import { PODS } from '../../src/kube/resources.ts';
import { answerLogs, selected } from '../support/kubelet-logs.ts';
import { imageTable, type KubeletPod } from '../support/pod-status.ts';
import { eventually, needsControllers, realApiTest } from '../support/real-api-test.ts';

const IMAGE = 'registry.example/shop/web:1.4';
const AT = '2026-11-22T03:00:00Z';

function podIn(state: object): KubeletPod {
  const status = { name: 'web', image: IMAGE, imageID: '', ready: false, started: false, restartCount: 0 };
  return {
    metadata: { name: 'web-1', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: AT },
    spec: { containers: [{ name: 'web', image: IMAGE }] },
    status: { containerStatuses: [{ ...status, state }] },
  };
}

function get(url: string, pod: KubeletPod = podIn({ running: { startedAt: AT } })) {
  const find = (namespace: string, name: string) =>
    namespace === 'shop' && name === 'web-1' ? pod : undefined;
  return answerLogs('GET', url, find);
}

const WEB = '/containerLogs/shop/web-1/web';

describe('the endpoint', () => {
  test('gives what a running container wrote, and what an ended one had written', () => {
    expect(get(WEB)).toEqual({ status: 200, text: 'web is listening\n' });
    const ended = podIn({ terminated: { startedAt: AT, exitCode: 143 } });
    expect(get(`${WEB}?timestamps=true`, ended)).toEqual({ status: 200, text: `${AT} web is listening\n` });
  });

  test.for([
    ['a pod of another node', '/containerLogs/shop/web-2/web', 404, 'pod "web-2" does not exist\n'],
    ['another container', '/containerLogs/shop/web-1/db', 404, 'container "db" not found in pod "web-1"\n'],
    [
      'an instance before the first',
      `${WEB}?previous=true`,
      400,
      'previous terminated container "web" in pod "web-1" not found',
    ],
    ['anything else', '/pods', 404, '404: Page Not Found'],
  ] as const)('has nothing of %s', ([, url, status, text]) => {
    expect(get(url)).toEqual({ status, text });
  });

  test.for([
    ['ErrImagePull', "image can't be pulled"],
    ['ContainerCreating', 'ContainerCreating'],
  ] as const)('says that a container waits: %s', ([reason, words]) => {
    const text = `container "web" in pod "web-1" is waiting to start: ${words}`;
    expect(get(WEB, podIn({ waiting: { reason } }))).toEqual({ status: 400, text });
  });
});

describe('of a log', () => {
  const lines = ['one', 'two', 'three'].map((text) => ({ at: AT, text }));

  test.for([
    ['everything is given without options', '', 'one\ntwo\nthree\n'],
    ['the last lines are given', 'tailLines=2', 'two\nthree\n'],
    ['no line is given', 'tailLines=0', ''],
    ['the first bytes are given', 'limitBytes=5', 'one\nt'],
    ['the first bytes of the last lines are given', 'tailLines=1&limitBytes=3', 'thr'],
    ['times are part of the bytes', 'tailLines=1&timestamps=true&limitBytes=22', `${AT} t`],
  ] as const)('%s', ([, query, text]) => {
    expect(selected(lines, new URLSearchParams(query))).toBe(text);
  });
});

describe('through the API server', () => {
  realApiTest(
    'logs are read, and refused in the words of the kubelet',
    async ({ access, client, namespace, kubelet, skip }) => {
      needsControllers(access, skip);
      await kubelet({ images: imageTable(IMAGE) });
      const spec = { containers: [{ name: 'web', image: IMAGE }] };
      await client.create(
        PODS,
        { namespace },
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec },
      );
      const at = { namespace, name: 'web' };
      await eventually(
        'the pod is ready',
        () => client.get(PODS, at),
        (pod) => podFacts(pod).ready,
      );
      const log = (query: Record<string, string>) =>
        client.readText(PODS, { ...at, subresource: 'log' }, query, 1000);
      const { bytes, truncated } = await log({ container: 'web' });
      expect([Buffer.from(bytes).toString(), truncated]).toEqual(['web is listening\n', false]);
      const refusal: unknown = await log({ container: 'web', previous: 'true' }).catch(
        (error: unknown) => error,
      );
      expect(refusal).toBeInstanceOf(KubeError);
      expect(refusal).toMatchObject({ status: 400, reason: 'BadRequest' });
      expect(String(refusal)).toContain('previous terminated container "web" in pod "web" not found');
      const stranger = client.readText(PODS, { namespace, name: 'nobody', subresource: 'log' }, {}, 1000);
      await expect(stranger).rejects.toSatisfy(isNotFound);
    },
  );
});
