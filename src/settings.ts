// Every setting with its default, documented here and only here. Flags and environment are read by commands.
import { hostname } from 'node:os';
import { z } from 'zod';
import { RESPONDER_LEASE, ROLES } from './api/names.ts';
import { DurationSchema } from './api/policy.ts';
import { parseDuration } from './decide/duration.ts';
import { LOG_LEVELS } from './observe/log.ts';
import { DEFENDER_SETTINGS } from './settings/defender.ts';
import { EVIDENCE_SETTINGS } from './settings/evidence.ts';
import { LIMIT_DURATIONS, LIMIT_SETTINGS, limitsOf } from './settings/limits.ts';
import { NOTIFY_SETTINGS } from './settings/notify.ts';
import { REGISTRY_SETTINGS } from './settings/registry.ts';
import { SILENCE_SETTINGS } from './settings/silence.ts';
import { STREAM_SETTINGS } from './settings/stream.ts';

export { limitsOf };

const FieldsSchema = z.strictObject({
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
  tlsCertFile: z
    .string()
    .optional()
    .describe('File with the certificate of the webhook and its issuers (PEM); read again when it changes.'),
  tlsKeyFile: z
    .string()
    .optional()
    .describe('File with the private key of that certificate (PEM, no passphrase).'),
  tlsClientCaFile: z
    .string()
    .optional()
    .describe('File with the CAs of client certificates (PEM); such a certificate is as good as a token.'),
  allowUnauthenticatedIntake: z
    .boolean()
    .default(false)
    .describe('Lets everybody who reaches it use the webhook; on loopback only, for trying it out.'),
  healthHost: z.string().default('127.0.0.1').describe('Address of probes and metrics.'),
  healthPort: z.coerce.number().int().min(0).max(65535).default(8081).describe('Port of probes and metrics.'),
  ...EVIDENCE_SETTINGS,
  kubeletCaFile: z
    .string()
    .optional()
    .describe(
      'File with the CAs of kubelets (PEM), which checkpoints are asked of; read each time. Absent: the CA of the API server.',
    ),
  ...STREAM_SETTINGS,
  journalDir: z
    .string()
    .optional()
    .describe(
      'Folder that keeps alerts until they have an outcome; must exist, and no other receiver may use it. Without it ' +
        'they wait in memory, and are refused when the API server is slow.',
    ),
  journalMaxMegabytes: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_536)
    .default(64)
    .describe('Size of the journal beyond which alerts are refused.'),
  leaseName: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .default(RESPONDER_LEASE)
    .describe(
      'Lease in die-operator-system by which the leader of the responders is elected. Another one is for an installation ' +
        'that watches other namespaces.',
    ),
  singleResponder: z
    .boolean()
    .default(false)
    .describe(
      'Leaves out the election of a leader: there is certainly no other responder in the whole cluster.',
    ),
  maxAlertAge: DurationSchema.default('15m').describe(
    'Alerts older than this are recorded and not acted on.',
  ),
  ...DEFENDER_SETTINGS,
  ...LIMIT_SETTINGS,
  ...REGISTRY_SETTINGS,
  ...NOTIFY_SETTINGS,
  ...SILENCE_SETTINGS,
  instance: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/)
    .default(() => hostname().slice(0, 63))
    .describe('Name of this process among its peers; its pod name.'),
  logLevel: z.enum(LOG_LEVELS).default('info').describe('What is logged.'),
});

