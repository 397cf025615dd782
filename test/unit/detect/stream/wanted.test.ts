// What die-operator makes on the server, and the commands that make the same.
import { describe, expect, it } from 'vitest';
import {
  COMMANDS,
  DEAD_LETTER_SUBJECTS,
  deadLetterSubject,
  millis,
  nanos,
  wantedConsumer,
  wantedDeadLetters,
  wantedStream,
} from '../../../../src/detect/stream/wanted.ts';
import { covers } from '../../../../src/detect/stream/subjects.ts';
import { NAMES } from '../../../support/nats-names.ts';

const UNITS: Readonly<Record<string, number>> = {
  s: 1e9,
  h: 3600e9,
  d: 86_400e9,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** The flags of a command, with units as the server counts. */
function flagsOf(command: string): Record<string, string | number> {
  const found = command.matchAll(/--([a-z-]+)[ =]('[^']*'|[^\s-][^\s]*|-1)/g);
  return Object.fromEntries(
    [...found].map(([, name = '', text = '']) => {
      const value = text.replaceAll("'", '');
      const [, number, unit = ''] = /^(-?\d+)([A-Za-z]*)$/.exec(value) ?? [];
      return [name, number === undefined ? value : Number(number) * (UNITS[unit] ?? 1)];
    }),
  );
}

describe('a command makes what die-operator makes', () => {
  it.each([
    ['the stream', COMMANDS.stream(NAMES), wantedStream(NAMES), 'work'],
    ['the dead letters', COMMANDS.deadLetters(NAMES), wantedDeadLetters(NAMES), 'limits'],
  ])('%s', (_what, command, config, retention) => {
    expect(command).toMatch(new RegExp(`^nats stream add ${config.name} .* --defaults$`));
    expect(flagsOf(command)).toEqual({
      subjects: config.subjects?.[0],
      storage: config.storage,
      retention,
      discard: config.discard,
      'max-age': config.max_age,
      'max-bytes': config.max_bytes,
      replicas: config.num_replicas,
    });
  });

  it('the consumer', () => {
    const config = wantedConsumer(NAMES);
    expect(COMMANDS.consumer(NAMES)).toMatch(/^nats consumer add FALCO die-operator --pull /);
    expect(flagsOf(COMMANDS.consumer(NAMES))).toEqual({
      filter: config.filter_subject,
      ack: config.ack_policy,
      wait: config.ack_wait,
      'max-deliver': config.max_deliver,
      'max-pending': config.max_ack_pending,
      deliver: config.deliver_policy,
      replay: config.replay_policy,
    });
  });
});

it('keeps dead letters where the stream of dead letters captures them', () => {
  expect(covers(DEAD_LETTER_SUBJECTS, deadLetterSubject(NAMES.stream))).toBe(true);
  expect(wantedDeadLetters(NAMES).subjects).toEqual([DEAD_LETTER_SUBJECTS]);
});

it('counts time as JetStream does', () => {
  expect(nanos(1)).toBe(1_000_000);
  expect(millis(nanos(10_000))).toBe(10_000);
});
