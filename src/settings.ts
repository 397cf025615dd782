// Every setting with its default, documented here and only here. Flags and environment are read by commands.
import { hostname } from 'node:os';
import { z } from 'zod';
import { ROLES } from './api/names.ts';
import { DurationSchema } from './api/policy.ts';
import { LOG_LEVELS } from './observe/log.ts';

/** Settings of `die-operator run`. Each has a flag (`--kebab-case`) and an environment variable (`DIE_UPPER_CASE`). */
export const SettingsSchema = z.strictObject({
  roles: z
    .array(z.enum(ROLES))
    .min(1)
    .default([...ROLES])
    .describe('What this process does.'),
  watchNamespaces: z
    .array(z.string().min(1).max(63))
    .default([])
    .describe('Namespaces to watch; empty means all.'),
  protectedNamespaces: z
    .array(z.string().min(1).max(63))
    .default(['kube-system', 'kube-public', 'kube-node-lease'])
    .describe('Namespaces whose pods are never touched, besides die-operator’s own.'),
  intakeHost: z.string().default('127.0.0.1').describe('Address of the webhook.'),
  intakePort: z.coerce.number().int().min(0).max(65535).default(2802).describe('Port of the webhook.'),
  insecureIntake: z
    .boolean()
    .default(false)
    .describe('Allows the webhook to listen beyond loopback without TLS.'),
  tokenFile: z
    .string()
    .optional()
    .describe('File with the bearer tokens of the webhook, one a line; two may be valid at a time.'),
  healthHost: z.string().default('127.0.0.1').describe('Address of probes and metrics.'),
  healthPort: z.coerce.number().int().min(0).max(65535).default(8081).describe('Port of probes and metrics.'),
  evidenceDir: z
    .string()
    .default('/var/lib/die-operator/evidence')
    .describe('Directory that keeps evidence; must exist.'),
  maxAlertAge: DurationSchema.default('15m').describe(
    'Alerts older than this are recorded and not acted on.',
  ),
  instance: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/)
    .default(() => hostname().slice(0, 63))
    .describe('Name of this process among its peers; its pod name.'),
  logLevel: z.enum(LOG_LEVELS).default('info').describe('What is logged.'),
});

/** See {@link SettingsSchema}. */
export type Settings = Readonly<z.output<typeof SettingsSchema>>;

/**
 * Checks what was given and fills in defaults.
 * @throws Error that names every wrong setting, what is wrong and how the flag is called.
 */
export function readSettings(given: Record<string, unknown>): Settings {
  const result = SettingsSchema.safeParse(given);
  if (result.success) return Object.freeze(result.data);
  const problems = result.error.issues.map(
    (issue) => `--${kebab(String(issue.path[0] ?? ''))}: ${issue.message}`,
  );
  throw new Error(`these settings cannot be used:\n  ${problems.join('\n  ')}`);
}

/** `maxAlertAge` as `max-alert-age`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