/** Settings that are wrong together: on which one it is reported, when, and what is said. */
const CONFLICTS: readonly {
  setting: keyof Fields;
  when: (settings: Fields) => boolean;
  message: string;
}[] = [
  {
    setting: 'maxAlertAge',
    when: (s) => isBeyondAYear(s.maxAlertAge),
    message: 'is longer than a year (8760h): write a shorter duration',
  },
  {
    setting: 'evidenceS3LockDays',
    when: (s) => (s.evidenceS3LockMode === undefined) !== (s.evidenceS3LockDays === undefined),
    message: 'and --evidence-s3-lock-mode need each other: how strictly, and for how long',
  },
  {
    setting: 'evidenceStore',
    when: (s) =>
      s.evidenceStore === undefined && (s.evidenceS3Endpoint ?? s.evidenceS3LockMode) !== undefined,
    message: 'is missing: the other settings of S3 need a bucket',
  },
  {
    setting: 'evidenceS3Endpoint',
    when: (s) => s.evidenceS3Endpoint !== undefined && isPlainBeyondLoopback(s.evidenceS3Endpoint),
    message: 'would carry evidence over the network for everybody to read: use https',
  },
  {
    setting: 'evidenceRetention',
    when: (s) => s.evidenceRetention !== undefined && isBeyondAYear(s.evidenceRetention),
    message: 'is longer than a year (8760h): write a shorter duration, or leave it out to keep everything',
  },
  {
    setting: 'evidenceRetention',
    when: (s) => s.evidenceRetention !== undefined && isBelow(s.evidenceRetention, '24h'),
    message: 'is shorter than a day (24h): nobody could look at the evidence in time',
  },
  {
    setting: 'tlsKeyFile',
    when: (s) => s.tlsCertFile !== undefined && s.tlsKeyFile === undefined,
    message: 'is missing: --tls-cert-file needs the key of its certificate',
  },
  {
    setting: 'tlsCertFile',
    when: (s) => s.tlsCertFile === undefined && s.tlsKeyFile !== undefined,
    message: 'is missing: --tls-key-file needs the certificate it belongs to',
  },
  {
    setting: 'tlsClientCaFile',
    when: (s) => s.tlsClientCaFile !== undefined && s.tlsCertFile === undefined && s.tlsKeyFile === undefined,
    message: 'client certificates need TLS: set --tls-cert-file and --tls-key-file as well',
  },
  {
    setting: 'tokenFile',
    when: (s) => s.roles.includes('receiver') && !isAuthenticated(s) && !s.allowUnauthenticatedIntake,
    message:
      'is missing, and so is --tls-client-ca-file: without a token or a client certificate anybody could report ' +
      'drift and have pods evicted. To try it out on loopback, set --allow-unauthenticated-intake',
  },
  {
    setting: 'notifyWebhookUrl',
    when: (s) => s.notifyWebhookUrl === undefined && s.notifyWebhookTokenFile !== undefined,
    message: 'is missing: --notify-webhook-token-file needs the server that the token is for',
  },
  {
    setting: 'notifyWebhookUrl',
    when: (s) =>
      s.notifyWebhookUrl !== undefined &&
      s.notifyWebhookTokenFile !== undefined &&
      isPlainBeyondLoopback(s.notifyWebhookUrl),
    message: 'would carry the token over the network for everybody to read: use https',
  },
  {
    setting: 'notifyKeyFile',
    when: (s) => (s.notifyCertFile === undefined) !== (s.notifyKeyFile === undefined),
    message: 'and --notify-cert-file need each other: a certificate and its private key',
  },
  {
    setting: 'allowUnauthenticatedIntake',
    when: (s) => isAuthenticated(s) && s.allowUnauthenticatedIntake,
    message: 'contradicts --token-file and --tls-client-ca-file: leave it out, or leave these out',
  },
];

type Fields = z.output<typeof FieldsSchema>;
type Conflict = (typeof CONFLICTS)[number];

// Windows of limits: what is longer than the ledger remembers could not be counted.
const WINDOWS = LIMIT_DURATIONS.map((setting): Conflict => ({
  setting,
  when: (s) => isBeyondAYear(s[setting]) || !isWithin(s[setting], ['1m', '24h']),
  message: 'must be from 1m to 24h',
}));

function isAuthenticated({ tokenFile, tlsClientCaFile }: Fields): boolean {
  return tokenFile !== undefined || tlsClientCaFile !== undefined;
}

/** Settings of `die-operator run`. Each has a flag (`--kebab-case`) and an environment variable (`DIE_UPPER_CASE`). */
export const SettingsSchema = FieldsSchema.superRefine((settings, context) => {
  for (const { setting, when, message } of [...CONFLICTS, ...WINDOWS]) {
    if (when(settings)) context.addIssue({ code: 'custom', path: [setting], message });
  }
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
  const { issues } = result.error;
  const problems = issues.map(({ path, message }) => `--${kebab(String(path[0] ?? ''))}: ${message}`);
  throw new Error(`these settings cannot be used:\n  ${problems.join('\n  ')}`);
}

function isBeyondAYear(duration: string): boolean {
  try {
    return parseDuration(duration) < 0;
  } catch {
    return true;
  }
}

function isBelow(duration: string, least: string): boolean {
  return !isBeyondAYear(duration) && parseDuration(duration) < parseDuration(least);
}

function isWithin(duration: string, [least, most]: readonly [string, string]): boolean {
  return !isBelow(duration, least) && parseDuration(duration) <= parseDuration(most);
}

function isPlainBeyondLoopback(url: string): boolean {
  const { protocol, hostname: host } = new URL(url);
  return protocol === 'http:' && !['127.0.0.1', '[::1]', 'localhost'].includes(host);
}

/** `maxAlertAge` as `max-alert-age`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
