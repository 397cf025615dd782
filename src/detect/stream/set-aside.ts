// Copies messages to the dead letters, confirmed by the server.
import type { NatsConnection } from '@nats-io/transport-node';
import { deadLetter } from './dead-letter.ts';
import type { DeliveryContext } from './delivery.ts';
import { describeNatsError } from './describe-error.ts';
import type { NatsLibrary } from './library.ts';
import type { StreamStatus } from './status.ts';
import type { StreamNames } from './wanted.ts';

const PUBLISH_WITHIN_MS = 5_000;

/** Makes the function that sets a message aside; it rejects when the copy is not known to be stored. */
export function setterAside(
  connection: NatsConnection,
  { core, jetStream }: NatsLibrary,
  names: StreamNames,
  status: Pick<StreamStatus, 'deadLetters'>,
): DeliveryContext['setAside'] {
  const client = jetStream.jetstream(connection);
  return async (message, rejection) => {
    const maxPayload = connection.info?.max_payload ?? 0;
    const letter = deadLetter(message, rejection, names, maxPayload);
    const headers = core.headers();
    for (const [name, value] of Object.entries(letter.headers)) headers.set(name, value);
    const expect = { streamName: names.deadLetters };
    const options = { msgID: letter.id, headers, expect, timeout: PUBLISH_WITHIN_MS };
    try {
      await client.publish(letter.subject, letter.payload, options);
      status.deadLetters(undefined);
    } catch (error) {
      status.deadLetters(describeNatsError(error));
      throw error;
    }
  };
}
