// When a response waits for a person.
import { z } from 'zod';
import { DurationSchema } from './amounts.ts';

/** What about a pod makes a person decide. */
export const APPROVAL_CASES = ['StatefulSet', 'BarePod', 'SingleReplica', 'LastReadyCopy', 'Always'] as const;
/** See {@link APPROVAL_CASES}. */
export type ApprovalCase = (typeof APPROVAL_CASES)[number];
/** The last step before which nobody is asked. */
export const APPROVAL_GATES = ['Evict', 'Isolate'] as const;

/** When a person decides. */
export const ApprovalSchema = z
  .object({
    requiredFor: z
      .array(z.enum(APPROVAL_CASES))
      .max(APPROVAL_CASES.length)
      .default(['StatefulSet', 'BarePod', 'SingleReplica', 'LastReadyCopy'])
      .meta({ 'x-kubernetes-list-type': 'set' })
      .describe(
        'Pods that are not evicted without a person: of a StatefulSet; without a controller; of a workload that has only this one; the last one of a workload that is Ready; or Always. Of several policies each adds its own.',
      ),
    before: z
      .enum(APPROVAL_GATES)
      .default('Evict')
      .describe(
        'What waits for the approval. Evict: the eviction; the pod is isolated at once, gently where it is the last copy. Isolate: the isolation, too, where it takes the pod out of service.',
      ),
    within: DurationSchema.default('24h').describe(
      'How long a person may take, from 1m to 168h. After it the eviction counts as denied, and the quarantine stays.',
    ),
  })
  .describe('When a response waits for a person.');

/** Approval settings, defaults applied. */
export type Approval = z.output<typeof ApprovalSchema>;
