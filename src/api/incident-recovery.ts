// What the status of a DriftIncident says of how its pod went, and of what took its place.
import { z } from 'zod';
import { MAX_RECORDED_CONTAINERS } from './incident-spec.ts';
import { nameField, timeField, uidField } from './meta.ts';

/** How a pod can be taken away. */
export const EVICTED_BY = ['Eviction', 'Delete'] as const;
/** See {@link EVICTED_BY}. */
export type EvictedBy = (typeof EVICTED_BY)[number];

/** How the pod went. */
export const EvictionStatusSchema = z
  .object({
    requestedAt: timeField('When the API server accepted the eviction, or the deletion.').optional(),
    by: z
      .enum(EVICTED_BY)
      .optional()
      .describe(
        'What the API server accepted. Eviction: disruption budgets allowed it. Delete: a budget was against it for longer than `waitForBudget`, and the policy says `then: Delete`.',
      ),
    gracePeriodSeconds: z
      .int()
      .min(1)
      .max(3600)
      .optional()
      .describe(
        'Grace that the pod was given in the first call. Absent: somebody else may have begun to delete it before.',
      ),
    budget: z
      .object({
        since: timeField(
          'Since when a disruption budget is against the eviction; times in which nobody asked are not counted.',
        ),
        refusedAt: timeField('When it was asked last.'),
      })
      .optional()
      .describe('How long the eviction has waited for a disruption budget. Other waits do not count.'),
    containedAt: timeField('When every container of the pod was first seen to have ended.').optional(),
    goneAt: timeField('When the pod was gone.').optional(),
  })
  .describe('How the pod went.');

/** What is proven of one container of a replacement, from the best to the worst. */
export const PROOFS = ['Pinned', 'Approved', 'Baseline', 'None'] as const;

/** The pod that took its place. */
export const ReplacementSchema = z
  .object({
    name: nameField('Name of the pod that took its place.'),
    uid: uidField('UID of the pod that took its place.'),
    nodeName: z.string().max(253).optional().describe('Node of that pod.'),
    images: z
      .array(
        z
          .object({
            container: z.string().max(63).describe('Container name.'),
            kind: z
              .enum(['Init', 'Ephemeral'])
              .optional()
              .describe('Init container, or one for debugging; absent: neither.'),
            imageID: z.string().max(512).describe('Image as the runtime resolved it.'),
            proof: z
              .enum(PROOFS)
              .describe(
                'Pinned: equals the digest in the pod spec. Approved: is on the list of a policy. Baseline: equals what the set ran before.',
              ),
          })
          .describe('One container.'),
      )
      .max(MAX_RECORDED_CONTAINERS)
      .describe('What each container of it runs; empty until it is Ready.'),
    otherRevision: z
      .boolean()
      .optional()
      .describe('True if it was made from another template than the pod: the workload was rolled on.'),
    readyAt: timeField('When it was seen to be Ready, or Ready again: its quiet begins then.').optional(),
    readySince: timeField(
      'Since when it was Ready then, as its kubelet says; once that changes, its quiet begins anew.',
    ).optional(),
    restarts: z
      .int()
      .min(0)
      .optional()
      .describe('Restarts of its containers until then; with more its quiet begins anew.'),
    quietUntil: timeField('Until when it has to stay so.').optional(),
  })
  .describe('The pod that took its place.');

/** How the pod went, as recorded. */
export type EvictionStatus = z.output<typeof EvictionStatusSchema>;
