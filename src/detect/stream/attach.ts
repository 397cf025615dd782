// Finds the streams and the consumer on the server, makes them if that is allowed, and says what is wrong with them.
import type { ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { describeNatsError, isMissing } from './describe-error.ts';
import { judgeConsumer, judgeDeadLetters, judgeStream, type Findings } from './findings.ts';
import { COMMANDS, wantedConsumer, wantedDeadLetters, wantedStream, type StreamNames } from './wanted.ts';

/** The part of the JetStream API that is used. */
export interface JetStreamAdmin {
  streams: Pick<JetStreamManager['streams'], 'info' | 'add'>;
  consumers: Pick<JetStreamManager['consumers'], 'info' | 'add'>;
}

/** What was found on the server. */
export interface Attached {
  consumer: ConsumerInfo;
  /** What somebody should look at although alerts can be read. */
  risky: readonly string[];
}

/** The stream cannot be read as it is; the message says what to do. */
export class AttachError extends Error {
  override readonly name = 'AttachError';
}

/**
 * @param create whether what does not exist is made; what exists is never changed.
 * @throws AttachError
 */
export async function attach(admin: JetStreamAdmin, names: StreamNames, create: boolean): Promise<Attached> {
  const { stream, deadLetters, consumer } = names;
  const alerts = await find<StreamInfo>({
    what: `stream ${stream}`,
    info: () => admin.streams.info(stream),
    ...(create && { add: () => admin.streams.add(wantedStream(names)) }),
    command: COMMANDS.stream(names),
  });
  const letters = await find<StreamInfo>({
    what: `stream ${deadLetters}, which keeps messages that cannot be used,`,
    info: () => admin.streams.info(deadLetters),
    ...(create && { add: () => admin.streams.add(wantedDeadLetters(names)) }),
    command: COMMANDS.deadLetters(names),
  });
  const reader = await find<ConsumerInfo>({
    what: `consumer ${consumer} of stream ${stream}`,
    info: () => admin.consumers.info(stream, consumer),
    ...(create && { add: () => admin.consumers.add(stream, wantedConsumer(names)) }),
    command: COMMANDS.consumer(names),
  });
  const findings = [
    judgeStream(alerts.config, names),
    judgeDeadLetters(letters.config, names),
    judgeConsumer(reader, names),
  ];
  return { consumer: reader, risky: accept(findings) };
}

function accept(findings: readonly Findings[]): readonly string[] {
  const unusable = findings.flatMap((found) => found.unusable);
  if (unusable.length > 0) throw new AttachError(unusable.join('; '));
  return findings.flatMap((found) => found.risky);
}

interface Sought<Info> {
  what: string;
  info: () => Promise<Info>;
  /** Absent: it may not be made. */
  add?: () => Promise<Info>;
  command: string;
}

async function find<Info>({ what, info, add, command }: Sought<Info>): Promise<Info> {
  try {
    return await info();
  } catch (error) {
    if (!isMissing(error)) throw refused(`${what} could not be looked up`, error);
  }
  if (!add) {
    throw new AttachError(
      `${what} does not exist. Make it with \`${command}\`, or let die-operator: --create-stream`,
    );
  }
  try {
    return await add();
  } catch (error) {
    // Another receiver may have made it in this moment.
    const made = await info().catch(() => undefined);
    if (made !== undefined) return made;
    throw refused(`${what} does not exist and could not be made (\`${command}\` does the same)`, error);
  }
}

function refused(what: string, error: unknown): AttachError {
  return new AttachError(`${what}: ${describeNatsError(error)}`, { cause: error });
}
