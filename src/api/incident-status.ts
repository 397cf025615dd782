// The status of a DriftIncident: `reports` is written by receivers, everything else by the responder.
import { z } from 'zod';
import { DetectionSummarySchema } from './detection.ts';
import {
  ContributionsSchema,
  DecisionSchema,
  MAX_REPORTED_DETECTIONS,
  ResponseSettingsSchema,
} from './incident-spec.ts';
import { ConfirmationSchema, EvidenceStatusSchema } from './incident-evidence.ts';
import { FORMS, IsolationStatusSchema } from './incident-isolation.ts';
import { EvictionStatusSchema, ReplacementSchema } from './incident-recovery.ts';
import { RestartStatusSchema } from './incident-restart.ts';
import { limitedRecord, timeField } from './meta.ts';
import { APPROVAL_CASES, ConditionsSchema } from './policy.ts';

import { SeveritySchema } from './severity.ts';

export * from './incident-evidence.ts';
export * from './incident-isolation.ts';
export * from './incident-recovery.ts';
export * from './incident-restart.ts';

/** What one receiver saw since the incident was opened. */
export const ReportSchema = z
  .object({
    count: z.int().min(0).describe('Detections counted by this receiver, the first included.'),
    firstSeen: timeField('When this receiver got the first.'),
    lastSeen: timeField('When this receiver got the last.'),
    highestSeverity: SeveritySchema.describe('The highest severity among them.'),
    detections: z
      .array(DetectionSummarySchema)
      .max(MAX_REPORTED_DETECTIONS)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('The first detection of each further rule.'),
    policies: ContributionsSchema.optional(),
    response: ResponseSettingsSchema.optional(),
  })
  .describe('What one receiver saw.');

/** Steps of a response in the order of the system. */
export const STEPS = [
  'Label',
  'Isolate',
  'Cut',
  'Capture',
  'Confirm',
  'Keep',
  'Evict',
  'Touch',
  'Restart',
  'Verify',
  'Release',
  'Settle',
  'Contain',
] as const;
/** Name of a step. */
export type StepName = (typeof STEPS)[number];

/** How far a step is. */
export const StepSchema = z
  .object({
    name: z.enum(STEPS).describe('The step.'),
    state: z.enum(['Running', 'Waiting', 'Succeeded', 'Failed', 'Skipped']).describe('How far it is.'),
    attempts: z.int().min(0).describe('How often it was tried.'),
    startedAt: timeField('When it was first tried.').optional(),
    finishedAt: timeField('When it ended.').optional(),
    nextAttemptAt: timeField('When it is tried again.').optional(),
    reason: z
      .string()
      .max(64)
      .regex(/^[A-Za-z]+$/, 'must be letters only, such as BudgetExhausted')
      .describe('Where it stands, in one word for programs.'),
    message: z.string().max(1024).describe('Where it stands, in words for people.'),
  })
  .describe('One step of the response.');

/** Phases that end an incident: nothing of ours is left in the cluster. */
export const FINAL_PHASES = ['Resolved', 'Released', 'Failed', 'TargetGone'] as const;
/** A summary for printing; no code reads it to decide, except whether the incident is over. */
export const PHASES = [
  'Observed',
  'Responding',
  'AwaitingApproval',
  'Quarantined',
  'Held',
  'Verifying',
  ...FINAL_PHASES,
] as const;
/** See {@link PHASES}. */
export type Phase = (typeof PHASES)[number];
/** See {@link FINAL_PHASES}. */
export type FinalPhase = (typeof FINAL_PHASES)[number];

/** Why a person has to approve besides what the policies say: the eviction, and of WeakIdentity everything. */
export const OTHER_NEEDS = ['Recurrence', 'BadReplacement', 'WeakIdentity'] as const;
/** See {@link OTHER_NEEDS}. */
export type Need = (typeof APPROVAL_CASES)[number] | (typeof OTHER_NEEDS)[number];
/** Decisions that a record keeps. */
export const MAX_DECISIONS = 16;

/** A decision that the responder has seen. */
export const DecisionRecordSchema = DecisionSchema.extend({
  at: timeField('When the responder saw it.'),
  outcome: z.string().max(1024).describe('What the responder made of it, in words.'),
}).describe('One decision.');

/** `status` of a DriftIncident. */
export const DriftIncidentStatusSchema = z
  .object({
    phase: z.enum(PHASES).optional().describe('Summary of the conditions, for printing.'),
    reports: limitedRecord(63, ReportSchema, 32)
      .optional()
      .meta({ default: {} })
      .describe('What each receiver saw, by the receiver’s name.'),
    plan: z
      .object({
        mode: z.enum(['Audit', 'Enforce']).describe('Audit: nothing of it is done.'),
        steps: z.array(z.enum(STEPS)).max(STEPS.length).describe('Steps in order.'),
        form: z.enum(FORMS).optional().describe('How the pod is taken out of its workload.'),
        message: z.string().max(1024).describe('The plan in words, with what limits it.'),
        hash: z
          .string()
          .max(64)
          .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
          .optional()
          .describe(
            'SHA-256 over what would be done to which pod, and by which policies. An approval names it, and counts for this plan only.',
          ),
        needs: z
          .array(z.enum([...APPROVAL_CASES, ...OTHER_NEEDS]))
          .max(8)
          .optional()
          .meta({ 'x-kubernetes-list-type': 'set' })
          .describe('Why a person has to approve the plan; absent: nobody has to.'),
        bystanders: z
          .array(z.string().max(36))
          .max(32)
          .optional()
          .meta({ 'x-kubernetes-list-type': 'atomic' })
          .describe(
            'UIDs of pods of the controller that were there already but are as young as the incident, since creation times are whole seconds: none of them is taken for its replacement.',
          ),
      })
      .optional()
      .describe('What the responder decided to do.'),
    steps: z
      .array(StepSchema)
      .max(STEPS.length)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('How far each step is.'),
    isolation: IsolationStatusSchema.optional(),
    evidence: EvidenceStatusSchema.optional(),
    confirmation: ConfirmationSchema.optional(),
    eviction: EvictionStatusSchema.optional(),
    restart: RestartStatusSchema.optional(),
    replacement: ReplacementSchema.optional(),
    decisions: z
      .array(DecisionRecordSchema)
      .max(MAX_DECISIONS)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('What people decided, the last one last.'),
    observedGeneration: z.int().min(0).optional().describe('Generation that the status is about.'),
    conditions: ConditionsSchema.optional(),
  })
  .meta({ default: {} })
  .describe('How far the response is.');
