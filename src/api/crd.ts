// The CustomResourceDefinitions of our kinds, built from the zod schemas.
import { z } from 'zod';
import { DriftIncidentSpecSchema, DriftIncidentStatusSchema } from './incident.ts';
import { CATEGORY, GROUP, VERSION } from './names.ts';
import { ClusterDriftPolicySpecSchema, DriftPolicySpecSchema, DriftPolicyStatusSchema } from './policy.ts';
import { structuralSchema, type StructuralSchema } from './structural.ts';

/** A column of `kubectl get`; those with priority 1 are shown with `-o wide` only. */
export interface PrinterColumn {
  name: string;
  type: 'string' | 'date' | 'integer';
  description: string;
  jsonPath: string;
  priority?: 1;
}

/** One of our kinds: its names, its schema and its columns. */
export interface CustomKind {
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  scope: 'Namespaced' | 'Cluster';
  /** Of whole objects. Holds no rules between old and new objects; see validate.ts. */
  schema: z.ZodType;
  columns: readonly PrinterColumn[];
}

// A CRD may say nothing of metadata but limits on names, not even a description.
const metadata = z.looseObject({
  name: z.string().max(253).optional().describe('Name, unique in the namespace.'),
});

const objectSchema = (description: string, spec: z.ZodType, status: z.ZodType) =>
  z
    .object({
      apiVersion: z.string().max(63).describe(`Group and version: \`${GROUP}/${VERSION}\`.`),
      kind: z.string().max(63).describe('Kind of the object.'),
      metadata,
      spec,
      status: status.optional(),
    })
    .describe(description);

const column = (
  name: string,
  jsonPath: string,
  description: string,
  extra: Partial<PrinterColumn> = {},
): PrinterColumn => ({ name, type: 'string', description, jsonPath, ...extra });

const conditionPath = (type: string, field: string) => `.status.conditions[?(@.type=="${type}")].${field}`;
const AGE = column('Age', '.metadata.creationTimestamp', 'When the object was made.', { type: 'date' });
const WIDE = { priority: 1 } as const;

const POLICY_COLUMNS = [
  column('Mode', '.spec.mode', 'Audit reports, Enforce acts.'),
  column('Accepted', conditionPath('Accepted', 'status'), 'Whether the policy is valid and contributes.'),
  column('Ready', conditionPath('Ready', 'status'), 'Whether what it asks for can be done.'),
  AGE,
  column('Reason', conditionPath('Accepted', 'reason'), 'Why it is accepted or not, in one word.', WIDE),
  column('Message', conditionPath('Accepted', 'message'), 'Why it is accepted or not.', WIDE),
];

const DRIFT_POLICY: CustomKind = {
  kind: 'DriftPolicy',
  plural: 'driftpolicies',
  singular: 'driftpolicy',
  shortNames: ['dp'],
  scope: 'Namespaced',
  schema: objectSchema(
    'DriftPolicy says which response a namespace wants for which drift of its containers.',
    DriftPolicySpecSchema,
    DriftPolicyStatusSchema,
  ),
  columns: POLICY_COLUMNS,
};

const CLUSTER_DRIFT_POLICY: CustomKind = {
  kind: 'ClusterDriftPolicy',
  plural: 'clusterdriftpolicies',
  singular: 'clusterdriftpolicy',
  shortNames: ['cdp'],
  scope: 'Cluster',
  schema: objectSchema(
    'ClusterDriftPolicy says which response a cluster wants for drift in its namespaces, and what their own policies may do.',
    ClusterDriftPolicySpecSchema,
    DriftPolicyStatusSchema,
  ),
  columns: POLICY_COLUMNS,
};

const DRIFT_INCIDENT: CustomKind = {
  kind: 'DriftIncident',
  plural: 'driftincidents',
  singular: 'driftincident',
  shortNames: ['di'],
  scope: 'Namespaced',
  schema: objectSchema(
    'DriftIncident is the record of drift in one pod and of the response to it.',
    DriftIncidentSpecSchema,
    DriftIncidentStatusSchema,
  ),
  columns: [
    column('Pod', '.spec.target.name', 'The pod.'),
    column('Severity', '.spec.trigger.severity', 'Severity of the detection that opened the incident.'),
    column('Phase', '.status.phase', 'Summary of the conditions.'),
    column('Isolated', conditionPath('Isolated', 'reason'), 'What was proven about the isolation.'),
    column('Rule', '.spec.trigger.detection.rule', 'Rule of the detector that fired.', WIDE),
    AGE,
  ],
};

/** Our kinds, in the order in which a reader meets them. */
export const CUSTOM_KINDS: readonly CustomKind[] = [DRIFT_POLICY, CLUSTER_DRIFT_POLICY, DRIFT_INCIDENT];

/** `openAPIV3Schema` of a kind. */
export function openApiSchema(kind: CustomKind): StructuralSchema {
  return structuralSchema(kind.schema);
}

/** The CustomResourceDefinitions (apiextensions.k8s.io/v1) of {@link CUSTOM_KINDS}, as plain JSON. */
export function crdDocuments(): object[] {
  return CUSTOM_KINDS.map(crdDocument);
}

function crdDocument(custom: CustomKind): object {
  const { kind, plural, singular, shortNames, scope, columns } = custom;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}`, labels: { 'app.kubernetes.io/part-of': 'die-operator' } },
    spec: {
      group: GROUP,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories: [CATEGORY] },
      scope,
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: openApiSchema(custom) },
        },
      ],
    },
  };
}
