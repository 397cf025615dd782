// Publishes alerts as Falcosidekick's NATS output does (outputs/nats.go): a connection for each alert, a subject made of
// priority and rule, no headers, and no answer from the server.
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node';
import type { TestNats } from './nats.ts';

/** `falco.<priority>.<rule>`, the rule as letters and digits joined by `_`. */
export function subjectOf(alert: Record<string, unknown>): string {
  const words = (value: unknown) => String(value).toLowerCase();
  const rule = words(alert['rule'])
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
  return `falco.${words(alert['priority'])}.${rule}`;
}

/** Publishes one alert; a text or bytes are published as they are, on `subject`. */
export async function publishAlert(
  nats: Pick<TestNats, 'url'>,
  alert: Record<string, unknown> | string | Uint8Array,
  options: NodeConnectionOptions & { subject?: string } = {},
): Promise<void> {
  const { subject, ...connection } = options;
  const plain = typeof alert === 'string' || alert instanceof Uint8Array;
  const client = await connect({ servers: nats.url, reconnect: false, ...connection });
  client.publish(
    subject ?? (plain ? 'falco.error.plain' : subjectOf(alert)),
    plain ? alert : JSON.stringify(alert),
  );
  await client.flush();
  await client.close();
}

/** Publishes many, a few at a time. */
export async function publishAll(
  nats: Pick<TestNats, 'url'>,
  alerts: readonly Record<string, unknown>[],
): Promise<void> {
  const queue = alerts.values();
  const worker = async () => {
    for (const alert of queue) await publishAlert(nats, alert);
  };
  await Promise.all(Array.from({ length: 4 }, worker));
}
