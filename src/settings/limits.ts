// Settings that limit what is done on one node and in the cluster, whatever policies say, and those of the circuit breaker.
import { z } from 'zod';
import { DurationSchema } from '../api/policy.ts';
import { parseDuration } from '../decide/duration.ts';
import type { BreakerLimits } from '../decide/breaker.ts';
import type { InstallationLimits } from '../decide/spending.ts';

const count = (least: number, usual: number, what: string) =>
  z.coerce.number().int().min(least).max(100_000).default(usual).describe(what);

/** See the file's first line. */
export const LIMIT_SETTINGS = {
  clusterQuarantined: count(
    0,
    50,
    'Pods of the cluster that may be taken out of their workloads at a time; beyond it they are isolated gently.',
  ),
  clusterEvicting: count(
    0,
    10,
    'Pods of the cluster that may be on their way out at a time, until their replacements are proven.',
  ),
  clusterEvictions: count(0, 10, 'Pods of the cluster that may be evicted within --cluster-window.'),
  clusterWindow: DurationSchema.default('10m').describe('See --cluster-evictions; from 1m to 24h.'),
  nodeQuarantined: count(0, 10, 'Pods of one node that may be taken out of their workloads at a time.'),
  nodeEvicting: count(0, 3, 'Pods of one node that may be on their way out at a time.'),
  nodeEvictions: count(0, 3, 'Pods of one node that may be evicted within --node-window.'),
  nodeWindow: DurationSchema.default('10m').describe('See --node-evictions; from 1m to 24h.'),
  breakerWorkloads: count(
    1,
    10,
    'Workloads in which something would be done, within --breaker-window, that open the circuit breaker.',
  ),
  breakerWindow: DurationSchema.default('10m').describe(
    'See --breaker-workloads and --breaker-share; from 1m to 24h.',
  ),
  breakerShare: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(50)
    .describe(
      'Percent of the pods of one namespace, within --breaker-window, that open the circuit breaker.',
    ),
  breakerSharePods: count(1, 5, 'Pods that this percentage must be at least.'),
  breakerNewPolicy: DurationSchema.default('15m').describe(
    'How long a policy counts as new after each change; from 1m to 24h.',
  ),
  breakerNewPolicyWorkloads: count(
    1,
    5,
    'Workloads that a policy matches while it is new that open the circuit breaker.',
  ),
  breakerQuiet: DurationSchema.default('30m').describe(
    'How long after the last incident an open circuit breaker closes by itself; from 1m to 24h.',
  ),
};

/** Those of {@link LIMIT_SETTINGS} that are durations. */
export const LIMIT_DURATIONS = [
  'clusterWindow',
  'nodeWindow',
  'breakerWindow',
  'breakerNewPolicy',
  'breakerQuiet',
] as const;

/** The limits of an installation that sets none. */
export function usualLimits(): ReturnType<typeof limitsOf> {
  return limitsOf(z.object(LIMIT_SETTINGS).parse({}));
}

type LimitSettings = z.output<z.ZodObject<typeof LIMIT_SETTINGS>>;

/** The limits that the settings give. */
export function limitsOf(settings: Readonly<LimitSettings>): InstallationLimits & { breaker: BreakerLimits } {
  return {
    node: {
      quarantined: settings.nodeQuarantined,
      evicting: settings.nodeEvicting,
      evictions: settings.nodeEvictions,
      windowMs: parseDuration(settings.nodeWindow),
    },
    cluster: {
      quarantined: settings.clusterQuarantined,
      evicting: settings.clusterEvicting,
      evictions: settings.clusterEvictions,
      windowMs: parseDuration(settings.clusterWindow),
    },
    breaker: {
      workloads: settings.breakerWorkloads,
      windowMs: parseDuration(settings.breakerWindow),
      share: settings.breakerShare,
      sharePods: settings.breakerSharePods,
      newPolicyMs: parseDuration(settings.breakerNewPolicy),
      newPolicyWorkloads: settings.breakerNewPolicyWorkloads,
      quietMs: parseDuration(settings.breakerQuiet),
    },
  };
}
