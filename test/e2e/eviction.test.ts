// Evictions on a node with real kubelets and containers: past budgets, of pods that do not go, and of pods that others delete.
// What the incident says of the end of the containers is compared with what the node runs.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import {
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  POD_DISRUPTION_BUDGETS,
  PODS,
} from '../../src/kube/resources.ts';
import { alertAbout } from '../support/alerts.ts';
import { aPolicy } from '../support/builders.ts';
import { eventually } from '../support/real-api-test.ts';
import { containerId, deployment, isReady, type RunningPod } from './support/node-test.ts';
import { operatorTest } from './support/operator-test.ts';
import { processesOf } from './support/processes.ts';

const PATIENCE_MS = 150_000;
/** With the installation, on a busy machine. */
const TIMEOUT = { timeout: 300_000 };
const FINALIZER = 'example.com/hold';
/** A pod that keeps its labels, and so its budgets. */
const GENTLE = { limits: { perWorkload: { quarantined: 0 } } };
const GRACE_SECONDS = 12;

const reasonOf = ({ status }: DriftIncident) => findCondition(status?.conditions, 'Ready')?.reason;
const contained = ({ status }: DriftIncident) => findCondition(status?.conditions, 'Contained');
const isResolved = ({ status }: DriftIncident) => status?.phase === 'Resolved';

const test = operatorTest
  .extend('incident', ({ client, namespace }) => {
    return async (what: string, pleases: (incident: DriftIncident) => boolean): Promise<DriftIncident> => {
      const incidents = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items;
      let last = 'none';
      const isThere = ([first]: DriftIncident[]) => {
        if (first === undefined) return false;
        last = `${reasonOf(first)}: ${findCondition(first.status?.conditions, 'Ready')?.message}`;
        return pleases(first);
      };
      const [incident] = await eventually(what, incidents, isThere, PATIENCE_MS).catch((error: unknown) => {
        throw new Error(`the incident says ${last}`, { cause: error });
      });
      if (incident === undefined) throw new Error('there is no incident');
      return incident;
    };
  })
  .extend('policy', ({ client, namespace }) => async (change: object = {}) => {
    const { apiVersion, kind, spec } = aPolicy(change);
    await client.create(DRIFT_POLICIES, { namespace }, { apiVersion, kind, metadata: { name: 'web' }, spec });
  })
  .extend('budget', ({ client, namespace }) => async (name: string) => {
    const spec = { minAvailable: 3, selector: { matchLabels: { app: 'web' } } };
    const body = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name }, spec };
    const { metadata } = await client.create<KubeObject>(POD_DISRUPTION_BUDGETS, { namespace }, body);
    return () => client.delete(POD_DISRUPTION_BUDGETS, { namespace, name }, metadata.uid);
  })
  .extend('nodeKubelet', ({ node }, { onCleanup }) => {
    const programs = async (name: string) => {
      const found: number[] = [];
      for (const { pid } of processesOf(node.places)) {
        const exe = await readlink(`/proc/${pid}/exe`).catch(() => '');
        if (exe.endsWith(`/${name}`)) found.push(pid);
      }
      return found;
    };
    const signal = async (name: 'SIGSTOP' | 'SIGCONT') => {
      const kubelets = await programs('kubelet');
      expect(kubelets).toHaveLength(1);
      // Who waits for it in the node stops when it does, and does not go on with it.
      const waiting = name === 'SIGCONT' ? await programs('nsenter') : [];
      for (const pid of [...kubelets, ...waiting]) process.kill(pid, name);
    };
    onCleanup(() => signal('SIGCONT'));
    return { stop: () => signal('SIGSTOP'), goOn: () => signal('SIGCONT') };
  });

function oneOf(pods: RunningPod[]): RunningPod {
  const [pod] = pods;
  if (pod === undefined) throw new Error('there is no pod');
  return pod;
}

const alertOn = (pod: RunningPod) => alertAbout(pod, { time: new Date().toISOString() });

describe('a budget that allows no eviction', () => {
  test(
    'holds the pod after the wait',
    TIMEOUT,
    async ({ operator, deploy, policy, budget, incident, client }) => {
      await policy({ ...GENTLE, eviction: { waitForBudget: '6s' } });
      const pod = oneOf(await deploy('web', 3));
      await budget('strict');
      await operator.post(alertOn(pod));
      const held = await incident('it gave up', (now) => reasonOf(now) === 'EvictionTimeout');
      expect(findCondition(held.status?.conditions, 'Stalled')?.message).toContain('strict');
      const { namespace = '', name } = pod.metadata;
      const { metadata } = await client.get<KubeObject>(PODS, { namespace, name });
      expect(metadata.deletionTimestamp).toBeUndefined();
    },
  );

  test(
    'does not save it where the policy says so',
    TIMEOUT,
    async ({ operator, deploy, policy, budget, incident }) => {
      await policy({ ...GENTLE, eviction: { waitForBudget: '6s', then: 'Delete' } });
      const pod = oneOf(await deploy('web', 3));
      await budget('strict');
      await operator.post(alertOn(pod));
      const over = await incident('it is over', isResolved);
      expect(over.status?.eviction).toMatchObject({ by: 'Delete', gracePeriodSeconds: 1 });
      expect(contained(over)).toMatchObject({ status: 'True' });
    },
  );

  test('beside another one is named', TIMEOUT, async ({ operator, deploy, policy, budget, incident }) => {
    await policy(GENTLE);
    const pod = oneOf(await deploy('web', 3));
    await budget('one');
    await budget('two');
    await operator.post(alertOn(pod));
    const held = await incident('it is named', (now) => reasonOf(now) === 'MultipleDisruptionBudgets');
    expect(findCondition(held.status?.conditions, 'Stalled')).toMatchObject({ status: 'True' });
  });
});

