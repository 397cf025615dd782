// The status of a DriftIncident: `reports` is written by receivers, everything else by the responder.
import { z } from 'zod';
import { DetectionSummarySchema } from './detection.ts';
import {
  ContributionsSchema,
  MAX_RECORDED_CONTAINERS,
  MAX_REPORTED_DETECTIONS,
  ResponseSettingsSchema,
} from './incident-spec.ts';
import { limitedRecord, nameField, timeField, uidField } from './meta.ts';
import { DIRECTIONS } from './network-policy.ts';
import { COLLECTORS, ConditionsSchema } from './policy.ts';
import { SeveritySchema } from './severity.ts';

/** What one receiver saw since the incident was opened. */
export const ReportSchema = z
  .object({
    count: z.int().min(0).describe('Detections counted by this receiver, the first included.'),
    firstSeen: timeField('When this receiver got the first.'),
    lastSeen: timeField('When this receiver got the last.'),
    highestSeverity: SeveritySchema.describe('The highest severity among them.'),
    detections: z
      .array(DetectionSummarySchema)
      .max(MAX_REPORTED_DETECTIONS)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('The first detection of each further rule.'),
    policies: ContributionsSchema.optional(),
    response: ResponseSettingsSchema.optional(),
  })
  .describe('What one receiver saw.');

/** Steps of a response in the order of the system. */
export const STEPS = [
  'Label',
  'Isolate',
  'Cut',
  'Capture',
  'Confirm',
  'Evict',
  'Touch',
  'Verify',
  'Release',
  'Settle',
  'Contain',
] as const;
/** Name of a step. */
export type StepName = (typeof STEPS)[number];

/** How far a step is. */
export const StepSchema = z
  .object({
    name: z.enum(STEPS).describe('The step.'),
    state: z.enum(['Running', 'Waiting', 'Succeeded', 'Failed', 'Skipped']).describe('How far it is.'),
    attempts: z.int().min(0).describe('How often it was tried.'),
    startedAt: timeField('When it was first tried.').optional(),
    finishedAt: timeField('When it ended.').optional(),
    nextAttemptAt: timeField('When it is tried again.').optional(),
    reason: z
      .string()
      .max(64)
      .regex(/^[A-Za-z]+$/, 'must be letters only, such as BudgetExhausted')
      .describe('Where it stands, in one word for programs.'),
    message: z.string().max(1024).describe('Where it stands, in words for people.'),
  })
  .describe('One step of the response.');

/** How a pod is taken out: all labels away, or only ours added. */
export const FORMS = ['Orphan', 'Gentle', 'LabelOnly'] as const;
/** See {@link FORMS}. */
export type IsolationForm = (typeof FORMS)[number];

/** Phases that end an incident: nothing of ours is left in the cluster. */
export const FINAL_PHASES = ['Resolved', 'Released', 'Failed', 'TargetGone'] as const;
/** A summary for printing; no code reads it to decide, except whether the incident is over. */
export const PHASES = ['Observed', 'Responding', 'Quarantined', 'Verifying', ...FINAL_PHASES] as const;
/** See {@link PHASES}. */
export type Phase = (typeof PHASES)[number];
/** See {@link FINAL_PHASES}. */
export type FinalPhase = (typeof FINAL_PHASES)[number];

/** Whether a program that an alert is about is not as the image has it. */
export const CONFIRMATIONS = ['Pending', 'Confirmed', 'NotConfirmed', 'Unknown'] as const;
/** Programs of one incident that are looked for. */
export const MAX_LOOKED = 16;

/** What a remaining path is there by: a policy, the node, an exec, or a connection from before. */
export const PATH_KINDS = ['Policy', 'Node', 'Exec', 'Established'] as const;
/** Paths that a record lists. */
export const MAX_PATHS = 32;

/** One way in which a quarantined pod can still be reached, or reach others. */
export const IsolationPathSchema = z
  .object({
    kind: z.enum(PATH_KINDS).describe('Why the path is there.'),
    direction: z.enum(DIRECTIONS).describe('Ingress: to the pod. Egress: from it.'),
    peer: z.string().max(160).describe('Who is at its other end, in words.'),
    ports: z.string().max(80).describe('Which ports, in words.'),
    policy: z.string().max(320).optional().describe('The policy that allows it.'),
  })
  .describe('One remaining path.');

/** See {@link IsolationPathSchema}. */
export type IsolationPath = z.infer<typeof IsolationPathSchema>;

