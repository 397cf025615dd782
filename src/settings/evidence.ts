// Settings of the evidence: where it is kept, how it is protected, and for how long.
import { z } from 'zod';
import { DurationSchema } from '../api/policy.ts';

/** See the file's first line. */
export const EVIDENCE_SETTINGS = {
  evidenceDir: z
    .string()
    .default('/var/lib/die-operator/evidence')
    .describe('Directory that keeps evidence; must exist.'),
  evidenceStore: z
    .string()
    .max(256)
    .regex(/^s3:\/\/./, 'has the form s3://bucket/prefix')
    .optional()
    .describe(
      'Bucket that keeps evidence in place of the directory: s3://bucket/prefix. Its credentials come from the ' +
        'environment or the role of the pod.',
    ),
  evidenceS3Endpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address of an S3 server other than AWS, https://host:port.'),
  evidenceS3Region: z.string().min(1).max(63).default('us-east-1').describe('Region of the bucket.'),
  evidenceS3LockMode: z
    .enum(['GOVERNANCE', 'COMPLIANCE'])
    .optional()
    .describe(
      'Object lock of everything that is stored; absent means that evidence can be deleted at any time.',
    ),
  evidenceS3LockDays: z.coerce
    .number()
    .int()
    .min(1)
    .max(36_500)
    .optional()
    .describe('Days for which that lock holds.'),
  evidenceRecipients: z
    .array(z.string().min(1).max(4096))
    .max(8)
    .default([])
    .describe(
      'Public keys of age (age1...), each of which can decrypt all evidence; empty means it is not encrypted.',
    ),
  evidenceSigningKeyFile: z
    .string()
    .optional()
    .describe(
      'File with the private key that signs evidence (PEM, Ed25519 or ECDSA P-256, no passphrase); read again for each ' +
        'bundle. Without it evidence is not signed.',
    ),
  evidenceRetention: DurationSchema.optional().describe(
    'Evidence older than this is deleted, at least 24h; absent means it is kept for ever.',
  ),
};
