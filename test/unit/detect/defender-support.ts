// Alerts of Defender for Cloud for tests: constructed from Microsoft's schemas, see test/fixtures/README.md.
import type { Detection } from '../../../src/api/detection.ts';
import { parseDefender, type DefenderOptions, type DefenderResult } from '../../../src/detect/defender.ts';
import { CLUSTER, constructed, DEFENDER } from '../../support/defender-alerts.ts';
import { RECEIVED_AT, TOKEN, type WebhookBench } from './support.ts';

export { CLUSTER, constructed };
export const OPTIONS: DefenderOptions = DEFENDER;

/** The alert as an Event Hub has it, with other properties. */
export function anAlert(change: object = {}): Record<string, unknown> {
  return { ...constructed('event-hub-bare'), ...change };
}

/** Reads an alert. */
export function read(alert: unknown, options: Partial<DefenderOptions> = {}): DefenderResult {
  return parseDefender(alert, RECEIVED_AT, { ...OPTIONS, ...options });
}

/** Reads an alert that must be a detection. */
export function detectedIn(alert: unknown): Detection {
  const result = read(alert);
  if (result.kind !== 'Detection') throw new Error(`not a detection but ${JSON.stringify(result)}`);
  return result.detection;
}

/** Entities of a pod, beside those that are given. */
export function entities(...more: object[]): object[] {
  return [
    { $id: '1', resourceId: CLUSTER, type: 'azure-resource' },
    { $id: '2', cloudResource: { $ref: '1' }, type: 'K8s-cluster' },
    { $id: '3', name: 'shop', cluster: { $ref: '2' }, type: 'K8s-namespace' },
    ...more,
  ];
}

/** Posts to the webhook as a sender with that token. */
export function postDefender({ webhook }: WebhookBench, body: unknown, token = TOKEN) {
  return webhook.inject({
    method: 'POST',
    url: '/v1/defender',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** The same JSON with its keys in the opposite order, at every depth. */
export function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toReversed();
  return Object.fromEntries(entries.map(([key, inner]) => [key, reversed(inner)]));
}
