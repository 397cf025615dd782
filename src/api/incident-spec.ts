// The spec of a DriftIncident: the durable record made by a receiver, and what people decide.
import { z } from 'zod';
import { DetectionSummarySchema } from './detection.ts';
import { limitedRecord, nameField, OwnerReferenceSchema, timeField, uidField } from './meta.ts';
import {
  ACTIONS,
  ApprovalSchema,
  CAPS,
  EvictionSchema,
  EvidenceSchema,
  IsolationSchema,
  LimitsSchema,
  POLICY_KINDS,
} from './policy.ts';
import { SeveritySchema } from './severity.ts';

/** Labels that fit into the record; a pod with more is isolated gently, which needs no copy. */
export const MAX_RECORDED_LABELS = 128;
/** Containers that fit into the record. */
export const MAX_RECORDED_CONTAINERS = 32;
/** Detections that one receiver keeps in its report. */
export const MAX_REPORTED_DETECTIONS = 5;
/** Policies that can contribute to one response. */
export const MAX_CONTRIBUTIONS = 32;

/** The pod as it was when the incident was opened. Matching, limits and restoring use this copy, never the changed pod. */
export const TargetSchema = z
  .object({
    namespace: z.string().min(1).max(63).describe('Namespace of the pod.'),
    name: nameField('Name of the pod.'),
    uid: uidField('UID of the pod. No write reaches a pod with another one.'),
    nodeName: z.string().max(253).optional().describe('Node of the pod.'),
    labels: limitedRecord(317, z.string().max(63), MAX_RECORDED_LABELS).describe(
      'Labels as they were; Release puts back exactly these.',
    ),
    labelsTruncated: z
      .boolean()
      .optional()
      .describe('True if the pod had more labels than are recorded; then none is ever taken away.'),
    annotations: limitedRecord(317, z.string().max(253), 8)
      .optional()
      .describe('Annotations of die-operator as they were.'),
    ownerReferences: z
      .array(OwnerReferenceSchema)
      .max(8)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Owners as they were.'),
    workload: z
      .object({
        apiVersion: z.string().max(317).describe('API version of the controller.'),
        kind: z.string().max(63).describe('Kind of the controller.'),
        name: nameField('Name of the controller.'),
        uid: uidField('UID of the controller.'),
      })
      .optional()
      .describe('Controller of the pod; absent for a bare pod.'),
    containers: z
      .array(
        z
          .object({
            name: z.string().max(63).describe('Container name.'),
            image: z.string().max(512).describe('Image as the pod asks for it.'),
            imageID: z.string().max(512).optional().describe('Image as the runtime resolved it.'),
            containerID: z.string().max(128).optional().describe('Container ID with the runtime’s scheme.'),
          })
          .describe('One container.'),
      )
      .max(MAX_RECORDED_CONTAINERS)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('Containers as they were.'),
    initContainers: z
      .array(
        z
          .object({
            name: z.string().max(63).describe('Container name.'),
            image: z.string().max(512).describe('Image as the pod asks for it.'),
            imageID: z.string().max(512).optional().describe('Image as the runtime resolved it.'),
          })
          .describe('One init container.'),
      )
      .max(MAX_RECORDED_CONTAINERS)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('Init containers as they were; absent: none.'),
  })
  .describe('The pod as it was when the incident was opened.');

/** What can cap a response: an exception of the policy, or the break-glass annotation of the pod. */
export const CAP_SOURCES = ['Exception', 'BreakGlass'] as const;
/** See {@link CAP_SOURCES}. */
export type CapSource = (typeof CAP_SOURCES)[number];

/** Why a policy adds less than its rungs ask for. */
export const CapSchema = z
  .object({
    by: z.enum(CAP_SOURCES).describe('An exception of the policy, or the break-glass annotation of the pod.'),
    name: z.string().max(63).optional().describe('Name of the exception.'),
    maxAction: z.enum(CAPS).describe('The last action that was left.'),
    reason: z.string().max(256).describe('Why, as the author of the exception says.'),
    until: timeField('When it ends.'),
  })
  .describe('What capped the actions; of several the one that left the least.');

