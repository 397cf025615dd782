// What became of a wave: the promises, judged by the API server's audit log and by what is there in the end, and counts.
import { verifyManifest } from '../../src/evidence/verify.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../src/api/names.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DEPLOYMENTS, DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import type { AuditCall } from './audit-log.ts';
import { evictionsOf, isDone } from './audited.ts';
import type { Delivery } from './wave.ts';
import type { World } from './world.ts';

/** What there is at the end of a wave. */
export interface Remains {
  incidents: readonly DriftIncident[];
  pods: readonly KubeObject[];
  deployments: readonly KubeObject[];
}

/**
 * Reads it, once the Deployments say that they are Ready, or after long enough: kube-controller-manager writes their
 * status after us, and later still where its API server was killed.
 */
export async function remainsOf(world: World): Promise<Remains> {
  const look = async () => (await world.list(DEPLOYMENTS)).flatMap(notReady).length === 0 || undefined;
  await world.until('Ready Deployments', look).catch(() => undefined);
  const [incidents, pods, deployments] = await Promise.all([
    world.list<DriftIncident>(DRIFT_INCIDENTS),
    world.list(PODS),
    world.list(DEPLOYMENTS),
  ]);
  return { incidents, pods, deployments };
}

/** What is wrong with the end: an alert without its one incident, an incident without its end, a pod without its successor. */
export async function wrongEnds(
  { incidents, pods, deployments }: Remains,
  deliveries: readonly Delivery[],
): Promise<string[]> {
  const byPod = Map.groupBy(incidents, ({ spec }) => spec.target.uid);
  const present = new Map(pods.map((pod) => [pod.metadata.uid, pod]));
  const successors = Map.groupBy(incidents, ({ status }) => status?.replacement?.uid ?? '');
  const evidence = await Promise.all(incidents.map(wrongEvidence));
  return [
    ...deliveries.flatMap(({ pod: { metadata }, outcome }) => {
      const count = byPod.get(metadata.uid)?.length ?? 0;
      return count === 1 ? [] : [`${metadata.name}, answered ${outcome}, has ${count} incidents`];
    }),
    ...incidents
      .filter(({ status }) => status?.phase !== 'Resolved')
      .map(
        ({ metadata, status }) =>
          `${metadata.name} ended as ${status?.phase}: ${JSON.stringify(status?.conditions)}`,
      ),
    ...[...successors]
      .filter(([, all]) => all.length > 1)
      .map(([uid, all]) => `${all.length} incidents name ${uid}`),
    ...incidents
      .filter(({ status }) => !present.has(status?.replacement?.uid ?? ''))
      .map(({ metadata }) => `the replacement that ${metadata.name} names is not there`),
    ...incidents
      .filter(({ spec }) => present.has(spec.target.uid))
      .map(({ spec }) => `${spec.target.name} is still there`),
    ...pods
      .filter(({ metadata }) => metadata.labels?.[QUARANTINE_LABEL] !== undefined)
      .map(({ metadata }) => `${metadata.name} is left in quarantine`),
    ...deployments.flatMap(notReady),
    ...evidence.flat(),
  ];
}

function notReady({ metadata, ...deployment }: KubeObject): string[] {
  const { spec, status } = deployment as unknown as {
    spec: { replicas: number };
    status: { readyReplicas?: number; replicas?: number };
  };
  const isReady = status.readyReplicas === spec.replicas && status.replicas === spec.replicas;
  return isReady ? [] : [`${metadata.name} has ${status.readyReplicas} of ${spec.replicas} Ready`];
}

/** The evidence that the incident names, hashed again. */
async function wrongEvidence({ metadata, status }: DriftIncident): Promise<string[]> {
  const { evidence } = status ?? {};
  if (!evidence) return [`${metadata.name} has no evidence`];
  const differences = await verifyManifest(evidence.location, evidence.manifestSha256);
  return differences.map(({ path, detail }) => `evidence of ${metadata.name}: ${path} ${detail}`);
}

/** Numbers of a wave. */
export interface WaveCounts {
  alerts: number;
  /** Answers of the intake, by outcome. */
  answers: Record<string, number>;
  unanswered: number;
  refused: number;
  evictions: number;
  /** Evictions of a pod beyond its first. */
  duplicates: number;
  /** From the answer to the alert until the pod was isolated, in milliseconds: median and longest. */
  isolation: { p50: number; max: number };
}

/** Counts; `calls` are the writes of the operator. */
export function countsOf(calls: readonly AuditCall[], deliveries: readonly Delivery[]): WaveCounts {
  const evictions = [...evictionsOf(calls).values()];
  const isolations = isolationTimes(calls, deliveries).toSorted((a, b) => a - b);
  const answers = Map.groupBy(deliveries, ({ outcome }) => outcome);
  return {
    alerts: deliveries.length,
    answers: Object.fromEntries([...answers].map(([outcome, all]) => [outcome, all.length])),
    unanswered: sum(deliveries.map(({ unanswered }) => unanswered)),
    refused: sum(deliveries.map(({ refused }) => refused)),
    evictions: evictions.flat().length,
    duplicates: evictions.flat().length - evictions.length,
    isolation: { p50: isolations[Math.floor(isolations.length / 2)] ?? NaN, max: isolations.at(-1) ?? NaN },
  };
}

function isolationTimes(calls: readonly AuditCall[], deliveries: readonly Delivery[]): number[] {
  const patches = calls.filter((call) => call.resource === 'pods' && call.verb === 'patch' && isDone(call));
  const first = new Map(
    patches.toReversed().map(({ name, answeredAt = '' }) => [name, Date.parse(answeredAt)]),
  );
  return deliveries.map(({ pod, answeredAt }) => (first.get(pod.metadata.name) ?? NaN) - answeredAt);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
