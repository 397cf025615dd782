// The report of one incident. Pure: the same incident and evidence give the same report.
import type { DriftIncident } from '../api/incident.ts';
import type { Edition, EvidenceInput } from './input.ts';
import type { ReportModel } from './model.ts';
import { bundle } from './sections/bundle.ts';
import { files, filesOf } from './sections/files.ts';
import { network } from './sections/network.ts';
import { overview, summaryOf } from './sections/overview.ts';
import { processes } from './sections/processes.ts';
import { credentials, replacement } from './sections/recovery.ts';
import { conditions, detections, response } from './sections/response.ts';
import { timeline } from './sections/timeline.ts';
import { utc } from './visible.ts';

/**
 * Everything that the report says. What is missing in the evidence is said to be missing, and why.
 * @param incident as its schema has it.
 */
export function reportOf(incident: DriftIncident, evidence: EvidenceInput, edition: Edition): ReportModel {
  const source = { incident, evidence, edition };
  const changed = filesOf(source);
  return {
    title: `Incident ${incident.metadata.namespace ?? ''}/${incident.metadata.name}`,
    summary: summaryOf(incident),
    sections: [
      overview(source),
      timeline(source),
      detections(source),
      response(source),
      network(source),
      processes(source, changed.tally),
      files(changed),
      bundle(source),
      replacement(source),
      credentials(source),
      conditions(source),
    ],
    colophon: `Made by die-operator ${edition.version} at ${utc(new Date(edition.madeAt).toISOString())}. Names, paths and command lines are shown as they were found: whoever ran code in the pod chose many of them.`,
  };
}
