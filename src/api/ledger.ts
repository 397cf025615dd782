// The ledger of destructive acts, and the circuit breaker beside it: one ConfigMap, so that what was spent stays spent.
import { z } from 'zod';
import { timeField } from './meta.ts';
import { SeveritySchema } from './severity.ts';

/** What is entered: each takes capacity away from a workload, or ends what a quarantine kept. */
export const ACTS = ['Evict', 'Delete', 'Orphan', 'Contain'] as const;
/** See {@link ACTS}. */
export type ActName = (typeof ACTS)[number];

/** Reasons for which limits, ledger and breaker hold an act, in the order in which they are asked. */
export const HOLD_REASONS = [
  'LedgerUnreadable',
  'BreakerOpen',
  'LedgerFull',
  'ClusterLimit',
  'NodeLimit',
  'NamespaceLimit',
  'WorkloadBusy',
  'Cooldown',
] as const;
/** See {@link HOLD_REASONS}. */
export type HoldReason = (typeof HOLD_REASONS)[number];

/** Acts that the ledger holds. Together with {@link MAX_LEDGER_BYTES} it stays well below the 1 MiB of a ConfigMap. */
export const MAX_ACTS = 2_000;
/** Bytes of the list of acts. */
export const MAX_LEDGER_BYTES = 768 * 1024;
/** Openings of the breaker that are kept. */
export const MAX_OPENINGS = 16;

const name = (max: number) => z.string().min(1).max(max);

/** One act, entered before it is carried out. */
export const ActSchema = z
  .object({
    at: timeField('When it was entered, by the clock of the responder.'),
    act: z.enum(ACTS).describe('What was about to be done.'),
    namespace: name(63).describe('Namespace of the pod.'),
    workload: name(512).describe(
      'Key of its top-level workload: the Deployment, not one of its ReplicaSets.',
    ),
    node: z.string().max(253).optional().describe('Its node.'),
    incident: name(63).describe('UID of the incident.'),
    pod: name(63).describe('UID of the pod. With `act` it is the key: a second try counts once.'),
    severity: SeveritySchema.optional().describe('Severity of the incident then.'),
    outcome: z.string().max(64).optional().describe('What became of it, where that was noted.'),
  })
  .describe('One destructive act.');

/** Why the breaker opened. */
export const BREAKER_REASONS = ['Workloads', 'Namespace', 'NewPolicy'] as const;

/** One time that the breaker was open; the last one is the present one as long as it is not closed. */
export const OpeningSchema = z
  .object({
    openedAt: timeField('When it opened.'),
    reason: z.enum(BREAKER_REASONS).describe('Which rule opened it.'),
    message: z.string().max(1024).describe('The same in words, with numbers.'),
    closed: z
      .object({
        at: timeField('When it was closed. Incidents from before do not open it again.'),
        by: z.string().min(1).max(253).describe('Who closed it; its own rule, or a person.'),
        reason: z.string().max(1024).describe('Why.'),
      })
      .optional()
      .describe('Absent: it is open.'),
  })
  .describe('One time that the breaker was open.');

/** What a person writes into the switch to close the breaker. */
export const BreakerDecisionSchema = z
  .object({
    by: z.string().min(1).max(253).describe('Who decided, as `kubectl auth whoami` says.'),
    reason: z.string().min(1).max(1024).describe('Why.'),
    opened: timeField('`openedAt` of what is closed: a decision about another time does not count.'),
  })
  .describe('The decision to close the breaker.');

/** See {@link ActSchema}. */
export type Act = z.infer<typeof ActSchema>;
/** See {@link OpeningSchema}. */
export type Opening = z.infer<typeof OpeningSchema>;
/** See {@link BreakerDecisionSchema}. */
export type BreakerDecision = z.infer<typeof BreakerDecisionSchema>;
