// `tableTest`: workloads of every kind with policies of their own, the commands by which a person answers, and a printed row for
// what an incident says.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findCondition } from '../../../src/api/conditions.ts';
import { isFinal, type DriftIncident } from '../../../src/api/incident.ts';
import {
  DAEMON_SETS,
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  JOBS,
  PODS,
  REPLICA_SETS,
  STATEFUL_SETS,
} from '../../../src/kube/resources.ts';
import { alertAbout } from '../../support/alerts.ts';
import { aPolicy } from '../../support/builders.ts';
import { eventually } from '../../support/real-api-test.ts';
import { deployment, isReady, type RunningPod } from './node-test.ts';
import { operatorTest } from './operator-test.ts';

const PROGRAM = join(import.meta.dirname, '../../../bin/die-operator.js');
const PATIENCE_MS = 150_000;

/** Who makes the pods; `Pod`: nobody does. */
const RESOURCES = {
  Deployment: DEPLOYMENTS,
  StatefulSet: STATEFUL_SETS,
  DaemonSet: DAEMON_SETS,
  Job: JOBS,
  ReplicaSet: REPLICA_SETS,
  Pod: PODS,
} as const;
export type OwnerKind = keyof typeof RESOURCES;

/** A workload to be; its pods have the label `app` with its name. */
export interface Workload {
  kind: OwnerKind;
  name: string;
  /** Of a Deployment, StatefulSet or ReplicaSet; 1 if it is not said. */
  replicas?: number;
  /** More of its spec. */
  spec?: object;
}

/**
 * The fixtures beyond those of `operatorTest`: `policy(change, name)`; `start(...workloads)`, which resolves, when all pods are
 * Ready, to what finds one by the name of its workload; `readyPods(name, count)`; `alert(pod)`; `incidentOf(pod, what, holds)`, which
 * waits until it does; and `answer(verb, incident)`, which resolves to what the command showed.
 */
export const tableTest = operatorTest
  .extend('policy', ({ client, namespace }) => async (change: object = {}, name = 'web') => {
    const { apiVersion, kind, spec } = aPolicy(change);
    await client.create(DRIFT_POLICIES, { namespace }, { apiVersion, kind, metadata: { name }, spec });
  })
  .extend('readyPods', ({ client, namespace }) => (name: string, count: number) => {
    const labelSelector = `app=${name}`;
    const ready = async () =>
      (await client.list<RunningPod>(PODS, { namespace, labelSelector })).items.filter(isReady);
    return eventually(`${count} Ready of ${name}`, ready, ({ length }) => length === count, PATIENCE_MS);
  })
  .extend('start', ({ client, namespace, images, readyPods }) => async (...workloads: Workload[]) => {
    for (const one of workloads)
      await client.create(RESOURCES[one.kind], { namespace }, manifestOf(one, images.peer));
    const all = workloads.map(
      async ({ name, replicas = 1 }) => [name, await readyPods(name, replicas)] as const,
    );
    const pods = new Map(await Promise.all(all));
    return (name: string, index = 0): RunningPod => {
      const pod = pods.get(name)?.[index];
      if (pod === undefined) throw new Error(`there is no pod ${index} of ${name}`);
      return pod;
    };
  })
  .extend('alert', ({ operator }) => async (pod: RunningPod) => {
    const { status } = await operator.post(alertAbout(pod, { time: new Date().toISOString() }));
    if (status !== 202) throw new Error(`the alert was answered with ${status}`);
  })
  .extend('incidentOf', ({ client, namespace }) => {
    return async (pod: RunningPod, what: string, holds: (incident: DriftIncident) => boolean) => {
      let last = 'nothing: there is none';
      const ask = async () => {
        const { items } = await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace });
        const found = items.find(({ spec }) => spec.target.uid === pod.metadata.uid);
        if (found) last = describe(found);
        return found;
      };
      const pleases = (found?: DriftIncident) => found !== undefined && holds(found);
      const incident = await eventually(what, ask, pleases, PATIENCE_MS).catch((error: unknown) => {
        throw new Error(`the incident of ${pod.metadata.name} says ${last}`, { cause: error });
      });
      if (incident === undefined) throw new Error('there is no incident');
      return incident;
    };
  })
  .extend('answer', ({ access, namespace }) => {
    return async (verb: 'approve' | 'deny', { metadata: { name } }: DriftIncident) => {
      const options = ['--yes', '--reason', 'a test', '--wait', '0s', '--kubeconfig', access.adminKubeconfig];
      const command = [PROGRAM, verb, '-n', namespace, name, ...options];
      return (await promisify(execFile)(process.execPath, command)).stdout;
    };
  });

function manifestOf({ kind, name, replicas = 1, spec: more }: Workload, image: string): object {
  const made = deployment({ name, replicas, image }) as { spec: { selector: object; template: Template } };
  const { selector, template } = made.spec;
  const metadata = { name };
  const apps = (spec: object) => ({ apiVersion: 'apps/v1', kind, metadata, spec: { ...spec, ...more } });
  switch (kind) {
    case 'Pod':
      return { apiVersion: 'v1', kind, metadata: { name, ...template.metadata }, spec: template.spec };
    case 'Job': {
      const once = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
      return { apiVersion: 'batch/v1', kind, metadata, spec: { template: once, ...more } };
    }
    case 'DaemonSet':
      return apps({ selector, template });
    case 'StatefulSet':
      return apps({ replicas, serviceName: name, selector, template });
    default:
      return apps({ replicas, selector, template });
  }
}

interface Template {
  metadata: { labels: Record<string, string> };
  spec: object;
}

/** Whether nothing more is done without a person. */
export function rests(incident: DriftIncident): boolean {
  return isFinal(incident) || incident.status?.phase === 'AwaitingApproval';
}

/** The phase and the reason of `Ready`, as `Resolved/Replaced`. */
export function endOf({ status }: DriftIncident): string {
  return `${status?.phase}/${findCondition(status?.conditions, 'Ready')?.reason}`;
}

/** Prints a row of the table, and returns {@link endOf} it. */
export function row(owner: string, situation: string, incident: DriftIncident): string {
  const columns = [owner, situation, doneTo(incident), describe(incident)];
  process.stdout.write(`table: ${columns.join(' | ')}\n`);
  return endOf(incident);
}

function describe(incident: DriftIncident): string {
  return `${endOf(incident)}: ${findCondition(incident.status?.conditions, 'Ready')?.message}`;
}

function doneTo({ status = { reports: {} } }: DriftIncident): string {
  const { isolation, plan, decisions = [], eviction, replacement } = status;
  const revision = replacement?.otherRevision === true ? 'the next' : 'the same';
  const asked = eviction?.requestedAt !== undefined;
  return [
    `isolated as ${isolation?.form} (${plan?.message})`,
    ...decisions.map(({ action }) => `a person: ${action}`),
    asked ? `${eviction?.by} of ${eviction?.gracePeriodSeconds} s` : 'not evicted',
    ...(replacement ? [`${replacement.name} of ${revision} revision came`] : []),
  ].join(', ');
}
