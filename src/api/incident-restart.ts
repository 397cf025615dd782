// What the status of a DriftIncident says of a clean copy: the manifest that is kept of a bare pod, or the pin of a workload.
import { z } from 'zod';
import { nameField, timeField, uidField } from './meta.ts';

/** Characters of a patch that an incident has room for. */
export const MAX_PIN_LENGTH = 4096;

/** From what a pod is made anew, and what of it is known. */
export const RestartStatusSchema = z
  .object({
    manifest: z
      .object({
        revision: nameField('Name of the ControllerRevision in the namespace of the pod that holds it.'),
        uid: uidField('UID of the ControllerRevision.'),
        sha256: z
          .string()
          .max(64)
          .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
          .describe('SHA-256 over its `data` as canonical JSON. Another one is not used.'),
        keptAt: timeField('When it was kept.'),
        leftOut: z
          .array(z.string().max(256))
          .max(16)
          .optional()
          .meta({ 'x-kubernetes-list-type': 'atomic' })
          .describe('What of the pod is not in it, besides what every API server fills in.'),
      })
      .optional()
      .describe('The manifest of a pod without a controller, cleaned and with images pinned by digest.'),
    begunAt: timeField('When the eviction began after which the pod is made anew.').optional(),
    pod: z
      .object({
        name: nameField('Name of the pod.'),
        uid: uidField('UID of the pod.'),
        createdAt: timeField('When it was made.'),
      })
      .optional()
      .describe('The pod that was made from the manifest.'),
    pin: z
      .object({
        apiVersion: z.string().max(317).describe('API version of the workload.'),
        kind: z.string().max(63).describe('Kind of the workload.'),
        name: nameField('Name of the workload.'),
        patch: z
          .string()
          .max(MAX_PIN_LENGTH)
          .describe('A strategic merge patch, as JSON, that pins the images of its pod template by digest.'),
      })
      .optional()
      .describe('For a workload: the pin, ready to be applied by people. die-operator never applies it.'),
  })
  .describe('From what the pod is made anew.');

/** See {@link RestartStatusSchema}. */
export type RestartStatus = z.output<typeof RestartStatusSchema>;
