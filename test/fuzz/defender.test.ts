// Alerts of Microsoft Defender for Cloud, from the text of a body to detections: in all forms, with hostile entities.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { alertsIn, MAX_ALERTS } from '../../src/detect/defender-body.ts';
import { isAlert } from '../../src/detect/defender-keys.ts';
import { parseDefender, type DefenderResult } from '../../src/detect/defender.ts';
import { FIELD_LIMITS } from '../../src/api/detection.ts';
import { parseJson, type Problem } from '../../src/detect/json.ts';
import { CLUSTER, constructed, DEFENDER } from '../support/defender-alerts.ts';
import { reversed } from '../unit/detect/defender-support.ts';
import { DEFENDER_FORMS, DEFENDER_WORDS } from './support/defender-words.ts';
import { fuzz } from './support/fuzz.ts';
import { mutationsOf } from './support/mutate.ts';
import { oddJson, type Json } from './support/noise.ts';
import { assertClean, assertDetection, assertOurs } from './support/oracles.ts';
import { damage, onWire } from './support/wire.ts';

const RECEIVED_AT = '2026-11-22T00:00:00.000Z';

const documents = DEFENDER_FORMS.map((name) => constructed(name) as Json);
const document = fc.oneof(
  { weight: 19, arbitrary: mutationsOf(documents, 5, DEFENDER_WORDS) },
  { weight: 1, arbitrary: oddJson },
);

fuzz({
  name: 'defender',
  promise: 'any body is detections of the promised form, or refused in words of ours',
  input: fc.record({ document, damage }),
  check: ({ document: body, damage: how }, seen) => {
    const read = parseJson(onWire(body, how).toString('utf8'));
    if ('problem' in read) return seen('not JSON');
    const found = alertsIn(read.value);
    seen(found.kind);
    if (found.kind === 'Invalid') return assertProblem(found);
    const alerts = found.kind === 'One' ? [found.alert] : found.alerts;
    assert.ok(alerts.length > 0 || !isAlert(read.value), 'an alert is lost');
    assert.ok(alerts.length <= MAX_ALERTS, 'too many alerts');
    for (const alert of alerts) seen(checked(alert));
  },
  reaches: ['not JSON', 'One', 'Several', 'Invalid', 'Ignored', 'Low', 'Container'],
});

function checked(alert: unknown): string {
  const result = parseDefender(alert, RECEIVED_AT, DEFENDER);
  assert.deepEqual(
    parseDefender(reversed(alert), RECEIVED_AT, DEFENDER),
    result,
    'not the same again in another order of its keys',
  );
  if (result.kind === 'Invalid') assertProblem(result);
  if (result.kind === 'Ignored') assertOurs(result.message, 'message', 160);
  return result.kind === 'Detection' ? judged(alert, result) : result.kind;
}

function judged(alert: unknown, { detection }: DefenderResult & { kind: 'Detection' }): string {
  assertDetection(detection);
  const { summary, identity, fields } = detection;
  const { message = '', remediation = [] } = summary;
  for (const text of [message, ...remediation, ...Object.values(fields)]) assertClean(text, 'a text', 1_024);
  // Only what tells a container may be acted on without a person, and nothing that is not of this cluster at all.
  assert.equal(summary.confidence, identity.containerId === undefined ? 'Low' : undefined);
  assert.equal(identity.podUid, undefined, 'an alert of Defender tells no UID');
  assert.ok(JSON.stringify(alert).toLowerCase().includes(CLUSTER.toLowerCase()), 'the cluster is not told');
  const texts = Object.entries(fields);
  assert.ok(
    texts.length <= FIELD_LIMITS.fields && texts.flat().join('').length <= FIELD_LIMITS.total,
    'too many fields',
  );
  assert.ok(Date.parse(summary.time) - Date.parse(RECEIVED_AT) <= 300_000, 'it is yet to begin');
  return summary.confidence ?? 'Container';
}

function assertProblem({ path, message }: Problem): void {
  assertOurs(path, 'path', 128);
  assertOurs(message, 'message', 256);
}
