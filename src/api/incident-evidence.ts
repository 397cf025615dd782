// What the status of a DriftIncident says of evidence and of the confirmation of its drift.
import { z } from 'zod';
import { timeField } from './meta.ts';
import { COLLECTORS } from './policy.ts';

/** Whether a program that an alert is about is not as the image has it. */
export const CONFIRMATIONS = ['Pending', 'Confirmed', 'NotConfirmed', 'Unknown'] as const;
/** Programs of one incident that are looked for. */
export const MAX_LOOKED = 16;

/** The evidence that was kept. */
export const EvidenceStatusSchema = z
  .object({
    location: z.string().max(1024).describe('Where the evidence lies.'),
    manifestSha256: z
      .string()
      .max(64)
      .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
      .describe('SHA-256 of the manifest.'),
    files: z.int().min(0).describe('Files in the manifest.'),
    bytes: z.int().min(0).describe('Bytes of these files.'),
    missing: z
      .array(z.string().max(63))
      .max(16)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Collectors that gave nothing at all.'),
    problems: z.array(z.string().max(512)).max(16).describe('What could not be captured, and why.'),
    encryption: z
      .enum(['None', 'Age'])
      .optional()
      .describe('Age: every file is encrypted, to the public keys that the manifest lists.'),
    signedBy: z
      .array(
        z
          .string()
          .max(64)
          .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits'),
      )
      .max(4)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe(
        'Keys that signed the manifest: SHA-256 of each public key. Empty: nobody did, or it could not be proven.',
      ),
    collectors: z
      .array(z.enum(COLLECTORS))
      .max(COLLECTORS.length)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('What was to be read on the node.'),
    round: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe('Which bundle of the incident it is, if there were others before; they are kept beside it.'),
    lostAt: timeField('When it was found to be gone, or changed.').optional(),
  })
  .describe('The evidence that was kept.');

/** Whether the drift was confirmed. */
export const ConfirmationSchema = z
  .object({
    state: z
      .enum(CONFIRMATIONS)
      .describe(
        'Confirmed: the program is not as the image has it. NotConfirmed: no program of the alerts was found to be so. Unknown: nobody could look.',
      ),
    path: z.string().max(512).optional().describe('Program that was looked for, as the alert tells it.'),
    container: z.string().max(63).optional().describe('Container in which it was looked for.'),
    kind: z.enum(['Added', 'Modified']).optional().describe('How it differs from the image.'),
    at: timeField('When that was found out.'),
    message: z.string().max(1024).describe('The same in words, with what to do where it is not known.'),
    looked: z
      .array(z.string().max(600))
      .max(MAX_LOOKED)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('What was looked for in vain: container and program.'),
  })
  .describe('Whether the drift was confirmed on the node, where a rung asks for that.');
