// Settings of the stream of alerts.
import { z } from 'zod';

/** See the file's first line. */
export const STREAM_SETTINGS = {
  streamServers: z
    .array(z.string().min(1).max(512))
    .default([])
    .describe('NATS servers of the stream, tls://host:4222 or nats://host:4222; empty means no stream.'),
  streamName: z
    .string()
    .default('FALCO')
    .describe('JetStream stream that captures what Falcosidekick publishes.'),
  streamConsumer: z
    .string()
    .default('die-operator')
    .describe('Durable consumer of the stream; all receivers share it.'),
  streamSubject: z.string().default('falco.>').describe('Subjects of the alerts in the stream.'),
  streamDeadLetters: z
    .string()
    .default('FALCO_DEAD_LETTERS')
    .describe('Stream that keeps messages which cannot be used.'),
  streamUser: z.string().optional().describe('User at the NATS servers.'),
  streamPasswordFile: z.string().optional().describe('File with the password of that user.'),
  streamTokenFile: z.string().optional().describe('File with a token for the NATS servers.'),
  streamCredsFile: z.string().optional().describe('File with the JWT and seed of a NATS user.'),
  streamTlsCaFile: z
    .string()
    .optional()
    .describe('File with the CAs of the NATS servers (PEM); absent: those that this machine trusts.'),
  streamTlsCertFile: z
    .string()
    .optional()
    .describe('File with the client certificate for the NATS servers (PEM).'),
  streamTlsKeyFile: z.string().optional().describe('File with the private key of that certificate (PEM).'),
  createStream: z
    .boolean()
    .default(false)
    .describe('Makes the stream, the dead letters and the consumer if they do not exist.'),
  insecureStream: z.boolean().default(false).describe('Allows NATS servers beyond loopback without TLS.'),
  allowUnauthenticatedStream: z
    .boolean()
    .default(false)
    .describe('Allows NATS servers beyond loopback that let everybody in.'),
};
