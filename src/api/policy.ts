// DriftPolicy: which response a namespace wants for which drift. Holds only fields that this version obeys.
import { z } from 'zod';
import { LabelSelectorSchema, type KubeObject } from './meta.ts';
import { SeveritySchema } from './severity.ts';

/** What can be done to a pod, in the order in which the system does it. */
export const ACTIONS = ['Label', 'Isolate', 'Capture', 'Evict'] as const;
/** One action. */
export type Action = (typeof ACTIONS)[number];

const NO_DURATION = 'must be a duration such as 90s, 10m or 1h30m';
/** A duration as Kubernetes writes it: `90s`, `10m`, `24h`, `1h30m`. */
export const DurationSchema = z
  .string()
  .max(16)
  .regex(/^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$/, NO_DURATION)
  .min(2, NO_DURATION);

const globs = (what: string) =>
  z
    .array(z.string().min(1).max(512))
    .min(1)
    .max(32)
    .describe(`${what} \`*\` stands for any characters, also none; everything else is literal.`);

/** One rung of the ladder. */
export const ResponseSchema = z
  .object({
    name: z
      .string()
      .max(63)
      .regex(
        /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
        'must be lower-case letters, digits and dashes, such as contain',
      )
      .describe('Name of the rung, unique in the policy.'),
    minSeverity: SeveritySchema.default('Warning').describe(
      'The rung answers detections of this severity and above.',
    ),
    rules: globs('The rung answers only rules whose name matches one of these patterns.').optional(),
    actions: z
      .array(z.enum(ACTIONS))
      .min(1)
      .max(ACTIONS.length)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .describe(
        'What is done. Every rung that a detection meets adds its actions; the order is the system’s: Label and Isolate, Capture, Evict.',
      ),
  })
  .describe('One rung of the response ladder.');

/** How eviction behaves. */
export const EvictionSchema = z
  .object({
    gracePeriodSeconds: z
      .int()
      .min(1)
      .max(3600)
      .default(1)
      .describe(
        'Seconds between TERM and KILL, decided in the first call: it cannot be shortened later. 0 is not offered: it hides containers that still run.',
      ),
    waitForBudget: DurationSchema.default('10m').describe(
      'How long to wait for a PodDisruptionBudget that allows the eviction. Then the pod stays quarantined and the incident says so.',
    ),
    replacement: z
      .object({
        require: z
          .enum(['Baseline', 'Pinned'])
          .default('Baseline')
          .describe(
            'Proof that the replacement is clean. Pinned: every image is named by digest and runs it. Baseline: that, or the same image IDs as the set had before.',
          ),
        readyWithin: DurationSchema.default('5m').describe(
          'How long the replacement may take to become Ready with a proven image.',
        ),
      })
      .prefault({})
      .describe('What counts as recovery.'),
  })
  .describe('How the pod is evicted and its replacement verified.');

/** How much may be done at a time. */
export const LimitsSchema = z
  .object({
    perWorkload: z
      .object({
        quarantined: z
          .int()
          .min(0)
          .max(1000)
          .default(2)
          .describe(
            'Pods of one workload that may be taken out of it at a time; beyond it they are isolated gently.',
          ),
      })
      .prefault({})
      .describe('Limits for one top-level workload.'),
    perNamespace: z
      .object({
        quarantined: z
          .int()
          .min(0)
          .max(10000)
          .default(10)
          .describe('Pods of the namespace that may be taken out of their workloads at a time.'),
      })
      .prefault({})
      .describe('Limits for the namespace.'),
  })
  .describe('How much may be done at a time.');

/** `spec` of a DriftPolicy. */
export const DriftPolicySpecSchema = z
  .object({
    mode: z
      .enum(['Audit', 'Enforce'])
      .default('Audit')
      .describe('Audit: plan and record, touch nothing. Enforce: act.'),
    match: z
      .object({
        podSelector: LabelSelectorSchema.optional().describe(
          'Pods by label. Absent: every pod of the namespace.',
        ),
        images: globs('Pods with a container whose image matches one of these patterns.').optional(),
      })
      .prefault({})
      .describe('Which pods the policy is about; all parts must match.'),
    responses: z
      .array(ResponseSchema)
      .min(1)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('The ladder of responses.'),
    eviction: EvictionSchema.prefault({}),
    limits: LimitsSchema.prefault({}),
  })
  .describe('Which response a namespace wants for which drift.');

/** A condition as in Kubernetes (`metav1.Condition`). */
export const ConditionSchema = z
  .object({
    type: z.string().max(64).describe('Type of the condition.'),
    status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
    reason: z
      .string()
      .max(64)
      .regex(/^[A-Za-z]+$/, 'must be letters only, such as InvalidSpec')
      .describe('Why, in one word for programs.'),
    message: z.string().max(1024).describe('Why, in words for people.'),
    lastTransitionTime: z.iso.datetime({ offset: true }).max(40).describe('When the status last changed.'),
    observedGeneration: z.int().min(0).optional().describe('Generation of the object that this is about.'),
  })
  .describe('One condition of the object.');

/** See {@link ConditionSchema}. */
export type Condition = z.infer<typeof ConditionSchema>;

/** The conditions list of a status. */
export const ConditionsSchema = z
  .array(ConditionSchema)
  .max(16)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
  .describe('Conditions, one of each type.');

/** `status` of a DriftPolicy. */
export const DriftPolicyStatusSchema = z
  .object({
    observedGeneration: z.int().min(0).optional().describe('Generation that the conditions are about.'),
    conditions: ConditionsSchema.optional(),
  })
  .describe('What die-operator made of the policy.');

/** `spec` of a DriftPolicy, defaults applied. */
export type DriftPolicySpec = z.output<typeof DriftPolicySpecSchema>;
/** `status` of a DriftPolicy. */
export type DriftPolicyStatus = z.output<typeof DriftPolicyStatusSchema>;
/** One rung, defaults applied. */
export type Response = z.output<typeof ResponseSchema>;
/** Eviction settings, defaults applied. */
export type Eviction = z.output<typeof EvictionSchema>;
/** Limits, defaults applied. */
export type Limits = z.output<typeof LimitsSchema>;
/** Audit or Enforce. */
export type Mode = DriftPolicySpec['mode'];

/** A DriftPolicy as the API server sends it. */
export interface DriftPolicy extends KubeObject {
  spec: DriftPolicySpec;
  status?: DriftPolicyStatus;
}
