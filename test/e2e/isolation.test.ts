// What an incident says about the isolation of its pod, against what really gets through: without another policy, with one
// that allows everything, and with Cilium's deny over it.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { BACKEND_POLICIES, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import {
  CILIUM_CLUSTERWIDE_NETWORK_POLICIES,
  CILIUM_NETWORK_POLICIES,
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  NETWORK_POLICIES,
  PODS,
} from '../../src/kube/resources.ts';
import { alertAbout } from '../support/alerts.ts';
import { aPolicy } from '../support/builders.ts';
import { Fleet, postTo } from '../support/fleet.ts';
import { print } from '../support/fleet-test.ts';
import { install } from '../support/installed-test.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { createRunFolder } from '../support/run-folder.ts';
import { applyComponent, removeComponent, withdrawAll } from './support/components.ts';
import { deployment, isReady, nodeTest, type RunningPod } from './support/node-test.ts';
import { traffic } from './support/traffic.ts';

const COMPONENT = 'components/cilium';
const CONTAIN = { responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }] };
/** Three probes a second apart fail, and the kubelet restarts the container: twice that. */
const RESTARTED_MS = 8_000;

const test = nodeTest
  .extend('installed', { scope: 'test' }, async ({ access, client }, { onCleanup }) => {
    await withdrawAll(access);
    await install(access, client, 'overlays/enforce');
    // The same program runs beside the cluster.
    await kubectl(access, '-n', SYSTEM_NAMESPACE, 'scale', 'deployment', '--all', '--replicas=0');
    onCleanup(() => removeComponent(access, COMPONENT));
    await applyComponent(access, COMPONENT, ['rights.yaml']);
    return access;
  })
  .extend('fleet', ({ installed }, { onCleanup }): Fleet => {
    const run = createRunFolder();
    const fleet = new Fleet(installed, run);
    onCleanup(async () => {
      await fleet.end();
      await run.remove();
    });
    return fleet;
  })
  .extend('suspects', ({ client, namespace, images }) => async (): Promise<RunningPod[]> => {
    const body = deployment({ name: 'suspect', replicas: 2, image: images.peer }) as {
      spec: { template: { spec: { containers: object[] } } };
    };
    const livenessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1, failureThreshold: 3 };
    const { spec } = body.spec.template;
    spec.containers = spec.containers.map((container) => ({ ...container, livenessProbe }));
    await client.create(DEPLOYMENTS, { namespace }, body);
    const ready = async () =>
      (await client.list<RunningPod>(PODS, { namespace, labelSelector: 'app=suspect' })).items.filter(
        isReady,
      );
    return eventually('two Ready suspects', ready, ({ length }) => length === 2, 60_000);
  });

const isolated = (incident: DriftIncident | undefined) => {
  const { status, reason } = findCondition(incident?.status?.conditions, 'Isolated') ?? {};
  return `${status}/${reason}`;
};

/** Nothing is known to be open; whether that is proven depends on the test of the node. */
const isClosed = (incident: DriftIncident | undefined) =>
  ['Unknown/Pending', 'True/Enforced'].includes(isolated(incident)) && ofPolicies(incident).length === 0;

const ofPolicies = (incident: DriftIncident | undefined) =>
  incident?.status?.isolation?.paths?.filter(({ kind }) => kind === 'Policy') ?? [];

