// What becomes of a pod by who owns it and by what happens around it, on a real node with the real controllers: what is done, and
// what the incident says.
import { describe, expect } from 'vitest';
import { isFinal, type DriftIncident, type Need } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import { DRIFT_POLICIES, JOBS, PODS, RESOURCE_QUOTAS, type Resource } from '../../src/kube/resources.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import type { RunningPod } from './support/node-test.ts';
import { endOf, rests, row, tableTest, type OwnerKind } from './support/table.ts';

/** With the installation, on a busy machine. */
const TIMEOUT = { timeout: 420_000 };
const PATIENCE_MS = 60_000;
const REPLACED = 'Resolved/Replaced';
const ASKED = 'AwaitingApproval/AwaitingApproval';
const SCALERS: Resource = {
  group: 'autoscaling',
  version: 'v2',
  plural: 'horizontalpodautoscalers',
  kind: 'HorizontalPodAutoscaler',
  namespaced: true,
};

/** What an incident says once it rests, and after a person answered where one is asked. */
interface Said {
  form: string | undefined;
  needs?: Need[];
  rests: string;
  ends?: string;
}
type Verb = 'approve' | 'deny';
interface Case {
  kind: OwnerKind;
  replicas?: number;
  answer?: Verb;
  said: Said;
}

const AT_ONCE: Said = { form: 'Orphan', rests: REPLACED };
const asks = (needs: Need[], answer: Verb, ends: string) => {
  return { answer, said: { form: 'Gentle', needs, rests: ASKED, ends } };
};
const ONLY_ONE: Need[] = ['SingleReplica', 'LastReadyCopy'];

/** By the names of the workloads. */
const CASES: Record<string, Case> = {
  'deployment-of-3': { kind: 'Deployment', replicas: 3, said: AT_ONCE },
  'deployment-of-1': { kind: 'Deployment', ...asks(ONLY_ONE, 'deny', 'Quarantined/EvictionDenied') },
  'statefulset-of-2': { kind: 'StatefulSet', replicas: 2, ...asks(['StatefulSet'], 'approve', REPLACED) },
  'daemonset-on-1-node': { kind: 'DaemonSet', ...asks(ONLY_ONE, 'approve', REPLACED) },
  job: { kind: 'Job', said: AT_ONCE },
  'replicaset-of-2': { kind: 'ReplicaSet', replicas: 2, said: AT_ONCE },
  'bare-pod': { kind: 'Pod', ...asks(['BarePod'], 'approve', 'Resolved/NoReplacementNeeded') },
};

interface Quota extends KubeObject {
  status?: { hard?: { pods: string }; used?: { pods: string } };
}
interface Job extends KubeObject {
  status?: { active?: number; failed?: number };
}

const test = tableTest
  .extend('read', ({ client, namespace }) => ({ metadata: { name } }: RunningPod) => {
    return client.get<RunningPod>(PODS, { namespace, name });
  })
  // The answers of people as the case says, if it does.
  .extend('course', ({ incidentOf, answer }) => {
    return async (pod: RunningPod, name: string, verb?: Verb): Promise<Said> => {
      const resting = await incidentOf(pod, 'it rests', rests);
      const { isolation, plan } = resting.status ?? {};
      const needs = plan?.needs && { needs: plan.needs };
      const said = { form: isolation?.form, ...needs, rests: row(name, 'well', resting) };
      if (verb === undefined) return said;
      await answer(verb, resting);
      const isOver = (now: DriftIncident) => isFinal(now) || now.status?.phase === 'Quarantined';
      const over = await incidentOf(pod, `${verb} has counted`, (now) => isOver(now) && isAnswered(now));
      return { ...said, ends: row(name, 'well', over) };
    };
  })
  // Sets how many pods it allows; resolves when its controller has counted so many.
  .extend('quota', ({ access, client, namespace }) => async (pods: number, used: number) => {
    const [name, hard] = ['few', { pods: String(pods) }];
    const spec = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name }, spec: { hard } };
    const there = await client.list<Quota>(RESOURCE_QUOTAS, { namespace });
    if (there.items.length === 0) await client.create(RESOURCE_QUOTAS, { namespace }, spec);
    else await kubectl(access, '-n', namespace, 'patch', 'quota', name, '-p', JSON.stringify(spec));
    const ask = () => client.get<Quota>(RESOURCE_QUOTAS, { namespace, name });
    const isCounted = ({ status }: Quota) =>
      status?.hard?.pods === hard.pods && status.used?.pods === String(used);
    await eventually(`${used} of ${pods} pods are counted`, ask, isCounted, PATIENCE_MS);
  })
  .extend('change', ({ access, namespace }) => async (...args: string[]) => {
    await kubectl(access, '-n', namespace, ...args);
  });

