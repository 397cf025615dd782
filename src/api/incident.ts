// DriftIncident: one response to drift in one pod. Its parts are in incident-spec.ts and incident-status.ts.
import type { z } from 'zod';
import type {
  ContributionSchema,
  DriftIncidentSpecSchema,
  ResponseSettingsSchema,
  TargetSchema,
  TriggerSchema,
} from './incident-spec.ts';
import {
  FINAL_PHASES,
  type DriftIncidentStatusSchema,
  type ReportSchema,
  type StepSchema,
} from './incident-status.ts';
import type { KubeObject } from './meta.ts';

export * from './incident-spec.ts';
export * from './incident-status.ts';

/** `spec` of a DriftIncident. */
export type DriftIncidentSpec = z.output<typeof DriftIncidentSpecSchema>;
/** `status` of a DriftIncident. */
export type DriftIncidentStatus = z.output<typeof DriftIncidentStatusSchema>;
/** See {@link TargetSchema}. */
export type Target = z.output<typeof TargetSchema>;
/** See {@link TriggerSchema}. */
export type Trigger = z.output<typeof TriggerSchema>;
/** See {@link ContributionSchema}. */
export type Contribution = z.output<typeof ContributionSchema>;
/** See {@link ResponseSettingsSchema}. */
export type ResponseSettings = z.output<typeof ResponseSettingsSchema>;
/** See {@link ReportSchema}. */
export type Report = z.output<typeof ReportSchema>;
/** See {@link StepSchema}. */
export type StepStatus = z.output<typeof StepSchema>;

/** A DriftIncident as the API server sends it. */
export interface DriftIncident extends KubeObject {
  spec: DriftIncidentSpec;
  status?: DriftIncidentStatus;
}

/** Whether the incident is over. */
export function isFinal(incident: DriftIncident): boolean {
  return (FINAL_PHASES as readonly string[]).includes(incident.status?.phase ?? '');
}
