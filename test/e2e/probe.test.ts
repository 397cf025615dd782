// A pod in quarantine is probed from within its own network, on the real node: with the enforcement of its network on the
// incident says Verified, and with it off that the pod is not cut off, whatever a test of the node showed before.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { CAPTURE_NAMESPACE } from '../../src/api/names.ts';
import { systemClock } from '../../src/kube/clock.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { probePod } from '../../src/respond/probe.ts';
import { alertAbout } from '../support/alerts.ts';
import { anIncident, aPolicy } from '../support/builders.ts';
import { eventually } from '../support/real-api-test.ts';
import { cutTest, isolated } from './support/cut-test.ts';
import { enforcePolicies } from './support/enforcement.ts';
import { restartResponder } from './support/installation.ts';
import type { RunningPod } from './support/node-test.ts';

const PATIENCE_MS = 300_000;
const ISOLATE = {
  mode: 'Enforce',
  responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }],
};
const ONE_WAY = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'one-way' },
  spec: { podSelector: {}, ingress: [{}], policyTypes: ['Ingress', 'Egress'] },
};
const OUT = 'to another pod by TCP, to another pod by UDP, to the API server';
const IN = 'from another pod by TCP, from another pod by UDP';
/** Until the network does as a policy says. */
const SETTLE_MS = 5_000;

const test = cutTest
  .extend('probe', ({ client, helpers }) => async (pod: RunningPod) => {
    const base = anIncident();
    const { namespace = '', name, uid } = pod.metadata;
    const incident = {
      ...base,
      spec: { ...base.spec, target: { ...base.spec.target, namespace, name, uid } },
    };
    const stopping = new AbortController().signal;
    const began = performance.now();
    const context = { client, clock: systemClock, log: silentLogger, stopping };
    const result = await probePod(context, incident, helpers);
    process.stdout.write(
      `probe: ${result.verdict}, ${result.message}, ${Math.round(performance.now() - began)} ms\n`,
    );
    return result;
  })
  .extend('contain', async ({ access, client, namespace, operator, helpers }) => {
    expect(helpers).toContain('@sha256:');
    // Whether it may read Cilium's policies is asked seldom, and it was started before it could.
    await restartResponder(access);
    const { apiVersion, kind, spec } = aPolicy(ISOLATE);
    await client.create(DRIFT_POLICIES, { namespace }, { apiVersion, kind, metadata: { name: 'web' }, spec });
    return async (pod: RunningPod, what: string, holds: (incident: DriftIncident) => boolean) => {
      await operator.post(alertAbout(pod, { time: new Date().toISOString() }));
      const all = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items;
      const find = (found: DriftIncident[]) =>
        found.find((one) => one.spec.target.uid === pod.metadata.uid && holds(one));
      const incident = find(await eventually(what, all, (found) => find(found) !== undefined, 200_000));
      if (!incident) throw new Error('there is no incident');
      return incident;
    };
  });

async function left(client: KubeClient): Promise<string[]> {
  const { items } = await client.list<KubeObject>(PODS, { namespace: CAPTURE_NAMESPACE });
  const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return staying.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('probe-'));
}

describe('an incident of a pod in quarantine', () => {
  test(
    'is Verified where the network enforces, and Unenforced where a probe gets through on a node that passed its test',
    { timeout: 2 * PATIENCE_MS },
    async ({ client, namespace, suspect, deploy, contain, probe, node, unenforced: _afterwards }) => {
      await enforcePolicies(node, 'default');
      const began = performance.now();
      const pod = await suspect();
      const done = await contain(pod, 'it is verified', (one) => isolated(one)?.reason === 'Verified');
      process.stdout.write(`probe: alert to Verified: ${Math.round(performance.now() - began)} ms\n`);
      expect(isolated(done)).toMatchObject({
        status: 'True',
        message: expect.stringContaining('got nowhere'),
      });
      expect(done.status?.isolation?.enforcement?.verdict).toBe('Enforced');
      const kinds = done.status?.isolation?.paths?.map(({ kind }) => kind) ?? [];
      expect(kinds).not.toContain('Policy');

      const oneWay = await client.create<KubeObject>(NETWORK_POLICIES, { namespace }, ONE_WAY);
      await sleep(SETTLE_MS);
      expect(await probe(pod)).toMatchObject({ verdict: 'Open', message: IN });
      await client.delete(NETWORK_POLICIES, { namespace, name: 'one-way' }, oneWay.metadata.uid);

      await enforcePolicies(node, 'never');
      const [other] = await deploy('web', 1);
      if (!other) throw new Error('there is no pod');
      const open = await contain(other, 'a probe gets through', (one) => {
        return isolated(one)?.message.includes('a probe in the network of the pod got through') ?? false;
      });
      expect(isolated(open)).toMatchObject({ status: 'False', reason: 'Unenforced' });
      expect(isolated(open)?.message).toContain(`${OUT}, ${IN}`);
      expect(await left(client)).toEqual([]);
    },
  );
});
