// How much the responses of a policy may do at a time, and how often.
import { z } from 'zod';
import { DurationSchema } from './amounts.ts';
import { toldAs } from './meta.ts';

const SHARE = /^([1-9][0-9]?|100)%$/;
const NO_SHARE = 'must be a share from 1% to 100%, such as 25%';

const pods = (most: number, usual: number, what: string) =>
  z.int().min(0).max(most).default(usual).describe(what);

/** How much may be done at a time. */
export const LimitsSchema = z
  .object({
    perWorkload: z
      .object({
        quarantined: pods(
          1000,
          2,
          'Pods of one workload that may be taken out of it at a time; beyond it they are isolated gently.',
        ),
        evicting: pods(
          1000,
          1,
          'Pods of one workload that may be on their way out at a time, from the eviction until the replacement is proven. 0: none is evicted.',
        ),
        maxUnavailable: z
          .string()
          .max(4)
          .regex(SHARE, NO_SHARE)
          .meta(toldAs(SHARE, NO_SHARE))
          .default('25%')
          .describe(
            'Share of the pods of one workload that may be missing by what die-operator does, rounded down, at least one.',
          ),
        recurrences: pods(
          1000,
          3,
          'Pods of one workload that are evicted within `recurrenceWindow` without a person; the next one stays in quarantine until a person approves. 0: each needs approval.',
        ),
        recurrenceWindow: DurationSchema.default('24h').describe('See `recurrences`; from 1m to 168h.'),
      })
      .prefault({})
      .describe('Limits for one top-level workload: a Deployment, not one of its ReplicaSets.'),
    perNamespace: z
      .object({
        quarantined: pods(
          10000,
          10,
          'Pods of the namespace that may be taken out of their workloads at a time.',
        ),
        evictions: pods(1000, 5, 'Pods of the namespace that may be evicted within `window`.'),
        window: DurationSchema.default('10m').describe('See `evictions`; from 1m to 24h.'),
      })
      .prefault({})
      .describe('Limits for the namespace.'),
    cooldown: DurationSchema.default('15m').describe(
      'How long after one eviction of a workload the next one waits; from 0s to 24h.',
    ),
  })
  .describe(
    'How much may be done at a time. What was spent stays spent, also when incidents are deleted. Limits for nodes and for the cluster are settings of the installation.',
  );

/** Limits, defaults applied. */
export type Limits = z.output<typeof LimitsSchema>;
