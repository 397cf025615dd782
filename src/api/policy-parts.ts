// The parts of a policy: rungs, exceptions, isolation, evidence, grants. Hold only fields that this version obeys.
import { z } from 'zod';
import { DurationSchema, QuantitySchema } from './amounts.ts';
import { SOURCES } from './detection.ts';
import { ExecCommandsSchema } from './exec-command.ts';
import { timeField, toldAs } from './meta.ts';
import { SeveritySchema } from './severity.ts';

export * from './amounts.ts';
export * from './approval.ts';
export * from './eviction.ts';
export * from './limits.ts';

/** What can be done to a pod, in the order in which the system does it. */
export const ACTIONS = ['Label', 'Isolate', 'Capture', 'Evict', 'Restart'] as const;
/** One action. */
export type Action = (typeof ACTIONS)[number];

/** A list of patterns. */
export const globs = (what: string) =>
  z
    .array(z.string().min(1).max(512))
    .min(1)
    .max(32)
    .describe(`${what} \`*\` stands for any characters, also none; everything else is literal.`);

/** A condition in CEL; what it sees is in src/decide/cel/input.ts. */
const condition = (what: string) =>
  z
    .string()
    .min(1)
    .max(1024)
    .describe(
      `${what} An expression in CEL that yields true or false and sees \`detection\`, \`pod\`, \`container\` and \`workload\`; an error is no match.`,
    );

const ENTRY_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const NO_ENTRY_NAME = 'must be lower-case letters, digits and dashes, such as contain';
/** The name of an entry of a list. */
export const entryName = (what: string) =>
  z.string().max(63).regex(ENTRY_NAME, NO_ENTRY_NAME).meta(toldAs(ENTRY_NAME, NO_ENTRY_NAME)).describe(what);

/** What is said of a rung that has both. */
export const EVICT_OR_RESTART = 'a rung has either Evict or Restart: Restart evicts, too';

/** One rung of the ladder. */
export const ResponseSchema = z
  .object({
    name: entryName('Name of the rung, unique in the policy.'),
    minSeverity: SeveritySchema.default('Warning').describe(
      'The rung answers detections of this severity and above.',
    ),
    rules: globs('The rung answers only rules whose name matches one of these patterns.').optional(),
    sources: z
      .array(z.enum(SOURCES))
      .min(1)
      .max(8)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'set' })
      .describe('The rung answers only detections of these detectors.'),
    tags: globs('The rung answers only rules with a tag that matches one of these patterns.').optional(),
    condition: condition('The rung answers only detections for which this is true.').optional(),
    confirmed: z
      .boolean()
      .optional()
      .describe(
        'The actions count only once the program of an alert was found on the node to be added to the container, or changed in it. It needs the helper profile `capture`, and in a DriftPolicy the grant of Filesystem.',
      ),
    actions: z
      .array(z.enum(ACTIONS))
      .min(1)
      .max(ACTIONS.length)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .describe(
        'What is done. Every rung that a detection meets adds its actions; the order is the system’s: Label and Isolate, Capture, then Evict or Restart. Evict: the pod is evicted, and its controller makes another. Restart: a pod without a controller is evicted and made anew from its recorded manifest, with images pinned by digest; for any other it is Evict, and the incident has the pin as a patch for people to apply. Restart needs rights of its own (docs/restart.md), and in a DriftPolicy a grant.',
      ),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "!('Evict' in self.actions && 'Restart' in self.actions)",
        message: EVICT_OR_RESTART,
      },
    ],
  })
  .describe('One rung of the response ladder.');

/** How far a response may go that an exception caps. */
export const CAPS = ['None', 'Label', 'Isolate', 'Capture'] as const;
/** One cap. */
export type Cap = (typeof CAPS)[number];

/** One exception. */
export const ExceptionSchema = z
  .object({
    name: entryName('Name of the exception, unique in the policy.'),
    image: z
      .string()
      .min(1)
      .max(512)
      .describe(
        'Pattern for the image of the container that the detection is about, as the pod asks for it or as the runtime resolved it. `*` stands for any characters; everything else is literal.',
      ),
    condition: condition('The exception applies only to detections for which this is true.').optional(),
    reason: z.string().min(1).max(256).describe('Why, for those who read the incident.'),
    expires: timeField('When the exception ends.'),
    maxAction: z
      .enum(CAPS)
      .default('Label')
      .describe(
        'The last action, in the order of the system, that this policy still contributes. None: the drift is recorded only.',
      ),
  })
  .describe(
    'Drift that is known: it is still recorded, and this policy answers it with less. Other policies are not touched.',
  );

/** What becomes of a quarantine that its policies let expire. */
export const EXPIRIES = ['Evict', 'Notify'] as const;
/** Whether others may evict a quarantined pod, as a drain of its node does. */
export const DRAINS = ['CaptureThenAllow', 'Deny'] as const;

/** What cuts a pod off besides policies of the network. */
export const CUTS = ['None', 'PodFirewall'] as const;