function isAnswered({ status }: DriftIncident): boolean {
  return (status?.decisions ?? []).length > 0;
}

describe('a pod of a workload that is well', () => {
  test(
    'goes as its owner lets it, or waits for a person',
    TIMEOUT,
    async ({ client, namespace, policy, start, alert, course, read, incidentOf }) => {
      await policy({ eviction: { replacement: { quietFor: '2s', readyWithin: '60s' } } });
      const all = Object.entries(CASES);
      const podOf = await start(...all.map(([name, one]) => ({ ...one, name })));
      for (const [name] of all) await alert(podOf(name));
      const said: Record<string, Said> = {};
      for (const [name, { answer }] of all) said[name] = await course(podOf(name), name, answer);
      expect(said).toEqual(Object.fromEntries(all.map(([name, one]) => [name, one.said])));

      const denied = podOf('deployment-of-1').metadata;
      const { metadata } = await read(podOf('deployment-of-1'));
      expect(metadata.uid).toBe(denied.uid);
      expect(metadata.labels).toMatchObject({ ...denied.labels, [QUARANTINE_LABEL]: 'true' });
      const member = podOf('statefulset-of-2');
      const { uid } = (await read(member)).metadata;
      expect(uid).not.toBe(member.metadata.uid);
      const { status } = await incidentOf(member, 'it is over', isFinal);
      expect(status?.replacement).toMatchObject({ name: member.metadata.name, uid });
      // What was taken out of a Job is no failure of it.
      const job = await client.get<Job>(JOBS, { namespace, name: 'job' });
      expect([job.status?.active, job.status?.failed]).toEqual([1, undefined]);
    },
  );
});

describe('a pod in a namespace whose quota is full', () => {
  test(
    'is not taken out beside its replacement, and what has no room even after it is told',
    TIMEOUT,
    async ({ client, namespace, policy, start, quota, alert, incidentOf }) => {
      // A ReplicaSet tries again ever more slowly while the pod that goes is still counted.
      await policy({ eviction: { replacement: { quietFor: '2s', readyWithin: '120s' } } });
      const podOf = await start({ kind: 'Deployment', name: 'web', replicas: 3 });
      const [first, second, third] = [podOf('web'), podOf('web', 1), podOf('web', 2)];
      await quota(3, 3);
      await alert(first);
      const over = await incidentOf(first, 'it is over', isFinal);
      expect(row('deployment-of-3', 'quota of 3 pods', over)).toBe(REPLACED);
      expect(over.status?.isolation?.form).toBe('Gentle');
      expect(over.status?.plan?.message).toContain(
        'could not be started while the pod goes on using its part of the quota, as quota few allows 3 of pods, and 3 are used',
      );

      const path = '/spec/eviction/replacement/readyWithin';
      const sooner = [{ op: 'replace', path, value: '20s' }] as const;
      await client.jsonPatch(DRIFT_POLICIES, { namespace, name: 'web' }, sooner);
      await quota(2, 3);
      await alert(second);
      const failed = await incidentOf(second, 'it is over', isFinal);
      expect(row('deployment-of-3', 'quota of 2 pods', failed)).toBe('Failed/NoReplacement');
      expect(failed.status?.plan?.message).toContain(
        'A replacement could not be started: quota few allows 2 of pods, and 3 are used.',
      );

      await alert(third);
      const resting = await incidentOf(third, 'it rests', rests);
      expect(row('deployment-of-3', 'after a replacement that did not come', resting)).toBe(ASKED);
      expect(resting.status?.plan?.needs).toEqual(['BadReplacement']);
    },
  );
});

