// The NATS client, loaded when a stream is configured and not before: it costs a receiver without one nothing.
import type * as Core from '@nats-io/transport-node';
import type * as JetStream from '@nats-io/jetstream';

/** The two packages of the client. */
export interface NatsLibrary {
  core: typeof Core;
  jetStream: typeof JetStream;
}

/** See the file's first line. */
export async function loadNats(): Promise<NatsLibrary> {
  const [core, jetStream] = await Promise.all([
    import('@nats-io/transport-node'),
    import('@nats-io/jetstream'),
  ]);
  return { core, jetStream };
}
