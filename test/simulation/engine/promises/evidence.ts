// Promise 3: what is required of evidence is there before the pod goes, and is still there then.
import { endsInEviction } from '../../../../src/decide/restart.ts';
import type { DriftIncident } from '../../../../src/api/incident.ts';
import { responseOf } from '../../../../src/decide/merge.ts';
import type { Judge } from '../promises.ts';
import type { Stage } from '../stage.ts';
import { incidentOf, wantsEvidence } from './destructive.ts';
import { named, podWrites, type PodWrite } from './pods.ts';

/** An eviction asks the store first, and then compares the pod: what is lost in between nobody can know. */
const BETWEEN_MS = 15_000;

/** See PROMISES. */
export const evidenceKept: Judge = ({ stage }) =>
  podWrites(stage)
    .filter(({ kind }) => kind === 'Evict')
    .flatMap((write) => {
      const incident = incidentOf(write);
      if (!incident || !wantsEvidence(stage, incident)) return [];
      return [...missing(stage, write, incident), ...lost(stage, write, incident)];
    });

function missing(stage: Stage, { before }: PodWrite, incident: DriftIncident): string[] {
  const { required, collectors } = responseOf(incident).settings.evidence;
  if (!required) return [];
  const manifest = stage.evidence.manifest(incident.metadata.uid);
  if (!manifest) return [`${named(before)} was evicted without its evidence, which is required`];
  const given = new Set(manifest.files.map(({ collector }) => collector));
  return collectors
    .filter((name) => !given.has(name.toLowerCase()))
    .map((name) => `${named(before)} was evicted without evidence of ${name}, which is required`);
}

function lost(stage: Stage, { before, sentAt }: PodWrite, incident: DriftIncident): string[] {
  const at = stage.store.lost.get(incident.metadata.uid);
  const { evidence } = incident.status ?? {};
  if (at === undefined || sentAt <= at + BETWEEN_MS + held(stage)) return [];
  return evidence && stage.evidence.has(evidence.manifestSha256)
    ? []
    : [`${named(before)} was evicted when its evidence was lost`];
}

// Who stood still, or had no answer, in between knew no better.
function held({ history }: Stage): number {
  return history.faults.reduce((sum, fault) => sum + ('forMs' in fault ? fault.forMs : 0), 0);
}

/** See PROMISES. */
export const confirmed: Judge = ({ stage }) =>
  podWrites(stage)
    .filter(({ kind }) => kind === 'Evict')
    .flatMap((write) => {
      const incident = incidentOf(write);
      const asking = incident ? responseOf(incident).contributions : [];
      const evicting = asking.filter(({ mode, actions }) => mode === 'Enforce' && endsInEviction(actions));
      if (evicting.length === 0 || !evicting.every((one) => one.confirmed === true)) return [];
      return stage.nodeReader.confirmedAt.some((at) => at <= write.sentAt)
        ? []
        : [`${named(write.before)} was evicted, and no node had confirmed any drift`];
    });