describe('a pod that does not go', () => {
  test(
    'for a finalizer is contained before it is gone',
    TIMEOUT,
    async ({ operator, deploy, policy, incident, client }) => {
      await policy();
      const pod = oneOf(await deploy('web', 3));
      const { namespace = '', name } = pod.metadata;
      const hold = { op: 'add', path: '/metadata/finalizers', value: [FINALIZER] } as const;
      await client.jsonPatch(PODS, { namespace, name }, [hold]);
      await operator.post(alertOn(pod));
      const held = await incident('it is held', (now) => reasonOf(now) === 'HeldByFinalizer');
      expect(findCondition(held.status?.conditions, 'Stalled')?.message).toContain(FINALIZER);
      expect(contained(held)).toMatchObject({ status: 'True', reason: 'Terminated' });
      expect(await running(pod)).toBe(false);
      await client.jsonPatch(PODS, { namespace, name }, [{ op: 'remove', path: '/metadata/finalizers' }]);
      await incident('it is over', isResolved);
    },
  );

  test(
    'for a kubelet that is silent is not said to be contained while it runs',
    TIMEOUT,
    async ({ operator, deploy, policy, incident, nodeKubelet, budget }) => {
      await policy({
        ...GENTLE,
        responses: [{ name: 'out', minSeverity: 'Warning', actions: ['Isolate', 'Evict'] }],
      });
      const pod = oneOf(await deploy('web', 3));
      const remove = await budget('strict');
      // Its alert is sent from a pod, which takes a kubelet.
      await operator.post(alertOn(pod));
      await incident('it waits', (now) => reasonOf(now) === 'DisruptionBudget');
      await nodeKubelet.stop();
      await remove();
      const asked = await incident(
        'it was evicted',
        (now) => now.status?.eviction?.requestedAt !== undefined,
      );
      expect(contained(asked)).toBeUndefined();
      expect(await running(pod)).toBe(true);
      await nodeKubelet.goOn();
      const over = await incident('it is over', isResolved);
      expect(contained(over)).toMatchObject({ status: 'True', reason: 'Terminated' });
      expect(await running(pod)).toBe(false);
    },
  );
});

describe('a pod that somebody else deletes', () => {
  test(
    'keeps the grace that it got, and is contained when its containers have ended',
    TIMEOUT,
    async ({ operator, policy, incident, client, namespace, images }) => {
      await policy();
      await client.create(DEPLOYMENTS, { namespace }, deaf(images.peer));
      const ready = async () => (await client.list<RunningPod>(PODS, { namespace })).items.filter(isReady);
      const pod = oneOf(await eventually('two pods', ready, ({ length }) => length === 2, PATIENCE_MS));
      const { name, uid } = pod.metadata;
      await client.delete(PODS, { namespace, name }, uid);
      await operator.post(alertOn(pod));
      const waiting = await incident('it waits', (now) => reasonOf(now) === 'TerminatingByOthers');
      expect(findCondition(waiting.status?.conditions, 'Ready')?.message).toContain(`${GRACE_SECONDS} s`);
      expect(waiting.status?.evidence).toBeDefined();
      // Its grace may be hours, in which it is cut off.
      expect(waiting.status?.isolation).toMatchObject({ form: 'Gentle' });
      expect(await running(pod)).toBe(true);
      const over = await incident('it is over', (now) => now.status?.phase === 'TargetGone');
      expect(contained(over)).toMatchObject({ status: 'True', reason: 'Terminated' });
      expect(await running(pod)).toBe(false);
      const { metadata } = over;
      const eviction = over.status?.steps?.find((step) => step.name === 'Evict');
      expect([metadata.namespace, eviction]).toEqual([namespace, undefined]);
    },
  );
});

/** Two pods that ignore TERM, and use up their grace. */
function deaf(image: string): object {
  const command = ['sh', '-c', 'trap "" TERM; while true; do sleep 1; done'];
  const made = deployment({ name: 'web', replicas: 2, image }) as {
    spec: { template: { metadata: object } };
  };
  const spec = {
    terminationGracePeriodSeconds: GRACE_SECONDS,
    containers: [{ name: 'peer', image, command }],
  };
  const template = { ...made.spec.template, spec };
  return { ...made, spec: { ...made.spec, template } };
}

/** Whether a process of the container is there, as its node tells. */
async function running(pod: RunningPod): Promise<boolean> {
  const id = containerId(pod);
  const pids = (await readdir('/proc')).filter((one) => /^\d+$/.test(one));
  const groups = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')),
  );
  return groups.some((group) => group.includes(id));
}
