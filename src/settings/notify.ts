// Settings of the notifications: who is told of responses.
import { z } from 'zod';
import { SEVERITIES } from '../api/severity.ts';

const ADDRESS = z
  .url({ protocol: /^https?$/ })
  .max(2048)
  .refine((url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''), {
    message: 'must have no user and no password in it: they would be in logs and lists of processes',
  });

/** See the file's first line. */
export const NOTIFY_SETTINGS = {
  falcosidekickUrl: ADDRESS.optional().describe(
    'Address of Falcosidekick, http://falcosidekick.falco.svc:2801, which is told what responses do and passes it on to ' +
      'its outputs. Plain http carries names of pods and incidents over the network of the cluster, and no secrets.',
  ),
  notifyWebhookUrl: ADDRESS.optional().describe(
    'Address of any other server that is told the same, as JSON.',
  ),
  notifyWebhookTokenFile: z
    .string()
    .optional()
    .describe('File with the bearer token for that server, on one line; read each time.'),
  notifyCaFile: z
    .string()
    .optional()
    .describe(
      'File with the CAs of both servers (PEM); read each time. Absent: those that this machine trusts.',
    ),
  notifyCertFile: z
    .string()
    .optional()
    .describe('File with the client certificate that is shown to both servers (PEM); read each time.'),
  notifyKeyFile: z
    .string()
    .optional()
    .describe('File with the private key of that certificate (PEM, no passphrase).'),
  notifyMinimumPriority: z
    .enum(SEVERITIES)
    .default('Informational')
    .describe('What is less urgent than this is not told.'),
};
