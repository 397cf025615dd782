// What an existing stream or consumer has that die-operator cannot work with, or that loses alerts. Nothing of somebody
// else's making is changed: it is told about.
import type { ConsumerConfig, ConsumerInfo, StreamConfig } from '@nats-io/jetstream';
import { covers } from './subjects.ts';
import { DEAD_LETTER_SUBJECTS, millis, type StreamNames } from './wanted.ts';

/** What was found: `unusable` keeps die-operator from reading, `risky` does not. In words for people. */
export interface Findings {
  unusable: readonly string[];
  risky: readonly string[];
}

interface Rule<Config> {
  severity: keyof Findings;
  when: (config: Config, names: StreamNames) => boolean;
  what: (config: Config, names: StreamNames) => string;
}

const LEAST_ACK_WAIT_MS = 2_000;
const LEAST_DELIVERIES = 10;
const LEAST_AGE_MS = 3_600_000;

const STREAM_RULES: readonly Rule<StreamConfig>[] = [
  {
    severity: 'unusable',
    when: (config, { subject }) => !captures(config, subject),
    what: ({ subjects }, { subject }) =>
      `does not capture \`${subject}\`, but ${listed(subjects)}; add the subject, or set --stream-subject`,
  },
  {
    severity: 'unusable',
    when: ({ sealed }) => sealed,
    what: () => 'is sealed: nothing can be acknowledged in it',
  },
  {
    severity: 'risky',
    when: ({ storage }) => storage === 'memory',
    what: () => 'is kept in memory: a restart of the NATS server loses the alerts in it',
  },
  {
    severity: 'risky',
    when: ({ discard }) => discard === 'new',
    what: () =>
      'refuses new alerts when it is full, and Falcosidekick is not told; `discard old` keeps the fresh ones',
  },
  {
    severity: 'risky',
    when: ({ retention }) => retention === 'interest',
    what: () =>
      'keeps alerts only while a consumer exists; retention `workqueue` keeps them until they are done',
  },
  {
    severity: 'risky',
    when: ({ retention }) => retention === 'limits',
    what: () =>
      'keeps alerts that are done: a consumer made anew would repeat them; use retention `workqueue`',
  },
  {
    severity: 'risky',
    when: ({ max_age: age }) => age > 0 && millis(age) < LEAST_AGE_MS,
    what: ({ max_age: age }) => `drops alerts after ${millis(age) / 1000} s, also those that nobody has read`,
  },
  {
    severity: 'risky',
    when: ({ allow_rollup_hdrs: rollup }) => rollup,
    what: () => 'lets a publisher purge it with one message (allow_rollup_hdrs)',
  },
  {
    severity: 'risky',
    when: ({ max_msgs_per_subject: most }) => most > 0,
    what: ({ max_msgs_per_subject: most }) =>
      `keeps only ${most} alerts of each subject: a burst of one rule loses alerts (max_msgs_per_subject)`,
  },
];

const DEAD_LETTER_RULES: readonly Rule<StreamConfig>[] = [
  {
    severity: 'unusable',
    when: (config) => !captures(config, DEAD_LETTER_SUBJECTS),
    what: () => `does not capture \`${DEAD_LETTER_SUBJECTS}\``,
  },
  {
    severity: 'unusable',
    when: ({ sealed }) => sealed,
    what: () => 'is sealed: nothing can be stored in it',
  },
  {
    severity: 'unusable',
    when: ({ no_ack: silent }) => silent === true,
    what: () => 'does not confirm what it stores (no_ack)',
  },
];

