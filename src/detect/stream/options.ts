// What a stream is built from, and what of it does not go together.
import type { Clock, Random } from '../../kube/clock.ts';
import type { Logger } from '../../observe/log.ts';
import type { Intake } from '../intake.ts';
import type { OutcomeName } from '../outcome.ts';
import type { OnArrival } from '../silence.ts';
import type { StreamCredentials, StreamTlsFiles } from './credentials.ts';
import type { MessageResult } from './results.ts';
import { nameFault, overlap, patternFault } from './subjects.ts';
import { DEAD_LETTER_SUBJECTS, type StreamNames } from './wanted.ts';

/** What the stream counts; outcomes of what the intake accepted are counted there. */
export interface StreamMetrics {
  detection(outcome: OutcomeName): void;
  /** What became of one delivery of a message. */
  message(result: MessageResult): void;
}

/** Options of `createStream`. */
export interface StreamOptions extends StreamNames {
  intake: Intake;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: StreamMetrics;
  /** Told of what came; not again of what is delivered again. */
  onArrival?: OnArrival;
  /** `nats://host:port` or `tls://host:port`, without credentials. */
  servers: readonly string[];
  credentials?: StreamCredentials;
  tls?: StreamTlsFiles;
  /** Makes the streams and the consumer if they do not exist. Default false. */
  create?: boolean;
  /** Takes alerts from a server beyond loopback that lets everybody in. Default false. */
  allowUnauthenticated?: boolean;
  /** Speaks without TLS to a server beyond loopback. Default false. */
  insecure?: boolean;
  /** Name of this process, shown by the server. */
  instance?: string;
  /** Milliseconds that a stop waits for what is in hand. Default 8,000. */
  stopGraceMs?: number;
}

/** @throws Error that names the flag and says what to do. */
export function checkNames({ stream, consumer, subject, deadLetters }: StreamNames): void {
  const faults: [flag: string, fault: string | undefined][] = [
    ['--stream-name', nameFault(stream)],
    ['--stream-consumer', nameFault(consumer)],
    ['--stream-dead-letters', nameFault(deadLetters)],
    ['--stream-dead-letters', stream === deadLetters ? 'must differ from --stream-name' : undefined],
    ['--stream-subject', patternFault(subject)],
    [
      '--stream-subject',
      overlap(subject, DEAD_LETTER_SUBJECTS)
        ? `must not take in \`${DEAD_LETTER_SUBJECTS}\`: what was set aside would come back as an alert`
        : undefined,
    ],
  ];
  for (const [flag, fault] of faults) if (fault !== undefined) throw new Error(`${flag}: ${fault}.`);
}