/** What one policy adds to a response. */
export const ContributionSchema = z
  .object({
    kind: z.enum(POLICY_KINDS).default('DriftPolicy').describe('Kind of the policy.'),
    name: nameField('Name of the policy.'),
    uid: uidField('UID of the policy: a later one of that name does not speak for it.'),
    generation: z.int().min(0).describe('Generation of the policy that was read.'),
    mode: z.enum(['Audit', 'Enforce']).describe('Mode of the policy then.'),
    rungs: z.array(z.string().max(63)).max(16).describe('Rungs that the detection met.'),
    actions: z
      .array(z.enum(ACTIONS))
      .max(ACTIONS.length)
      .describe('Actions of those rungs, as far as no exception caps them.'),
    confirmed: z
      .boolean()
      .optional()
      .describe('The actions count only once the drift is confirmed; see `status.confirmation`.'),
    weak: z
      .boolean()
      .optional()
      .describe(
        'A detection of low confidence asks for it, which only names the pod: what no other one asks for needs an approval.',
      ),
    cap: CapSchema.optional(),
  })
  .describe('What one policy adds to the response.');

/** The merged settings of all contributing policies. */
export const ResponseSettingsSchema = z
  .object({
    isolation: IsolationSchema.prefault({}),
    evidence: EvidenceSchema.prefault({}),
    eviction: EvictionSchema,
    approval: ApprovalSchema.prefault({}),
    limits: LimitsSchema,
  })
  .describe('Settings of the response, merged: the most careful value of each wins.');

/** What several policies add. */
export const ContributionsSchema = z
  .array(ContributionSchema)
  .max(MAX_CONTRIBUTIONS)
  .meta({ 'x-kubernetes-list-type': 'atomic' })
  .describe('Policies that asked for the response, and for what.');

/** Why the incident was opened. */
export const TriggerSchema = z
  .object({
    detection: DetectionSummarySchema,
    severity: SeveritySchema.describe('Severity of the detection.'),
    policies: ContributionsSchema.min(1),
    response: ResponseSettingsSchema,
    recordedOnly: z
      .string()
      .max(512)
      .optional()
      .describe(
        'Why nothing is done about the detection whatever the policies say, for instance because it is too old.',
      ),
  })
  .describe('Why the incident was opened, and the response that was decided then.');

/** What a person can decide. */
export const DECISIONS = ['Approve', 'Deny', 'Hold', 'Resume', 'Release'] as const;

/** What a person decided. */
export const DecisionSchema = z
  .object({
    action: z
      .enum(DECISIONS)
      .describe(
        'Approve: carry out the plan with this hash. Deny: do not evict; the quarantine stays. Hold: no destructive step until Resume. Resume: go on as if nobody had decided. Release: put the pod back as it was and end the incident; the response stops at once.',
      ),
    by: z.string().min(1).max(253).describe('Who decided, as `kubectl auth whoami` says.'),
    reason: z.string().min(1).max(1024).describe('Why, for those who read the incident later.'),
    planHash: z
      .string()
      .max(64)
      .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
      .optional()
      .describe('`status.plan.hash` as the person saw it. An approval of another plan does not count.'),
    expiresAt: timeField(
      'When the approval ends; what it allowed and was not begun by then is denied.',
    ).optional(),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "self.action != 'Approve' || has(self.planHash)",
        message: 'an approval needs planHash: the hash of the plan that is approved, from status.plan.hash',
      },
    ],
  })
  .describe('What a person decided; the last one wins.');

// The server estimates the cost of this rule at 2 units, whatever is compared; a rule may cost 10^7.
const frozen = (what: string) => ({
  'x-kubernetes-validations': [
    { rule: 'self == oldSelf', message: `${what} is a record and cannot be changed` },
  ],
});

/** `spec` of a DriftIncident. */
export const DriftIncidentSpecSchema = z
  .object({
    target: TargetSchema.meta(frozen('spec.target')),
    trigger: TriggerSchema.meta(frozen('spec.trigger')),
    previous: z
      .string()
      .max(253)
      .meta(frozen('spec.previous'))
      .optional()
      .describe('Name of the incident of the same pod before this one.'),
    decision: DecisionSchema.optional(),
  })
  .describe('The record of what was detected, and what people decided about it.');
