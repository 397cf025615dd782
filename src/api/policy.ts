// DriftPolicy and ClusterDriftPolicy: which response a namespace, or a cluster, wants for which drift.
import { z } from 'zod';
import { LabelSelectorSchema, type KubeObject } from './meta.ts';
import {
  ApprovalSchema,
  ApprovedImagesSchema,
  ComparisonSchema,
  EvictionSchema,
  EvidenceSchema,
  ExceptionSchema,
  globs,
  GrantsSchema,
  IsolationSchema,
  LimitsSchema,
  ResponseSchema,
} from './policy-parts.ts';

import { UnprotectSchema } from './unprotect.ts';
import { ApprovedFromSchema, VerificationSchema } from './verification.ts';

export * from './policy-parts.ts';
export * from './unprotect.ts';
export * from './verification.ts';

const responses = z
  .array(ResponseSchema)
  .min(1)
  .max(16)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
  .describe('The ladder of responses.');

const spec = z.object({
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
  responses,
  exceptions: z
    .array(ExceptionSchema)
    .max(32)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
    .describe('Known drift, which this policy answers with less, for a time.'),
  isolation: IsolationSchema.prefault({}),
  evidence: EvidenceSchema.prefault({}),
  eviction: EvictionSchema.prefault({}),
  approval: ApprovalSchema.prefault({}),
  limits: LimitsSchema.prefault({}),
  comparison: ComparisonSchema.optional(),
  approvedImages: ApprovedImagesSchema.optional(),
  approvedImagesFrom: ApprovedFromSchema.optional(),
  verification: VerificationSchema.optional(),
});

/** `spec` of a DriftPolicy. */
export const DriftPolicySpecSchema = spec.describe('Which response a namespace wants for which drift.');

/** `spec` of a ClusterDriftPolicy. */
export const ClusterDriftPolicySpecSchema = spec
  .extend({
    namespaceSelector: LabelSelectorSchema.optional().describe(
      'Namespaces by label; `kubernetes.io/metadata.name` is the name. Absent: every namespace that is not protected.',
    ),
    responses: responses
      .optional()
      .describe('The ladder of responses. May be left out where the policy only grants.'),
    grants: GrantsSchema.optional(),
    unprotect: z
      .array(UnprotectSchema)
      .max(16)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('Exceptions to the protection of namespaces of the settings.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: 'has(self.responses) || has(self.grants)',
        message: 'responses or grants must be there: without them the policy says nothing',
      },
    ],
  })
  .describe('Which response a cluster wants for which drift, and what its namespaces may want.');

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
/** `spec` of a ClusterDriftPolicy, defaults applied. */
export type ClusterDriftPolicySpec = z.output<typeof ClusterDriftPolicySpecSchema>;
/** Audit or Enforce. */
export type Mode = DriftPolicySpec['mode'];

/** A DriftPolicy as the API server sends it. */
export interface DriftPolicy extends KubeObject {
  spec: DriftPolicySpec;
  status?: DriftPolicyStatus;
}

/** A ClusterDriftPolicy as the API server sends it. */
export interface ClusterDriftPolicy extends KubeObject {
  spec: ClusterDriftPolicySpec;
  status?: DriftPolicyStatus;
}

/** The kinds of policies. */
export const POLICY_KINDS = ['DriftPolicy', 'ClusterDriftPolicy'] as const;
/** One kind of policy. */
export type PolicyKind = (typeof POLICY_KINDS)[number];
/** A policy of either kind. */
export type AnyPolicy = DriftPolicy | ClusterDriftPolicy;