/** How a quarantine behaves. */
export const IsolationSchema = z
  .object({
    cut: z
      .enum(CUTS)
      .default('None')
      .describe(
        'What cuts the pod off besides the policies of the network. PodFirewall: a firewall in the network of the pod itself, which ends open connections too and lets only the probes of its node through. It needs the helper profile `netns`, and in a DriftPolicy a grant.',
      ),
    ttl: DurationSchema.default('24h').describe('How long a pod may stay in quarantine.'),
    onExpiry: z
      .enum(EXPIRIES)
      .default('Notify')
      .describe(
        'What happens then. Notify: people are told, and the pod stays. Evict: the pod is evicted when its evidence is complete; without complete evidence people are told.',
      ),
    onDrain: z
      .enum(DRAINS)
      .default('CaptureThenAllow')
      .describe(
        'What a drain of the node meets where the quarantine is protected (config/components/quarantine-protection). CaptureThenAllow: the eviction is refused until the evidence is kept, then allowed. Deny: it is refused until the incident ends.',
      ),
  })
  .describe('How a quarantine behaves.');

/** What can be read on the node of the pod. First what leaves it as it is; a checkpoint stops the containers for a moment. */
export const COLLECTORS = ['Processes', 'Filesystem', 'Checkpoint'] as const;
/** See {@link COLLECTORS}. */
export type CollectorName = (typeof COLLECTORS)[number];

const collectors = (what: string) =>
  z
    .array(z.enum(COLLECTORS))
    .max(COLLECTORS.length)
    .default([])
    .meta({ 'x-kubernetes-list-type': 'set' })
    .describe(what);

/** What is kept of a pod. */
export const EvidenceSchema = z
  .object({
    collectors: collectors(
      'What is read on the node of the pod. Processes: the processes of its containers, what they run and which sockets they have. Filesystem: how the files of its containers differ from their images. These need the helper profile `capture`. Checkpoint: the memory and everything else of its running containers, where runtime and node can do that; it needs config/components/checkpoint. In a DriftPolicy each needs a grant. API objects and logs are always taken.',
    ),
    contents: z
      .boolean()
      .default(true)
      .describe(
        'Whether the contents of changed files and of what runs are kept. Without them their hashes, sizes and times are.',
      ),
    deadline: DurationSchema.default('2m').describe('How long the capture may take, from 10s to 9m.'),
    maxBytes: QuantitySchema.default('256Mi').describe(
      'How much is kept of one pod, from 1Mi to 64Gi. What finds no room is missing, and the evidence says so.',
    ),
    exec: ExecCommandsSchema,
    required: z
      .boolean()
      .default(false)
      .describe(
        'The pod is not evicted while one of the collectors that were asked for has given nothing, or nothing could be stored; the capture is tried again, and a person may decide. Otherwise the response goes on, and `EvidenceComplete` says what is missing.',
      ),
  })
  .describe('What `Capture` keeps of the pod.');

/** When running pods are compared with their images. */
export const ComparisonSchema = z
  .object({
    interval: DurationSchema.describe(
      'In each interval one running pod of each workload is compared, at a time within it that differs from one to the next. At least 10m.',
    ),
    expectedWrites: globs(
      'Paths in containers that are known to be written, as `/var/cache/*`: what is there is no drift. Programs are, wherever they lie. Of several policies that select a pod each adds its own.',
    ).optional(),
  })
  .describe(
    'Running pods are compared with their images from time to time, and drift is a detection of the source `Filesystem`. It needs the helper profile `capture`, config/components/comparison, and in a DriftPolicy a grant.',
  );

/** What the policies of namespaces may do. */
export const GrantsSchema = z
  .object({
    enforce: z.boolean().default(false).describe('DriftPolicies may have mode Enforce.'),
    exceptions: z.boolean().default(false).describe('DriftPolicies may have exceptions.'),
    cut: z.boolean().default(false).describe('DriftPolicies may ask for `isolation.cut`.'),
    collectors: collectors('DriftPolicies may ask for these in `evidence.collectors`.'),
    exec: z.boolean().optional().describe('DriftPolicies may have `evidence.exec`.'),
    comparison: z.boolean().default(false).describe('DriftPolicies may ask for `comparison`.'),
    restart: z.boolean().optional().describe('DriftPolicies may have the action Restart.'),
    breakGlass: z
      .object({
        maxDuration: DurationSchema.default('4h').describe(
          'An annotation that ends later than this from now is not honoured.',
        ),
      })
      .optional()
      .describe(
        'The annotation `die-operator.dev/break-glass-until` on a pod caps every response to it at Label until the time that it names.',
      ),
  })
  .describe(
    'What the DriftPolicies of the selected namespaces may do. Of several ClusterDriftPolicies with grants each adds its own; once there is one, what none grants is not permitted. Where there is none, Enforce and exceptions are; `isolation.cut`, `evidence.collectors` and `comparison`, which work on the node, and the action Restart, which makes pods, are not.',
  );

/** One exception, defaults applied. */
export type Exception = z.output<typeof ExceptionSchema>;
/** Grants, defaults applied. */
export type Grants = z.output<typeof GrantsSchema>;
/** One rung, defaults applied. */
export type Response = z.output<typeof ResponseSchema>;
/** Isolation settings, defaults applied. */
export type Isolation = z.output<typeof IsolationSchema>;
/** How running pods are compared. */
export type Comparison = z.output<typeof ComparisonSchema>;
/** Evidence settings, defaults applied. */
export type Evidence = z.output<typeof EvidenceSchema>;
