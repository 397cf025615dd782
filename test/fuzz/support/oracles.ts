// What must hold of everything that is made of foreign text.
import assert from 'node:assert/strict';
import { DetectionSummarySchema, type Detection } from '../../../src/api/detection.ts';
import { CANARY } from './noise.ts';

/** What can reorder, hide or break a line in a log, a table or a terminal. */
const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const UID = /^[0-9A-Za-z-]{1,36}$/;
const CONTAINER_ID = /^[0-9a-f]{12,64}$/;
const DNS_LABEL = /^[a-z0-9-]{1,63}$/;
const DNS_NAME = /^[a-z0-9.-]{1,253}$/;

/** The text is short and deceives nobody. */
export function assertClean(text: string, what: string, maxLength: number): void {
  assert.ok(text.length <= maxLength, `${what} has ${text.length} characters, more than ${maxLength}`);
  assert.ok(!DECEPTIVE.test(text), `${what} has control or invisible characters: ${JSON.stringify(text)}`);
}

/** The text is ours: clean, and nothing of what the attacker wrote. */
export function assertOurs(text: string, what: string, maxLength: number): void {
  assertClean(text, what, maxLength);
  assert.ok(!text.includes(CANARY), `${what} holds text of the alert: ${text}`);
}

const Summary = DetectionSummarySchema.strict();

/** The detection is as `src/api/detection.ts` promises, whatever it was made of. */
export function assertDetection({ summary, identity, tags }: Detection): void {
  const parsed = Summary.safeParse(summary);
  assert.ok(parsed.success, `the summary breaks its schema: ${parsed.error?.message}`);
  assert.ok(!Number.isNaN(Date.parse(summary.time)), `the time is none: ${summary.time}`);
  const { rule, executable = '', hostname = '', containerName = '' } = summary;
  for (const text of [rule, executable, hostname, containerName, ...tags]) assertClean(text, 'a text', 512);
  assert.ok(tags.length <= 32 && tags.every((tag) => tag.length <= 64), 'too many or too long tags');
  assertForm(identity.podUid, UID, 'pod UID');
  assertForm(identity.containerId, CONTAINER_ID, 'container ID');
  assertForm(identity.namespace, DNS_LABEL, 'namespace');
  assertForm(identity.podName, DNS_NAME, 'pod name');
  assertForm(identity.hostname, DNS_NAME, 'hostname');
  assertForm(identity.containerName, DNS_LABEL, 'container name');
}

function assertForm(text: string | undefined, form: RegExp, what: string): void {
  assert.ok(text === undefined || form.test(text), `the ${what} has not its form: ${JSON.stringify(text)}`);
}
