// A firewall in the network of a pod: on the real node, by itself where no policy is enforced at all, and as part of a whole
// response; what it stops, what goes on, and that nothing of it is left.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../../src/api/names.ts';
import { systemClock } from '../../src/kube/clock.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { CONFIG_MAPS, DRIFT_INCIDENTS, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { cut, uncut } from '../../src/respond/cut.ts';
import { alertAbout } from '../support/alerts.ts';
import { anIncident } from '../support/builders.ts';
import { eventually } from '../support/real-api-test.ts';
import { bothWays, CUT, cutTest as test, isolated, OPEN, staysReady } from './support/cut-test.ts';
import type { RunningPod } from './support/node-test.ts';
import { beats, holdConnection, isCut } from './support/traffic.ts';

const PATIENCE_MS = 240_000;
/** A beat that does not come back within 2 s is the last one. */
const SILENCE_MS = 2_000;
const print = (line: string) => void process.stdout.write(`cut: ${line}\n`);
const since = (began: number) => `${Math.round(performance.now() - began)} ms`;

const ALLOW_ALL = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'allow-all' },
  spec: { podSelector: {}, ingress: [{}], egress: [{}], policyTypes: ['Ingress', 'Egress'] },
};

function incidentOf(pod: RunningPod): DriftIncident {
  const { namespace = '', name, uid } = pod.metadata;
  const base = anIncident();
  return { ...base, spec: { ...base.spec, target: { ...base.spec.target, namespace, name, uid } } };
}

function contextOf(client: KubeClient) {
  return { client, clock: systemClock, log: silentLogger, stopping: new AbortController().signal };
}

describe('a firewall in the network of a pod, where no policy is enforced', () => {
  test(
    'stops open and new connections at once, both ways, keeps the pod Ready, and can be taken away',
    { timeout: PATIENCE_MS },
    async ({ helpers, unenforced: _unenforced, client, deploy, exec, suspect, read }) => {
      expect(helpers).toContain('@sha256:');
      const [pod, [other, third]] = await Promise.all([suspect(), deploy('web', 2)]);
      if (other === undefined || third === undefined) throw new Error('a pod is missing');
      const incident = incidentOf(pod);
      await Promise.all([
        holdConnection(exec, pod, third),
        holdConnection(exec, other, pod),
        holdConnection(exec, third, other),
      ]);
      expect(await bothWays(exec, pod, other)).toEqual(OPEN);

      const began = performance.now();
      const network = await cut(contextOf(client), incident, await read(pod), async () => true);
      print(`in place ${since(began)} after it was asked for`);
      expect(network).toEqual({ podIP: pod.status.podIP, sandboxAt: expect.any(String) });
      const carried = { out: (await beats(exec, pod)).length, into: (await beats(exec, other)).length };
      expect(await bothWays(exec, pod, other)).toEqual(CUT);
      await sleep(SILENCE_MS);
      const [out, into] = [await beats(exec, pod), await beats(exec, other)];
      expect([isCut(out), isCut(into)]).toEqual([true, true]);
      // At most the line with the error came after.
      expect(out.length - carried.out).toBeLessThanOrEqual(1);
      expect(into.length - carried.into).toBeLessThanOrEqual(1);
      const others = (await beats(exec, third)).length;
      await staysReady(read, pod);
      expect((await beats(exec, third)).length).toBeGreaterThan(others);

      // Twice is once.
      await cut(contextOf(client), incident, await read(pod), async () => true);
      expect(await bothWays(exec, pod, other)).toEqual(CUT);

      const ending = performance.now();
      await uncut(contextOf(client), incident, await read(pod));
      expect(await bothWays(exec, pod, other)).toEqual(OPEN);
      print(`taken away, and reached again, ${since(ending)} after it was asked for`);
      await uncut(contextOf(client), incident, await read(pod));
      const left = await client.list<KubeObject>(PODS, { namespace: CAPTURE_NAMESPACE });
      const staying = left.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      expect(staying).toEqual([]);
    },
  );

  test('is refused for a pod in the network of its node, by its spec and by what the node shows', async ({
    helpers,
    client,
    namespace,
    images,
  }) => {
    expect(helpers).toContain('@sha256:');
    const spec = {
      hostNetwork: true,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'peer', image: images.peer }],
    };
    const metadata = { name: 'host' };
    await client.create(PODS, { namespace }, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
    const pod = await eventually(
      'it runs',
      () => client.get<RunningPod & { status: { phase: string } }>(PODS, { namespace, name: 'host' }),
      ({ status }) => status.phase === 'Running',
    );
    const incident = incidentOf(pod);
    const refusal = { reason: 'NoOwnNetwork' };
    await expect(cut(contextOf(client), incident, pod, async () => true)).rejects.toMatchObject(refusal);
    // As if the API server had it wrong.
    const { hostNetwork: _host, ...lying } = (pod as unknown as { spec: Record<string, unknown> }).spec;
    const asked = cut(contextOf(client), incident, { ...pod, spec: lying }, async () => true);
    await expect(asked).rejects.toMatchObject({ reason: 'CutNodeNetwork' });
  });

  test('is not tried where the profile is not allowed', async ({ helpers, client, suspect }) => {
    expect(helpers).toContain('@sha256:');
    const pod = await suspect();
    const at = { namespace: CAPTURE_NAMESPACE, name: HELPERS_CONFIGMAP };
    const allow = (value: string) =>
      client.jsonPatch(CONFIG_MAPS, at, [{ op: 'replace', path: '/data/profiles', value }]);
    await allow('canary');
    let begun = false;
    const begins = async () => (begun = true);
    await expect(cut(contextOf(client), incidentOf(pod), pod, begins)).rejects.toMatchObject({
      reason: 'HelperMissing',
    });
    expect(begun).toBe(false);
    await allow('canary, netns');
  });
});

