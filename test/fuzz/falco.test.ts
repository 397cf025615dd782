// Alerts, from the text of a body to a detection: the part of the webhook that reads, without the wire.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseFalco } from '../../src/detect/falco.ts';
import { parseJson, type Problem } from '../../src/detect/json.ts';
import { ALERT_WORDS } from './support/alert-words.ts';
import { recordedAlerts } from './support/corpus.ts';
import { fuzz } from './support/fuzz.ts';
import { mutationsOf } from './support/mutate.ts';
import { oddJson } from './support/noise.ts';
import { assertClean, assertDetection, assertOurs } from './support/oracles.ts';
import { damage, onWire } from './support/wire.ts';

const RECEIVED_AT = '2026-11-22T00:00:00.000Z';

const document = fc.oneof(
  { weight: 19, arbitrary: mutationsOf(recordedAlerts(), 5, ALERT_WORDS) },
  { weight: 1, arbitrary: oddJson },
);

fuzz({
  name: 'falco',
  promise: 'any body is a detection of the promised form, or refused in words of ours',
  input: fc.record({ document, damage }),
  check: ({ document: alert, damage: how }, seen) => {
    const read = parseJson(onWire(alert, how).toString('utf8'));
    if ('problem' in read) {
      assertProblem(read.problem);
      return seen('not JSON');
    }
    const result = parseFalco(read.value, RECEIVED_AT);
    seen(result.kind);
    if (result.kind === 'Invalid') assertProblem(result);
    else if (result.kind !== 'Detection') assertOurs(result.message, 'message', 128);
    else {
      assertDetection(result.detection);
      const again = parseFalco(JSON.parse(JSON.stringify(read.value)), RECEIVED_AT);
      assert.deepEqual(again, result, 'the same alert gives another detection');
    }
  },
  reaches: ['not JSON', 'Invalid', 'Ignored', 'NotAPod', 'Detection'],
});

function assertProblem({ path, message }: Problem): void {
  // Keys are the sender's, values are never quoted.
  assertClean(path, 'path', 128);
  assertOurs(message, 'message', 256);
}
