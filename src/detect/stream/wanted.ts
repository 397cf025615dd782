// The stream, the dead letters and the consumer as die-operator makes them, and the commands that make the same.
import type { ConsumerConfig, StreamConfig } from '@nats-io/jetstream';

/** How things on the server are called. */
export interface StreamNames {
  /** The stream that captures what Falcosidekick publishes. */
  stream: string;
  /** The durable consumer, shared by all receivers. */
  consumer: string;
  /** Subjects that are captured and read. */
  subject: string;
  /** The stream for messages that were set aside. */
  deadLetters: string;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Milliseconds after which a message that was handed out and not heard of goes to another receiver. So long a receiver
 * that was killed holds alerts up; a shorter wait would hand out twice what is merely slow.
 */
const ACK_WAIT_MS = 10_000;
/** Messages handed out to all receivers and not done: what a storm may have in flight. */
const MAX_ACK_PENDING = 1_000;
/** A weekend without receivers. */
const MAX_AGE_HOURS = 72;
/** About half a million alerts. */
const MAX_GIB = 1;
const DEAD_LETTER_DAYS = 30;
const DEAD_LETTER_MIB = 256;
const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** Subject of the dead letters of a stream. */
export function deadLetterSubject(stream: string): string {
  return `die-operator.dead-letters.${stream}`;
}

/** What the stream of dead letters captures: one can serve several streams. */
export const DEAD_LETTER_SUBJECTS = 'die-operator.dead-letters.>';

/**
 * A work queue: an alert that is done is gone, so a consumer that is made anew repeats nothing. When it is full the
 * oldest go, as fresh alerts are those that can still be acted on, and Falcosidekick is not told of a refusal.
 */
export function wantedStream({ stream, subject }: StreamNames): Partial<StreamConfig> & { name: string } {
  return {
    name: stream,
    description: 'Alerts that Falcosidekick publishes, until die-operator has them.',
    subjects: [subject],
    storage: 'file',
    retention: 'workqueue',
    discard: 'old',
    max_age: nanos(MAX_AGE_HOURS * HOUR_MS),
    max_bytes: MAX_GIB * GIB,
    num_replicas: 1,
  };
}

/** Keeps what was set aside until somebody looks. */
export function wantedDeadLetters({ deadLetters }: StreamNames): Partial<StreamConfig> & { name: string } {
  return {
    name: deadLetters,
    description: 'Messages that die-operator could not use, each with the reason in its headers.',
    subjects: [DEAD_LETTER_SUBJECTS],
    storage: 'file',
    retention: 'limits',
    discard: 'old',
    max_age: nanos(DEAD_LETTER_DAYS * 24 * HOUR_MS),
    max_bytes: DEAD_LETTER_MIB * MIB,
    num_replicas: 1,
  };
}

/**
 * Deliveries are unlimited: the server keeps a message that ran out of them, but hands it to nobody ever after.
 * die-operator counts itself and sets such a message aside.
 */
export function wantedConsumer({ consumer, subject }: StreamNames): Partial<ConsumerConfig> {
  return {
    durable_name: consumer,
    description: 'Receivers of die-operator.',
    filter_subject: subject,
    ack_policy: 'explicit',
    ack_wait: nanos(ACK_WAIT_MS),
    max_deliver: -1,
    max_ack_pending: MAX_ACK_PENDING,
    deliver_policy: 'all',
    replay_policy: 'instant',
  };
}

/** `nats` commands that make what {@link wantedStream} and its siblings describe. */
export const COMMANDS = {
  stream: ({ stream, subject }: StreamNames): string =>
    `nats stream add ${stream} --subjects '${subject}' --storage file --retention work --discard old ` +
    `--max-age ${MAX_AGE_HOURS}h --max-bytes ${MAX_GIB}GiB --replicas 1 --defaults`,
  deadLetters: ({ deadLetters }: StreamNames): string =>
    `nats stream add ${deadLetters} --subjects '${DEAD_LETTER_SUBJECTS}' --storage file --retention limits ` +
    `--discard old --max-age ${DEAD_LETTER_DAYS}d --max-bytes ${DEAD_LETTER_MIB}MiB --replicas 1 --defaults`,
  consumer: ({ stream, consumer, subject }: StreamNames): string =>
    `nats consumer add ${stream} ${consumer} --pull --filter '${subject}' --ack explicit ` +
    `--wait ${ACK_WAIT_MS / 1000}s --max-deliver=-1 --max-pending ${MAX_ACK_PENDING} --deliver all --replay instant ` +
    '--defaults',
};

/** Milliseconds as JetStream counts time. */
export function nanos(ms: number): number {
  return ms * 1_000_000;
}

/** Nanoseconds of JetStream as milliseconds. */
export function millis(ns: number): number {
  return ns / 1_000_000;
}
