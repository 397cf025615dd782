// Promise 3, of what a workload can spare: told by the pods as they were, by the Deployment, and by nothing the operator counts.
import type { KubeObject } from '../../../../src/api/meta.ts';
import { responseOf } from '../../../../src/decide/merge.ts';
import type { Budget } from '../../../../src/embedded/conditions.ts';
import { selects } from '../../../../src/embedded/selectors.ts';
import { isReady } from '../../../support/world.ts';
import type { Judge } from '../promises.ts';
import type { Around } from '../server-log.ts';
import { BLINDING, incidentOf } from './destructive.ts';
import { isOrphan, isPastBudget, named, podWrites, type PodWrite } from './pods.ts';

/** See PROMISES. Who is Ready is known by watches: where these were disturbed, nobody can know better. */
export const spared: Judge = ({ stage }) => {
  if (stage.history.faults.some(({ kind }) => BLINDING.has(kind))) return [];
  return (
    podWrites(stage)
      // What may be deleted past its budget is judged as that.
      .filter((write) => takesOut(write) && !isPastBudget(write))
      .flatMap((write) => [...brokenBudgets(write), ...fullQuotas(write), ...overShare(write)])
  );
};

function takesOut({ kind, before, after }: PodWrite): boolean {
  if (isOrphan(before)) return false;
  return kind === 'Evict' || (kind === 'Mark' && after !== undefined && isOrphan(after));
}

function brokenBudgets({ before, around }: PodWrite): string[] {
  if (!around || !isReady(before)) return [];
  const about = (around.budgets as Budget[]).filter(({ spec }) =>
    selects(spec?.selector, before.metadata.labels),
  );
  return about.flatMap((budget) => {
    const left = serving(around, before).filter(({ metadata }) =>
      selects(budget.spec?.selector, metadata.labels),
    );
    const needed = desired(budget, scaleOf(around));
    return left.length < needed
      ? [
          `${named(before)} was taken out, and ${left.length} are left of ${needed} that ${budget.metadata.name} needs`,
        ]
      : [];
  });
}

// The replacement comes beside an orphan.
function fullQuotas({ kind, before, around }: PodWrite): string[] {
  if (kind !== 'Mark') return [];
  return (around?.quotas ?? []).flatMap((quota) => {
    const { spec } = quota as KubeObject & { spec: { hard: { pods?: string } } };
    const pods = around?.pods.length ?? 0;
    return pods + 1 > Number(spec.hard.pods ?? Infinity)
      ? [`${named(before)} was taken out, and the quota has no room for another pod`]
      : [];
  });
}

function overShare(write: PodWrite): string[] {
  const { kind, before, around } = write;
  const incident = incidentOf(write);
  const scale = around ? scaleOf(around) : 0;
  if (!around || !incident || kind !== 'Mark' || scale === 0) return [];
  const { maxUnavailable } = responseOf(incident).settings.limits.perWorkload;
  const most = Math.max(1, Math.floor((scale * Number.parseInt(maxUnavailable)) / 100));
  const missing = scale - serving(around, before).length;
  return missing > most
    ? [`${named(before)} was taken out: ${missing} of ${scale} are missing, and ${most} may be`]
    : [];
}

function serving({ pods }: Around, but: KubeObject): KubeObject[] {
  return pods.filter((pod) => pod.metadata.uid !== but.metadata.uid && isReady(pod) && !isOrphan(pod));
}

function scaleOf({ deployments }: Around): number {
  const [web] = deployments as (KubeObject & { spec: { replicas: number } })[];
  return web?.spec.replicas ?? 0;
}

function desired({ spec = {} }: Budget, scale: number): number {
  const scaled = (value: number | string) =>
    typeof value === 'number' ? value : Math.ceil((Number.parseInt(value) * scale) / 100);
  return spec.maxUnavailable === undefined
    ? scaled(spec.minAvailable ?? 0)
    : Math.max(0, scale - scaled(spec.maxUnavailable));
}