/** `status` of a DriftIncident. */
export const DriftIncidentStatusSchema = z
  .object({
    phase: z.enum(PHASES).optional().describe('Summary of the conditions, for printing.'),
    reports: limitedRecord(63, ReportSchema, 32)
      .optional()
      .meta({ default: {} })
      .describe('What each receiver saw, by the receiver’s name.'),
    plan: z
      .object({
        mode: z.enum(['Audit', 'Enforce']).describe('Audit: nothing of it is done.'),
        steps: z.array(z.enum(STEPS)).max(STEPS.length).describe('Steps in order.'),
        form: z.enum(FORMS).optional().describe('How the pod is taken out of its workload.'),
        message: z.string().max(1024).describe('The plan in words, with what limits it.'),
        bystanders: z
          .array(z.string().max(36))
          .max(32)
          .optional()
          .meta({ 'x-kubernetes-list-type': 'atomic' })
          .describe(
            'UIDs of pods of the controller that were there already but are as young as the incident, since creation times are whole seconds: none of them is taken for its replacement.',
          ),
      })
      .optional()
      .describe('What the responder decided to do.'),
    steps: z
      .array(StepSchema)
      .max(STEPS.length)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('How far each step is.'),
    isolation: z
      .object({
        form: z.enum(FORMS).describe('How the pod was taken out.'),
        at: timeField('When the pod was changed.'),
        networkPolicy: z.string().max(253).optional().describe('The policy that denies its traffic.'),
        paths: z
          .array(IsolationPathSchema)
          .max(MAX_PATHS)
          .optional()
          .meta({ 'x-kubernetes-list-type': 'atomic' })
          .describe('What is still open, as far as it is known.'),
        morePaths: z.int().min(1).optional().describe('Paths that found no room in the list.'),
        enforcement: z
          .object({
            verdict: z.enum(['Enforced', 'Unenforced']).describe('What the test showed.'),
            node: z.string().max(253).describe('The node that was tested.'),
            testedAt: timeField('When the test ended.'),
            tookMs: z.int().min(0).describe('Milliseconds from a change to the first refused packet.'),
            establishedCut: z.boolean().describe('Whether open connections were cut as well.'),
          })
          .optional()
          .describe('What a test of the pod’s node showed.'),
        cut: z
          .object({
            begunAt: timeField('When it was begun: from then on a firewall may be there.'),
            at: timeField('When it was in place.').optional(),
            podIP: z
              .string()
              .max(45)
              .optional()
              .describe(
                'Address of the pod then. With another one it has another network, without the firewall.',
              ),
            sandboxAt: z
              .string()
              .max(40)
              .optional()
              .describe(
                'Since when the pod had its sandbox then, as its kubelet says. The next sandbox has another network, even if it has the same address.',
              ),
          })
          .optional()
          .describe('The firewall that was put into the network of the pod. Release takes it away.'),
        deniedBy: z
          .string()
          .min(1)
          .max(253)
          .optional()
          .describe(
            'The admission policy or webhook that refused to take the labels of the pod away; it kept them therefore.',
          ),
      })
      .optional()
      .describe('What was changed on the pod.'),
    evidence: z
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
          .describe(
            'Which bundle of the incident it is, if there were others before; they are kept beside it.',
          ),
        lostAt: timeField('When it was found to be gone, or changed.').optional(),
      })
      .optional()
      .describe('The evidence that was kept.'),
    confirmation: z
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
      .optional()
      .describe('Whether the drift was confirmed on the node, where a rung asks for that.'),
    eviction: z
      .object({
        requestedAt: timeField('When the API server accepted the eviction.').optional(),
        goneAt: timeField('When the pod was gone.').optional(),
      })
      .optional()
      .describe('How the pod went.'),
    replacement: z
      .object({
        name: nameField('Name of the pod that took its place.'),
        uid: uidField('UID of the pod that took its place.'),
        nodeName: z.string().max(253).optional().describe('Node of that pod.'),
        images: z
          .array(
            z
              .object({
                container: z.string().max(63).describe('Container name.'),
                imageID: z.string().max(512).describe('Image as the runtime resolved it.'),
                proof: z
                  .enum(['Pinned', 'Baseline', 'None'])
                  .describe(
                    'Pinned: equals the digest in the pod spec. Baseline: equals what the set ran before.',
                  ),
              })
              .describe('One container.'),
          )
          .max(MAX_RECORDED_CONTAINERS)
          .describe('What each container of it runs.'),
      })
      .optional()
      .describe('The pod that took its place.'),
    observedGeneration: z.int().min(0).optional().describe('Generation that the status is about.'),
    conditions: ConditionsSchema.optional(),
  })
  .meta({ default: {} })
  .describe('How far the response is.');