describe('the isolation of a pod on a real network', () => {
  test(
    'is said to be what it is, whatever policies come and go',
    { timeout: 300_000 },
    async ({ access, client, namespace, deploy, exec, fleet, suspects }) => {
      const namespaces = [namespace];
      const [receiver] = await Promise.all([
        fleet.start({ name: `${namespace}-receiver`, role: 'receiver', namespaces }),
        fleet.start({ name: `${namespace}-responder`, role: 'responder', namespaces }),
      ]);
      const { apiVersion, kind, spec } = aPolicy(CONTAIN);
      await client.create(
        DRIFT_POLICIES,
        { namespace },
        { apiVersion, kind, metadata: { name: 'web' }, spec },
      );
      const [[suspect], [peer]] = await Promise.all([suspects(), deploy('web', 1)]);
      if (suspect === undefined || peer === undefined) throw new Error('a pod is missing');
      const measure = async () => {
        const [out, into] = await Promise.all([traffic(exec, suspect, peer), traffic(exec, peer, suspect)]);
        return { out, into };
      };
      const look = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items[0];
      const says = async (what: string, holds: (incident: DriftIncident | undefined) => boolean) => {
        const began = performance.now();
        const incident = await eventually(what, look, holds, 30_000);
        print(`${what}: ${Math.round(performance.now() - began)} ms after it was asked for`);
        return incident;
      };
      const allowAll = () =>
        client.create<KubeObject>(
          NETWORK_POLICIES,
          { namespace },
          {
            apiVersion: 'networking.k8s.io/v1',
            kind: 'NetworkPolicy',
            metadata: { name: 'allow-all' },
            spec: { podSelector: {}, egress: [{}], policyTypes: ['Egress'] },
          },
        );
      expect(await measure()).toEqual({ out: 'reaches', into: 'reaches' });

      // Without another policy.
      await postTo(receiver, alertAbout(suspect, { time: new Date().toISOString() }));
      await says('isolated', (i) => i?.status?.phase === 'Quarantined');
      await eventually(
        'the network enforces it',
        measure,
        ({ out, into }) => out === 'cut' && into === 'cut',
      );
      const alone = await says('closed', isClosed);
      expect(alone?.status?.isolation?.paths?.map(({ kind: path }) => path)).toEqual(['Node', 'Exec']);

      // One that allows every pod of the namespace the way out.
      const leak = await allowAll();
      const partial = await says('partial', (i) => isolated(i) === 'False/Partial');
      const policy = `NetworkPolicy ${namespace}/allow-all`;
      expect(ofPolicies(partial)).toEqual([
        { kind: 'Policy', direction: 'Egress', peer: 'everybody', ports: 'all ports', policy },
      ]);
      await eventually('it leaks', measure, ({ out, into }) => out === 'reaches' && into === 'cut');

      await client.delete(NETWORK_POLICIES, { namespace, name: 'allow-all' }, leak.metadata.uid);
      await says('closed again', isClosed);
      await eventually('it leaks no more', measure, ({ out, into }) => out === 'cut' && into === 'cut');

      // One of Cilium's own, seen as well.
      const own = await client.create<KubeObject>(
        CILIUM_NETWORK_POLICIES,
        { namespace },
        {
          apiVersion: 'cilium.io/v2',
          kind: 'CiliumNetworkPolicy',
          metadata: { name: 'let-in' },
          spec: { endpointSelector: {}, ingress: [{ fromEndpoints: [{}] }] },
        },
      );
      await eventually(
        'it leaks the other way',
        measure,
        ({ out, into }) => out === 'cut' && into === 'reaches',
      );
      const seen = await says("Cilium's own", (i) => isolated(i) === 'False/Partial');
      expect(ofPolicies(seen)).toEqual([
        {
          kind: 'Policy',
          direction: 'Ingress',
          peer: 'all pods',
          ports: 'all ports',
          policy: `CiliumNetworkPolicy ${namespace}/let-in`,
        },
      ]);

      // Both again, under Cilium's deny.
      await allowAll();
      await eventually('both leak', measure, ({ out, into }) => out === 'reaches' && into === 'reaches');
      await says('both partial', (i) => ofPolicies(i).length === 2);
      await applyComponent(access, COMPONENT, ['policy.yaml']);
      const denied = await says('denied', isClosed);
      expect(denied?.status?.isolation?.paths?.map(({ kind: path }) => path)).toEqual(['Node', 'Exec']);
      await eventually('the deny is enforced', measure, ({ out, into }) => out === 'cut' && into === 'cut');
      await sleep(RESTARTED_MS);
      expect(await measure()).toEqual({ out: 'cut', into: 'cut' });
      const kept = await client.get<RunningPod>(PODS, { namespace, name: suspect.metadata.name });
      expect(isReady(kept)).toBe(true);
      expect(kept.status.containerStatuses).toMatchObject([{ ready: true, restartCount: 0 }]);

      // Weakened by hand: its name is there, and what it denies is not.
      const at = { name: BACKEND_POLICIES.cilium };
      await client.jsonPatch(CILIUM_CLUSTERWIDE_NETWORK_POLICIES, at, [
        { op: 'replace', path: '/spec/egressDeny', value: [{ toEntities: ['world'] }] },
      ]);
      const weak = await says('weakened', (i) => isolated(i) === 'False/Partial');
      expect(ofPolicies(weak).map((path) => path.policy)).toEqual([policy]);
      await eventually('and it leaks', measure, ({ out, into }) => out === 'reaches' && into === 'cut');
      await client.delete(CILIUM_NETWORK_POLICIES, { namespace, name: 'let-in' }, own.metadata.uid);
    },
  );
});