describe('a response with a firewall, granted by a ClusterDriftPolicy', () => {
  test(
    'cuts the pod off whatever policies allow, says so, and takes it all back on release',
    { timeout: PATIENCE_MS },
    async ({ granted: _granted, operator, client, namespace, deploy, exec, suspect, read, incident }) => {
      const [pod, [other]] = await Promise.all([suspect({ replicas: 2 }), deploy('web', 1)]);
      if (other === undefined) throw new Error('a pod is missing');
      await client.create(NETWORK_POLICIES, { namespace }, ALLOW_ALL);
      await holdConnection(exec, pod, other);
      expect(await bothWays(exec, pod, other)).toEqual(OPEN);

      const began = performance.now();
      await operator.post(alertAbout(pod, { time: new Date().toISOString() }));
      const done = await incident('it is cut off', (one) => isolated(one)?.status === 'True');
      print(`alert to Isolated=True: ${since(began)}`);
      expect(await bothWays(exec, pod, other)).toEqual(CUT);
      await eventually('the open connection is cut', () => beats(exec, pod), isCut);
      expect(isolated(done)).toMatchObject({
        reason: 'Enforced',
        message: expect.stringContaining('firewall'),
      });
      expect(done.status?.plan?.steps).toEqual(['Isolate', 'Cut']);
      expect(done.status?.isolation).toMatchObject({ form: 'Orphan', cut: { podIP: pod.status.podIP } });
      const kinds = done.status?.isolation?.paths?.map(({ kind }) => kind) ?? [];
      expect(kinds).not.toContain('Policy');
      expect(kinds).not.toContain('Established');
      await staysReady(read, pod);

      const at = { namespace, name: done.metadata.name };
      const decision = { action: 'Release', by: 'admin', reason: 'a test' };
      const ending = performance.now();
      await client.jsonPatch(DRIFT_INCIDENTS, at, [{ op: 'add', path: '/spec/decision', value: decision }]);
      const over = await incident('it is released', ({ status }) => status?.phase === 'Released');
      print(`Release to the end of the incident: ${since(ending)}`);
      expect(over.status?.isolation?.cut).toBeUndefined();
      expect((await read(pod)).metadata.labels).toEqual(pod.metadata.labels);
      await eventually(
        'it is reached as before',
        () => bothWays(exec, pod, other),
        (now) => JSON.stringify(now) === JSON.stringify(OPEN),
      );
    },
  );

  test(
    'does not count for a pod that could get around it, and says why',
    { timeout: PATIENCE_MS },
    async ({ granted: _granted, operator, client, namespace, suspect, incident }) => {
      const pod = await suspect({ bare: false });
      await client.create(NETWORK_POLICIES, { namespace }, ALLOW_ALL);
      await operator.post(alertAbout(pod, { time: new Date().toISOString() }));
      const cutOff = await incident(
        'the firewall is in',
        ({ status }) => status?.isolation?.cut?.at !== undefined,
      );
      expect(cutOff.status?.steps).toContainEqual(
        expect.objectContaining({ name: 'Cut', state: 'Succeeded' }),
      );
      const judged = await incident(
        'it is judged',
        (one) => isolated(one)?.message.includes('NET_RAW') ?? false,
      );
      expect(isolated(judged)).toMatchObject({ status: 'False', reason: 'Partial' });
    },
  );
});
