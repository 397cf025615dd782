// The parts of Kubernetes objects that we read, as plain types, and the metadata of our own.
import { z } from 'zod';

/** `metadata.ownerReferences[]`. */
export const OwnerReferenceSchema = z
  .object({
    apiVersion: z.string().max(317).describe('API version of the owner.'),
    kind: z.string().max(63).describe('Kind of the owner.'),
    name: z.string().max(253).describe('Name of the owner.'),
    uid: z.string().max(36).describe('UID of the owner.'),
    controller: z.boolean().optional().describe('True if the owner manages the object.'),
    blockOwnerDeletion: z
      .boolean()
      .optional()
      .describe('True if the owner waits for the object in a foreground deletion.'),
  })
  .describe('A reference to an owner of the object.');

/** An owner reference as in Kubernetes. */
export type OwnerReference = z.infer<typeof OwnerReferenceSchema>;

/** `metadata` as the API server sends it, as far as we read it. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
}

/** Any Kubernetes object as plain JSON. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** A map within limits. `maxProperties` is JSON Schema's name for the limit and ends in the CRD, as the key length does. */
export function limitedRecord<V extends z.ZodType>(
  maxKeyLength: number,
  value: V,
  maxProperties: number,
): z.ZodRecord<z.ZodString, V> {
  return z
    .record(z.string().max(maxKeyLength), value)
    .refine((record) => Object.keys(record).length <= maxProperties, { params: { maxProperties } })
    .meta({ maxProperties });
}

/** `metav1.LabelSelector` within our limits. */
export const LabelSelectorSchema = z
  .object({
    matchLabels: limitedRecord(317, z.string().max(63), 16)
      .optional()
      .describe('Labels that the pod must carry with exactly these values.'),
    matchExpressions: z
      .array(
        z
          .object({
            key: z.string().min(1).max(317).describe('Label key.'),
            operator: z
              .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
              .describe('How the label is compared.'),
            values: z.array(z.string().max(63)).max(32).optional().describe('Values for In and NotIn.'),
          })
          .meta({
            'x-kubernetes-validations': [
              {
                rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
                message: 'In and NotIn need values; Exists and DoesNotExist take none',
              },
            ],
          })
          .describe('One requirement.'),
      )
      .max(16)
      .optional()
      .describe('Requirements that must all hold.'),
  })
  .meta({ 'x-kubernetes-map-type': 'atomic' })
  .describe('A label selector as in a Deployment.');

/** A label selector. */
export type LabelSelector = z.infer<typeof LabelSelectorSchema>;

/** A name of an object. */
export const nameField = (what: string) => z.string().min(1).max(253).describe(what);
/** A UID. */
export const uidField = (what: string) => z.string().min(1).max(36).describe(what);
/** A time in RFC 3339. */
export const timeField = (what: string) => z.iso.datetime({ offset: true }).max(40).describe(what);

/** The sum, as far as a schema of integers has room for it: people can edit counts. */
export function plus(count: number, more: number): number {
  return Math.min(count + more, Number.MAX_SAFE_INTEGER);
}

/** Has the API server say in words what a pattern asks for; of a pattern alone it tells the pattern. */
export function toldAs({ source }: RegExp, message: string): Record<string, unknown> {
  return { 'x-kubernetes-validations': [{ rule: `self.matches('${source}')`, message }] };
}
