// Metrics, named for what happened. All label values come from fixed sets: no text of an alert gets into one.
import { Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { CAP_SOURCES, FINAL_PHASES, STEPS, type CapSource, type FinalPhase } from '../api/incident.ts';
import { HOLD_REASONS } from '../api/ledger.ts';
import type { Resource } from '../kube/resources.ts';
import { byVerdict, counter, reading, sizes } from './gauges.ts';

/** How one run of a step can end; Waiting: not failed, tried again later. */
export const STEP_RESULTS = ['Succeeded', 'Waiting', 'Failed'] as const;
/** See {@link STEP_RESULTS}. */
export type StepResult = (typeof STEP_RESULTS)[number];

/** Steps that are run. Verify is none: it waits for what a controller does. */
export const MEASURED_STEPS = STEPS.filter((step) => step !== 'Verify');
/** See {@link MEASURED_STEPS}. */
export type MeasuredStep = (typeof MEASURED_STEPS)[number];

/** Queues whose depth is shown. */
export const QUEUES = [
  'intake',
  'incidents',
  'policies',
  'namespaces',
  'nodes',
  'probes',
  'verification',
] as const;
/** See {@link QUEUES}. */
export type QueueName = (typeof QUEUES)[number];

/** Metrics; `Outcome` is the set of outcomes of a detection. Sizes are read when the metrics are. */
export interface Metrics<Outcome extends string = string> {
  /** A detection ended. */
  detection(outcome: Outcome): void;
  /** A request to the webhook was refused with that HTTP status. */
  rejected(status: number): void;
  /** An incident reached a final phase. */
  ended(phase: FinalPhase): void;
  /** A step was run for that long. */
  step(step: MeasuredStep, result: StepResult, seconds: number): void;
  /** A policy answered a detection with less than its rungs ask for. */
  capped(by: CapSource): void;
  /** So many conditions of policies could not be evaluated for a detection. */
  conditionErrors(count: number): void;
  /** A pod was isolated, `seconds` after its alert was received. */
  isolated(seconds: number): void;
  /** A quarantine expired. */
  expired(): void;
  /** So many bundles of evidence were deleted because of their age. */
  evidenceDeleted(count: number): void;
  /** Shows how many items wait in a queue. */
  showQueue(queue: QueueName, depth: () => number): void;
  /** Shows how many objects of a kind are held in memory. */
  showCache(resource: Resource, size: () => number): void;
  /** Shows how many nodes have which verdict; the values are those of the label. */
  showNodes(counts: () => Readonly<Record<string, number>>): void;
  /** Shows how many quarantined pods people were told of that no open incident answers for. */
  showStrays(count: () => number): void;
  /** An incident began to wait for a limit, the ledger or the circuit breaker. */
  held(reason: string): void;
  /** Shows what verifications of running pods found; the values are those of the label. */
  showVerifications(found: VerificationsShown): void;
  /** Shows the circuit breaker and the ledger of destructive acts. */
  showSpending(spending: SpendingShown): void;
  /** Shows whether this process acts on incidents. */
  showLeading(leading: () => boolean): void;
  /** Shows how many bytes the journal has on disk, and whether it takes anything. */
  showJournal(journal: { readonly bytes: number; check: { reason(): string | undefined } }): void;
  /** Counts what became of messages of the stream; `results` are all that can. Called at most once. */
  countMessages<Result extends string>(results: readonly Result[]): (result: Result) => void;
  /** Counts what became of notifications. Called at most once. */
  countNotifications<Destination extends string, Result extends string>(
    destinations: readonly Destination[],
    results: readonly Result[],
  ): (destination: Destination, result: Result) => void;
  /** Shows when alerts came last, and whether test events do. Called at most once. */
  showSilence(silence: SilenceShown): void;
  /** Shows how many messages wait in the stream. */
  showStream(waiting: () => number): void;
  /** Shows memory, CPU and event loop of this process. Called at most once. */
  showProcess(): void;
  /** All metrics in the text format of Prometheus. */
  render(): Promise<string>;
  /** MIME type of {@link render}. */
  readonly contentType: string;
}

/** What {@link Metrics.showSpending} reads. */
export interface SpendingShown {
  readonly isOpen: boolean;
  readonly entries: number;
  readonly isUsable: boolean;
}

/** What {@link Metrics.showVerifications} reads. */
export interface VerificationsShown {
  /** Containers by verdict. */
  counts(): Readonly<Record<string, number>>;
  /** Pods that differ from their template. */
  drifted(): number;
}

/** What {@link Metrics.showSilence} reads. Times are milliseconds since the epoch; undefined: never. */
export interface SilenceShown {
  lastAlert(): number | undefined;
  /** Absent: nobody asks for test events. */
  canary?: { lastSuccess(): number | undefined; isFailing(): boolean };
}

/** Options of {@link createMetrics}. */
export interface MetricsOptions<Outcome extends string> {
  /** Every outcome that a detection can have. */
  outcomes: readonly Outcome[];
}

const STATUSES = ['400', '401', '404', '405', '413', '415', '500', '503'];
const OTHER = 'other';
const HOLDS: ReadonlySet<string> = new Set(HOLD_REASONS);
const STEP_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600];
const ISOLATED_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Makes a registry of its own: two operators in one process do not mix. Countable labels start at 0. */
export function createMetrics<Outcome extends string>(options: MetricsOptions<Outcome>): Metrics<Outcome> {
  const registry = new Registry();
  const families = register(registry, options.outcomes);
  return {
    detection: (outcome) => families.alerts.inc({ outcome }),
    rejected: (status) => families.rejected.inc({ code: codeLabel(status) }),
    ended: (phase) => families.incidents.inc({ phase }),
    step: (step, result, seconds) => families.steps.observe({ step, result }, seconds),
    capped: (by) => families.capped.inc({ by }),
    conditionErrors: (count) => families.conditionErrors.inc(count),
    isolated: (seconds) => families.isolated.observe(seconds),
    expired: () => families.expired.inc(),
    evidenceDeleted: (count) => families.evidenceDeleted.inc(count),
    showQueue: (queue, depth) => families.queues.set(queue, depth),
    showCache: ({ kind }, size) => families.caches.set(kind, size),
    showNodes: (counts) => showNodes(registry, counts),
    showStrays: (count) => {
      // Each term of a leader has its own count.
      registry.removeSingleMetric('die_operator_stray_quarantines');
      reading(registry, 'stray_quarantines', 'Quarantined pods without an open incident.', count);
    },
    held: (reason) => {
      if (HOLDS.has(reason)) families.held.inc({ reason });
    },
    showVerifications: (found) => showVerifications(registry, found),
    showSpending: (spending) => showSpending(registry, spending),
    showLeading: (leading) =>
      reading(registry, 'leading', 'Whether this process acts on incidents: 1 or 0.', () =>
        Number(leading()),
      ),
    showJournal: (journal) => {
      reading(registry, 'journal_bytes', 'Bytes of the journal of alerts on disk.', () => journal.bytes);
      const failing = () => Number(journal.check.reason() !== undefined);
      reading(registry, 'journal_failing', 'Whether the journal takes no alert now: 1 or 0.', failing);
    },
    countMessages: (results) => {
      const help = 'Deliveries of messages of the stream by what became of them.';
      const messages = counter(registry, 'stream_messages_total', help, { result: results });
      return (result) => messages.inc({ result });
    },
    countNotifications: (destination, result) => {
      const help = 'Notifications by whom they were for and what became of them.';
      const made = counter(registry, 'notifications_total', help, { destination, result });
      return (to, became) => made.inc({ destination: to, result: became });
    },
    showSilence: (silence) => showSilence(registry, silence),
    showStream: (waiting) =>
      reading(registry, 'stream_waiting', 'Messages of the stream that nobody was handed yet.', waiting),
    showProcess: () => collectDefaultMetrics({ register: registry }),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function register(registry: Registry, outcomes: readonly string[]) {
  return {
    alerts: counter(registry, 'alerts_total', 'Alerts by what became of them.', { outcome: outcomes }),
    rejected: counter(registry, 'requests_rejected_total', 'Refused requests to the webhook.', {
      code: [...STATUSES, OTHER],
    }),
    incidents: counter(registry, 'incidents_total', 'Incidents that ended.', { phase: FINAL_PHASES }),
    steps: stepDurations(registry),
    capped: counter(registry, 'responses_capped_total', 'Answers of policies that an exception made less.', {
      by: CAP_SOURCES,
    }),
    conditionErrors: counter(
      registry,
      'condition_errors_total',
      'Conditions of policies that could not be evaluated, which counts as no match.',
      {},
    ),
    isolated: new Histogram({
      name: 'die_operator_alert_to_isolated_seconds',
      help: 'Seconds from receiving an alert to isolating its pod.',
      buckets: ISOLATED_BUCKETS,
      registers: [registry],
    }),
    expired: counter(
      registry,
      'quarantines_expired_total',
      'Quarantines that were older than their policies allow.',
      {},
    ),
    held: counter(registry, 'holds_total', 'Evictions that began to wait, by what held them.', {
      reason: HOLD_REASONS,
    }),
    evidenceDeleted: counter(
      registry,
      'evidence_deleted_total',
      'Bundles of evidence that were deleted because of their age.',
      {},
    ),
    queues: sizes(registry, 'queue_depth', 'Items that wait or are worked on.', 'queue'),
    caches: sizes(registry, 'cache_objects', 'Objects held in memory.', 'kind'),
  };
}

function codeLabel(status: number): string {
  return STATUSES.includes(String(status)) ? String(status) : OTHER;
}

// Each term of a leader has its own.
function showSpending(registry: Registry, spending: SpendingShown): void {
  const all: [string, string, () => number][] = [
    ['breaker_open', 'Whether the circuit breaker is open: 1 or 0.', () => Number(spending.isOpen)],
    ['ledger_entries', 'Destructive acts in the ledger.', () => spending.entries],
    ['ledger_usable', 'Whether the ledger can be used: 1 or 0.', () => Number(spending.isUsable)],
  ];
  for (const [name, help, read] of all) {
    registry.removeSingleMetric(`die_operator_${name}`);
    reading(registry, name, help, read);
  }
}

function stepDurations(registry: Registry): Histogram<'step' | 'result'> {
  const durations = new Histogram({
    name: 'die_operator_step_duration_seconds',
    help: 'Seconds of one run of a step.',
    labelNames: ['step', 'result'] as const,
    buckets: STEP_BUCKETS,
    registers: [registry],
  });
  for (const step of MEASURED_STEPS) for (const result of STEP_RESULTS) durations.zero({ step, result });
  return durations;
}

// 0 for never: an alert on the age of the last one is then due, too.
function showSilence(registry: Registry, silence: SilenceShown): void {
  const { canary } = silence;
  const seconds = (name: string, text: string, time: () => number | undefined) =>
    reading(registry, `${name}_timestamp_seconds`, text, () => (time() ?? 0) / 1000);
  const help = 'When the last alert came to any receiver, as far as this one knows.';
  seconds('last_alert', help, () => silence.lastAlert());
  if (!canary) return;
  const told = 'When the last test event came to any receiver, as far as this one knows.';
  seconds('canary_last_success', told, () => canary.lastSuccess());
  const failing = 'Whether two test events in a row did not come: 1 or 0.';
  reading(registry, 'canary_failing', failing, () => Number(canary.isFailing()));
}

function showNodes(registry: Registry, counts: () => Readonly<Record<string, number>>): void {
  const help = 'Nodes with pods that may be isolated, by whether they enforce NetworkPolicies.';
  byVerdict(registry, 'node_enforcement', help, counts);
}

function showVerifications(registry: Registry, found: VerificationsShown): void {
  const help = 'Containers of verified pods, by what is found of their images.';
  byVerdict(registry, 'verified_containers', help, () => found.counts());
  registry.removeSingleMetric('die_operator_drifted_pods');
  const drifted = 'Verified pods whose configuration differs from their template.';
  reading(registry, 'drifted_pods', drifted, () => found.drifted());
}