describe('a pod of a Deployment that changes meanwhile', () => {
  test(
    'waits while a rollout is stuck, else goes: for one of the next revision, or for none where fewer are wanted',
    TIMEOUT,
    async ({ client, namespace, policy, start, readyPods, change, alert, incidentOf }) => {
      // Longer than a step of the rollout takes: that ends the first replacement, which is of the old revision.
      const quiet = { rolling: '15s', stuck: '2s', scaled: '15s' };
      const names = ['rolling', 'stuck', 'scaled'] as const;
      for (const name of names) {
        const match = { podSelector: { matchLabels: { app: name } } };
        const replacement = { quietFor: quiet[name], readyWithin: name === 'scaled' ? '25s' : '60s' };
        await policy({ match, eviction: { replacement } }, name);
      }
      const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
      const spec = { strategy, minReadySeconds: 10 };
      const workloads = names.map((name) => ({ kind: 'Deployment' as const, name, replicas: 3, spec }));
      const podOf = await start(...workloads);
      await client.create(SCALERS, { namespace }, scalerOf('scaled'));

      await alert(podOf('scaled'));
      // Before that the ReplicaSet may choose the very pod.
      const isAsked = ({ status }: DriftIncident) => status?.eviction?.requestedAt !== undefined;
      await incidentOf(podOf('scaled'), 'its eviction is asked for', isAsked);
      await change('scale', 'deployment/scaled', '--replicas=2');

      await change('patch', 'deployment', 'stuck', '--patch', JSON.stringify(neverReady()));
      const all = async () =>
        (await client.list<RunningPod>(PODS, { namespace, labelSelector: 'app=stuck' })).items;
      await eventually('the next one of stuck', all, ({ length }) => length === 4, PATIENCE_MS);
      await alert(podOf('stuck'));

      await change('set', 'env', 'deployment/rolling', 'NEXT=1');
      await readyPods('rolling', 4);
      await alert(podOf('rolling'));

      const waits = (now: DriftIncident) => endOf(now) === 'Quarantined/MaxUnavailable';
      const held = await incidentOf(podOf('stuck'), 'it waits', waits);
      row('deployment-of-3', 'a rollout that is stuck', held);
      expect(held.status?.isolation?.form).toBe('Gentle');
      await change('rollout', 'undo', 'deployment/stuck');
      const end = async (name: string, situation: string) =>
        row('deployment-of-3', situation, await incidentOf(podOf(name), 'it is over', isFinal));
      const ends = {
        stuck: await end('stuck', 'a rollout that was stuck and is taken back'),
        rolling: await end('rolling', 'a rollout'),
        scaled: await end('scaled', 'scaled to 2'),
      };
      const needless = 'Resolved/NoReplacementNeeded';
      expect(ends).toEqual({ stuck: REPLACED, rolling: REPLACED, scaled: needless });
      const { status } = await incidentOf(podOf('rolling'), 'it is over', isFinal);
      expect(status?.replacement?.otherRevision).toBe(true);
    },
  );
});

/** It has no metrics here, and so leaves the scaling to the test. */
function scalerOf(name: string): object {
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name };
  const spec = { scaleTargetRef, minReplicas: 2, maxReplicas: 5 };
  return { apiVersion: 'autoscaling/v2', kind: SCALERS.kind, metadata: { name }, spec };
}

/** A next revision whose pods do not become Ready. */
function neverReady(): object {
  const readinessProbe = { httpGet: null, exec: { command: ['cat', '/missing'] } };
  return { spec: { template: { spec: { containers: [{ name: 'peer', readinessProbe }] } } } };
}
