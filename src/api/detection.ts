// A Detection: what any detector said about one container, in one form for all of them.
import { z } from 'zod';
import { SeveritySchema } from './severity.ts';

/** Detectors that can speak to this version. */
export const SOURCES = ['Falco', 'Filesystem', 'Digest', 'Configuration', 'Defender'] as const;

/** How sure it is that the pod drifted and that it is this pod, from the best to the worst. */
export const CONFIDENCES = ['High', 'Medium', 'Low'] as const;
/** See {@link CONFIDENCES}. */
export type Confidence = (typeof CONFIDENCES)[number];

/**
 * What an incident keeps of a detection. Command lines, arguments and environment are left out on purpose:
 * incidents are read by many. All strings are cut and free of control characters before they get here.
 */
export const DetectionSummarySchema = z
  .object({
    id: z
      .string()
      .max(32)
      .regex(/^[0-9a-f]{32}$/, 'must be 32 lower-case hex digits')
      .describe('Identity of the detection: hash of source, rule, time, container and fields.'),
    source: z.enum(SOURCES).describe('The detector.'),
    rule: z.string().min(1).max(256).describe('Rule of the detector that fired.'),
    severity: SeveritySchema.describe('Severity, on the scale of Falco.'),
    time: z.iso.datetime({ offset: true }).max(40).describe('When the detector saw it, by its own clock.'),
    receivedAt: z.iso.datetime({ offset: true }).max(40).describe('When die-operator received it.'),
    hostname: z.string().max(253).optional().describe('Node name as the detector told it.'),
    containerID: z
      .string()
      .max(64)
      .optional()
      .describe('Container ID as the detector told it (12 to 64 hex digits).'),
    containerName: z.string().max(63).optional().describe('Container name as the detector told it.'),
    executable: z.string().max(512).optional().describe('Path of the program that the rule is about.'),
    confidence: z
      .enum(CONFIDENCES)
      .optional()
      .describe(
        'How sure it is that this pod is meant; absent: High. Low: the detector named the pod, but neither its UID nor a container of it, so what it asks for needs an approval, unless a surer detection asks for it, too.',
      ),
    message: z
      .string()
      .max(1024)
      .optional()
      .describe('What was found, for people; for images and configuration what was approved and what runs.'),
    remediation: z
      .array(z.string().min(1).max(512))
      .max(8)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('What the detector advises people to do.'),
  })
  .describe('A detection as kept in the incident.');

/** See {@link DetectionSummarySchema}. */
export type DetectionSummary = z.infer<typeof DetectionSummarySchema>;

/** How much of a detection's fields is kept, in fields and in characters; names of 64 fields leave room for values. */
export const FIELD_LIMITS = { fields: 64, name: 48, value: 1024, total: 4096 } as const;

/** Identity of the container as told by a detector; absent means not told (null, "", `<NA>` and `host` are absent). */
export interface ToldIdentity {
  podUid?: string;
  podName?: string;
  namespace?: string;
  /** 12 to 64 lower-case hex digits. */
  containerId?: string;
  containerName?: string;
  /** Node name. */
  hostname?: string;
}

/** A detection on its way from a detector to an incident. Lives in memory only; the summary is what is stored. */
export interface Detection {
  summary: DetectionSummary;
  identity: ToldIdentity;
  /** Tags of the rule, at most 32 of at most 64 characters. */
  tags: readonly string[];
  /**
   * What the detector told besides, by its own names (`proc.name`), for conditions of policies. The attacker's text. See
   * {@link FIELD_LIMITS}.
   */
  fields: Readonly<Record<string, string>>;
}
