// Messages of a stream: any payload is a detection or is set aside, whole, with headers that hold nothing of it.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { deadLetter, terminationReason, type Original } from '../../src/detect/stream/dead-letter.ts';
import { readAlert } from '../../src/detect/stream/read-alert.ts';
import { ALERT_WORDS } from './support/alert-words.ts';
import { recordedAlerts } from './support/corpus.ts';
import { fuzz } from './support/fuzz.ts';
import { mutationsOf } from './support/mutate.ts';
import { CANARY } from './support/noise.ts';
import { assertDetection } from './support/oracles.ts';
import { damage, onWire } from './support/wire.ts';

const RECEIVED_AT = '2026-11-22T00:00:00.000Z';
const PRINTABLE = /^[\x20-\x7e]{0,256}$/;
const MAX_HEADERS = 2_000;
const NAMES = { stream: 'FALCO' } as Parameters<typeof deadLetter>[2];

fuzz({
  name: 'stream',
  promise: 'any payload is a detection or is set aside, and no header holds anything of it',
  input: fc.record({
    document: mutationsOf(recordedAlerts(), 5, ALERT_WORDS),
    damage,
    subject: fc.oneof(fc.constant('falco.alerts'), fc.string({ unit: 'binary', maxLength: 400 })),
    maxPayload: fc.constantFrom(1024 * 1024, 64 * 1024, 4_096, 0),
  }),
  check: ({ document, damage: how, subject, maxPayload }, seen) => {
    const data = onWire(document, how);
    const read = readAlert(data, RECEIVED_AT);
    seen(read.kind);
    if (read.kind === 'Detection') assertDetection(read.detection);
    if (read.kind !== 'Rejected') return;
    const message: Original = {
      data,
      subject,
      seq: 7,
      time: new Date(RECEIVED_AT),
      info: { deliveryCount: 3 },
    };
    const { headers, payload, id } = deadLetter(message, read.rejection, NAMES, maxPayload);
    assert.ok(
      payload.length <= data.length && data.subarray(0, payload.length).equals(payload),
      'not the payload',
    );
    assert.equal(id, `FALCO.7.${Date.parse(RECEIVED_AT)}`);
    const texts = [...Object.values(headers), terminationReason(read.rejection)];
    for (const text of texts) assert.match(text, PRINTABLE);
    assert.ok(!texts.join('\n').includes(CANARY), 'a header holds text of the alert');
    assert.ok(JSON.stringify(headers).length <= MAX_HEADERS, 'long headers');
  },
  reaches: ['Detection', 'Ignored', 'NotAPod', 'Rejected'],
});
