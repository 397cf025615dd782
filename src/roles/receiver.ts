// The receiver: takes alerts in, keeps them safe and opens incidents. All receivers are equal; none touches a pod.
import type { DriftIncident } from '../api/incident.ts';
import { isFinal } from '../api/incident.ts';
import type { Access } from '../detect/access.ts';
import type { DefenderOptions } from '../detect/defender.ts';
import { DurableIntake } from '../detect/intake.ts';
import type { Journal } from '../detect/journal/journal.ts';
import type { OutcomeName } from '../detect/outcome.ts';
import type { StreamOptions } from '../detect/stream/options.ts';
import { MESSAGE_RESULTS } from '../detect/stream/results.ts';
import { createStream, type AlertStream } from '../detect/stream/stream.ts';
import { createWebhook, type Webhook } from '../detect/webhook.ts';
import { createOpener } from '../incidents/open.ts';
import { Reporter } from '../incidents/report.ts';
import type { CacheChange } from '../kube/cache.ts';
import { sleep } from '../kube/clock.ts';
import type { ReadinessCheck } from '../observe/health.ts';
import { aborted, type SharedParts } from './parts.ts';
import { createSilence, type Silence, type SilenceSettings } from './silence.ts';

/** How long a stop waits for alerts that were accepted, in milliseconds; Kubernetes kills after 30 s. */
const STOP_GRACE_MS = 8_000;
/** And then for the disk and for the last reports. */
const LAST_GRACE_MS = 5_000;

const LEFT_IN_JOURNAL =
  'alerts without an outcome are left in the journal: the next receiver with this folder goes on with them';
const LEFT_IN_MEMORY = 'alerts without an outcome are lost: there is no journal, see --journal-dir';

const IN_MEMORY: ReadinessCheck = {
  name: 'journal',
  reason: () => undefined,
  warning: () =>
    'alerts without an outcome are in memory only, and lost if this process dies: set --journal-dir',
};

/** What a receiver is built from. */
export interface ReceiverParts extends SharedParts, Access {
  /** Keeps alerts that wait through a crash; absent: they are in memory only. */
  journal?: Journal;
  /** A second way in; absent: there is only the webhook. */
  stream?: StreamSettings;
  /** Absent: alerts of Defender for Cloud are not taken. */
  defender?: DefenderOptions;
  maxAlertAgeMs: number;
  /** Absent: it is not noted when alerts come. */
  silence?: SilenceSettings;
}

/** Which stream to read, and how to get at it. */
export type StreamSettings = Omit<
  StreamOptions,
  'intake' | 'clock' | 'random' | 'log' | 'metrics' | 'instance'
>;

/** A receiver that is built and not started. */
export interface Receiver {
  webhook: Webhook;
  /** Why it is not ready, and what somebody should know. */
  readonly checks: readonly ReadinessCheck[];
  /** Runs until the signal fires and what is in hand is done. */
  run(signal: AbortSignal): Promise<void>;
}

/** See the file's first line. */
export function createReceiver(parts: ReceiverParts): Receiver {
  const { log, caches, metrics, journal } = parts;
  const reporter = new Reporter({
    ...parts,
    receiver: parts.instance,
    late: (detection) => intake.again(detection),
  });
  const intake: DurableIntake = new DurableIntake({
    ...parts,
    handle: createOpener({ ...parts, reporter }),
    onOutcome: ({ outcome, incident, message }, { summary }) => {
      metrics.detection(outcome);
      if (outcome === 'Unidentified') parts.notifier?.unidentified();
      log.info({ outcome, incident, detection: summary.id, severity: summary.severity }, message);
    },
  });
  metrics.showQueue('intake', () => intake.depth);
  const silence = parts.silence && createSilence({ ...parts, ...parts.silence });
  const webhook = createWebhook({ ...parts, intake, ...arrivalsOf(silence) });
  if (journal) metrics.showJournal(journal);
  const stream = parts.stream && streamOf(parts, { ...parts.stream, ...arrivalsOf(silence) }, intake);
  return {
    webhook,
    checks: [
      journal ? onceGood(journal.check) : IN_MEMORY,
      ...(stream ? [onceGood(stream.check)] : []),
      ...(silence ? [silence.check] : []),
    ],
    run: async (signal) => {
      const unsubscribe = caches.incidents.subscribe((change) => forgetEnded(reporter, change));
      const streaming = stream?.run(signal);
      const listening = silence?.run(signal);
      await Promise.race([aborted(signal), ...(streaming ? [streaming] : [])]);
      unsubscribe();
      await Promise.all([webhook.close(), streaming]);
      const left = await intake.stop(STOP_GRACE_MS);
      if (left > 0) log.error({ left }, journal ? LEFT_IN_JOURNAL : LEFT_IN_MEMORY);
      const last = Promise.all([journal?.close(), reporter.flush(), listening, silence?.close()]);
      await Promise.race([last, sleep(parts.clock, LAST_GRACE_MS)]);
    },
  };
}

/** What comes next for the pod of an incident that is over opens another. */
export function forgetEnded(reporter: Reporter, { type, value }: CacheChange<DriftIncident>): void {
  const remembered = reporter.incidentOf(value.spec.target.uid);
  const same = remembered?.metadata.uid === value.metadata.uid;
  if (same && (type === 'delete' || isFinal(value))) reporter.forget(value);
}

function arrivalsOf(silence: Silence | undefined): Pick<StreamOptions, 'onArrival'> {
  return silence ? { onArrival: (arrival) => silence.arrived(arrival) } : {};
}

function streamOf(parts: ReceiverParts, settings: StreamSettings, intake: DurableIntake): AlertStream {
  const { metrics, clock, random, log, instance } = parts;
  const message = metrics.countMessages(MESSAGE_RESULTS);
  const counted = { detection: (outcome: OutcomeName) => metrics.detection(outcome), message };
  const stream = createStream({ ...settings, clock, random, log, instance, intake, metrics: counted });
  metrics.showStream(() => stream.waiting);
  return stream;
}

// What does not work from the start is a mistake in the settings and holds a rollout up. Later it is an outage, in which
// the webhook has to stay reachable: an alert with a quick outcome needs neither journal nor stream.
function onceGood(check: ReadinessCheck): ReadinessCheck {
  let wasGood = false;
  return {
    name: check.name,
    reason: () => {
      const problem = check.reason();
      wasGood ||= problem === undefined;
      return wasGood ? undefined : problem;
    },
    warning: () => check.reason() ?? check.warning?.(),
  };
}
