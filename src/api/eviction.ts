// How a policy wants a pod evicted, and what it takes for proof that its replacement is clean.
import { z } from 'zod';
import { DurationSchema } from './amounts.ts';
import { toldAs } from './meta.ts';

/** What becomes of an eviction that a disruption budget did not allow in time. */
export const BUDGET_ENDS = ['Hold', 'Delete'] as const;

/** An image by its digest, with registry and repository. */
export const APPROVED =
  /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?([/][a-z0-9]+([._-]+[a-z0-9]+)*)+@sha256:[0-9a-f]{64}$/;
const NOT_APPROVED =
  'must be an image by its digest, with registry and repository, such as registry.example/shop/web@sha256:...';

/** Images that replacements may run. */
export const ApprovedImagesSchema = z
  .array(z.string().max(512).regex(APPROVED, NOT_APPROVED).meta(toldAs(APPROVED, NOT_APPROVED)))
  .min(1)
  .max(128)
  .meta({ 'x-kubernetes-list-type': 'set' })
  .describe(
    'Images by digest that may take the place of an evicted pod, as `registry.example/shop/web@sha256:...`. A replacement with an image of a repository that is named here must run one of the digests named for it, whatever its pod asks for. It is read while a replacement is verified, from every policy in Enforce that selects the pod, and each list that names the repository has to have the digest.',
  );

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
      'How long to wait for a PodDisruptionBudget that allows the eviction. What comes then says `then`.',
    ),
    then: z
      .enum(BUDGET_ENDS)
      .default('Hold')
      .describe(
        'What happens when the budget did not allow the eviction for so long. Hold: the pod stays in quarantine until a person decides. Delete: it is deleted although the budget is against it.',
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
        quietFor: DurationSchema.default('1m').describe(
          'How long the replacement must then stay Ready, without a restart and without a new detection, to count as recovery.',
        ),
      })
      .prefault({})
      .describe('What counts as recovery.'),
  })
  .describe('How the pod is evicted and its replacement verified.');

/** Eviction settings, defaults applied. */
export type Eviction = z.output<typeof EvictionSchema>;
