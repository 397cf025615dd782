// Promise 10: a firewall is only in the network of a pod in quarantine that was to have one, and a release leaves none.
import { isFinal, type DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE } from '../../../../src/api/names.ts';
import type { ClusterDriftPolicy } from '../../../../src/api/policy.ts';
import { argsOf, orderOf, type FirewallAct } from '../node-agent.ts';
import type { Judge } from '../promises.ts';
import type { Stage } from '../stage.ts';
import { known } from './known.ts';
import { isLabelled, named, podWrites } from './pods.ts';

/** See PROMISES. */
export const firewall: Judge = ({ stage }) => [
  ...stage.nodeAgent.acts.flatMap((act) => (act.action === 'cut' ? wrongCut(stage, act) : [])),
  ...decided(stage),
  ...releasedWithout(stage),
  ...leftBehind(stage),
];

function wrongCut(stage: Stage, act: FirewallAct): string[] {
  const { pod, incidents } = act;
  const what = `a firewall was put into the network of ${named(pod)}`;
  const of = incidents.filter(({ spec }) => spec.target.uid === pod.metadata.uid);
  const incident = of.find((each) => !isFinal(each));
  // The answer to the order was lost, and its incident deleted meanwhile: the pod goes, and its network with it.
  if (!incident && pod.metadata.deletionTimestamp !== undefined && wasOrdered(stage, act)) return [];
  if (!incident) return [`${what}, which has no open incident`];
  return [
    ...(isLabelled(pod) ? [] : [`${what}, which was not in quarantine`]),
    ...(incident.status?.isolation?.cut?.begunAt ? [] : [`${what}, and that was not written ahead`]),
    ...(isPermitted(stage) ? [] : [`${what}, which nobody permitted`]),
    ...(wasUncut(stage, act, incident) ? [`${what} after it was taken away`] : []),
  ];
}

function isPermitted({ log }: Stage): boolean {
  return log.changes.some(
    ({ of, object }) =>
      of === 'clusterdriftpolicies' && (object as ClusterDriftPolicy | undefined)?.spec.grants?.cut === true,
  );
}

function wasUncut({ nodeAgent }: Stage, act: FirewallAct, { metadata }: DriftIncident): boolean {
  return nodeAgent.acts.some(
    ({ action, at, pod, incidents }) =>
      action === 'uncut' &&
      at < act.at &&
      pod.metadata.uid === act.pod.metadata.uid &&
      incidents.some((each) => each.metadata.uid === metadata.uid && !isFinal(each)),
  );
}

/** Orders for a firewall, each with the incident of its pod as the sender had read it last. */
function orders(stage: Stage): { uid: string; servedAt: number; told: Incident }[] {
  const helpers = stage.log.writes.filter(
    ({ of, verb, namespace }) => of === 'pods' && verb === 'create' && namespace === CAPTURE_NAMESPACE,
  );
  return helpers.flatMap((write) => {
    const helper = write.body as KubeObject;
    const { action, uid } = orderOf(helper);
    if (argsOf(helper)[0] !== 'netns' || action !== 'cut') return [];
    const told = known(stage, write, ({ of, status, after }) => {
      return of === 'driftincidents' && status < 300 && (after as Incident)?.spec.target.uid === uid;
    }).at(-1)?.after as Incident;
    return [{ uid, servedAt: write.servedAt, told }];
  });
}

/** Whether it was ordered while the incident was open, and written ahead in it. */
function wasOrdered(stage: Stage, { at, pod }: FirewallAct): boolean {
  return orders(stage).some(
    ({ uid, servedAt, told }) =>
      uid === pod.metadata.uid &&
      servedAt <= at &&
      told !== undefined &&
      !isFinal(told) &&
      told.status?.isolation?.cut?.begunAt !== undefined,
  );
}

/** Helpers that were started although people had said something else, as their sender knew. */
function decided(stage: Stage): string[] {
  return orders(stage).flatMap(({ uid, told }) => {
    if (!told) return [`a firewall for pod ${uid} was begun without having read its incident`];
    return told.spec.decision || told.metadata.deletionTimestamp !== undefined
      ? [`a firewall for pod ${uid} was begun after its incident was read as decided`]
      : [];
  });
}

type Incident = DriftIncident | undefined;

function releasedWithout(stage: Stage): string[] {
  return podWrites(stage)
    .filter(({ before, after, kind }) => kind === 'Restore' && isLabelled(before) && !isLabelled(after))
    .filter(({ before, servedAt }) => isCut(stage, before, servedAt))
    .map(({ before }) => `${named(before)} was released with a firewall in its network`);
}

function leftBehind(stage: Stage): string[] {
  const recorded = new Set(
    stage
      .incidents()
      .filter((incident) => !isFinal(incident) && incident.status?.isolation?.cut)
      .map(({ spec }) => spec.target.uid),
  );
  return stage
    .pods()
    .filter((pod) => isCut(stage, pod, Infinity) && !recorded.has(pod.metadata.uid))
    .map((pod) => `${named(pod)} has a firewall in its network that no open incident tells of`);
}

function isCut({ nodeAgent }: Stage, { metadata }: KubeObject, until: number): boolean {
  const acts = nodeAgent.acts.filter(({ at, pod }) => at <= until && pod.metadata.uid === metadata.uid);
  return acts.at(-1)?.action === 'cut';
}