const CONSUMER_RULES: readonly Rule<ConsumerConfig>[] = [
  {
    severity: 'unusable',
    when: ({ deliver_subject: push }) => push !== undefined && push !== '',
    what: () => 'is a push consumer; a pull consumer is needed',
  },
  {
    severity: 'unusable',
    when: ({ ack_policy: policy }) => policy !== 'explicit',
    what: ({ ack_policy: policy }) => `has ack policy ${policy}, which loses alerts; \`explicit\` is needed`,
  },
  {
    severity: 'unusable',
    when: ({ headers_only: empty }) => empty === true,
    what: () => 'delivers headers only',
  },
  {
    severity: 'unusable',
    when: ({ max_deliver: most = -1 }) => most === 1,
    what: () => 'delivers each alert once only: one that is not done then is lost (max_deliver)',
  },
  {
    severity: 'unusable',
    when: ({ priority_policy: policy = 'none' }) => policy !== 'none',
    what: () => 'has a priority policy, which die-operator does not ask by',
  },
  {
    severity: 'risky',
    when: (config, { subject }) => !reads(config, subject),
    what: (_config, { subject }) => `does not read all of \`${subject}\`: check its filter`,
  },
  {
    severity: 'risky',
    when: ({ max_deliver: most = -1 }) => most > 1 && most < LEAST_DELIVERIES,
    what: ({ max_deliver: most }) =>
      `gives up after ${most} deliveries: alerts are set aside as soon as receivers are full for a while; use -1`,
  },
  {
    severity: 'risky',
    when: (config) => ackWaitMs(config) < LEAST_ACK_WAIT_MS,
    what: (config) =>
      `hands alerts out again after ${ackWaitMs(config)} ms: a short stall makes duplicates (ack_wait)`,
  },
  {
    severity: 'risky',
    when: ({ deliver_policy: policy }) => policy !== 'all',
    what: ({ deliver_policy: policy }) =>
      `began with \`${policy}\`: alerts from before it was made are not read`,
  },
  {
    severity: 'risky',
    when: ({ inactive_threshold: idle = 0 }) => idle > 0,
    what: ({ inactive_threshold: idle = 0 }) =>
      `is deleted by the server after ${millis(idle) / 1000} s without receivers (inactive_threshold)`,
  },
  {
    severity: 'risky',
    when: ({ mem_storage: volatile }) => volatile === true,
    what: () => 'keeps its state in memory: a restart of the NATS server forgets what was done',
  },
];

/** Judges the stream of alerts. */
export function judgeStream(config: StreamConfig, names: StreamNames): Findings {
  return judge(STREAM_RULES, config, names, `stream ${names.stream}`);
}

/** Judges the stream of dead letters. */
export function judgeDeadLetters(config: StreamConfig, names: StreamNames): Findings {
  return judge(DEAD_LETTER_RULES, config, names, `stream ${names.deadLetters}`);
}

/** Judges the consumer. */
export function judgeConsumer(
  { config, paused }: Pick<ConsumerInfo, 'config' | 'paused'>,
  names: StreamNames,
): Findings {
  const { unusable, risky } = judge(CONSUMER_RULES, config, names, `consumer ${names.consumer}`);
  const stopped = `consumer ${names.consumer} is paused by its administrator: no alert arrives`;
  return { unusable, risky: paused === true ? [...risky, stopped] : risky };
}

/** Milliseconds that a message may be in hand before the server hands it out again. */
export function ackWaitMs({ ack_wait: wait, backoff }: Pick<ConsumerConfig, 'ack_wait' | 'backoff'>): number {
  // The server's own default.
  const first = backoff?.[0] ?? wait ?? 30_000_000_000;
  return millis(first);
}

function judge<Config>(
  rules: readonly Rule<Config>[],
  config: Config,
  names: StreamNames,
  name: string,
): Findings {
  const told = (severity: keyof Findings) =>
    rules
      .filter((rule) => rule.severity === severity && rule.when(config, names))
      .map((rule) => `${name} ${rule.what(config, names)}`);
  return { unusable: told('unusable'), risky: told('risky') };
}

// A mirror has no subjects of its own.
function captures({ subjects = [] }: Partial<Pick<StreamConfig, 'subjects'>>, subject: string): boolean {
  return subjects.some((pattern) => covers(pattern, subject));
}

function reads(
  { filter_subject: one, filter_subjects: several = [] }: ConsumerConfig,
  subject: string,
): boolean {
  const filters = one !== undefined && one !== '' ? [one] : several;
  return filters.length === 0 || filters.some((pattern) => covers(pattern, subject));
}

function listed(subjects: readonly string[] = []): string {
  const shown = subjects.slice(0, 5).map((subject) => `\`${subject}\``);
  return shown.length === 0 ? 'nothing' : shown.join(', ') + (subjects.length > shown.length ? ' ...' : '');
}
