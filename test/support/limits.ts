// Limits for tests that are about something else: so high that nothing meets them.
import type { SpendingLimits } from '../../src/incidents/spent.ts';

const MANY = 100_000;
const MINUTE_MS = 60_000;
const PLACE = { quarantined: MANY, evicting: MANY, evictions: MANY, windowMs: 10 * MINUTE_MS };

/** Of the installation. */
export const NO_LIMITS: SpendingLimits = {
  node: PLACE,
  cluster: PLACE,
  breaker: {
    workloads: MANY,
    windowMs: 10 * MINUTE_MS,
    share: 100,
    sharePods: MANY,
    newPolicyMs: 15 * MINUTE_MS,
    newPolicyWorkloads: MANY,
    quietMs: 30 * MINUTE_MS,
  },
};

/** Of a policy: what is evicted, how often, is not limited. What is taken out is, as in every policy. */
export const NO_SPENDING_LIMITS = {
  perWorkload: { evicting: 1000, recurrences: 1000 },
  perNamespace: { evictions: 1000 },
  cooldown: '0s',
};

/** The limits of a policy with those that a test is about. */
export function limitsWith(
  given: {
    perWorkload?: object;
    perNamespace?: object;
    cooldown?: string;
  } = {},
): object {
  return {
    ...NO_SPENDING_LIMITS,
    ...given,
    perWorkload: { ...NO_SPENDING_LIMITS.perWorkload, ...given.perWorkload },
    perNamespace: { ...NO_SPENDING_LIMITS.perNamespace, ...given.perNamespace },
  };
}

/** Flags of a responder that take its own limits away. A suite on one node sees more evictions than a day of a cluster. */
export const NO_LIMIT_FLAGS: readonly string[] = [
  ...['evictions', 'evicting', 'quarantined'].flatMap((what) => [
    `--cluster-${what}=${MANY}`,
    `--node-${what}=${MANY}`,
  ]),
  ...['workloads', 'share-pods', 'new-policy-workloads'].map((what) => `--breaker-${what}=${MANY}`),
];
