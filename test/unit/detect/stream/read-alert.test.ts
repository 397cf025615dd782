// A payload is read as the webhook reads a body.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ALERT_BYTES } from '../../../../src/detect/json.ts';
import { readAlert } from '../../../../src/detect/stream/read-alert.ts';
import { recordedBody } from '../../../support/alerts.ts';
import { WebhookBench, alert, detected, RECEIVED_AT } from '../support.ts';

const read = (body: unknown) =>
  readAlert(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), RECEIVED_AT);

describe('a payload', () => {
  it('is the detection that the webhook would make of it', () => {
    expect(read(alert())).toEqual({ kind: 'Detection', detection: detected(alert()) });
  });

  it('has the same id each time it is delivered', () => {
    const body = recordedBody('01-normal');
    const [first, second] = [
      read(body),
      readAlert(Buffer.from(JSON.stringify(body)), '2026-11-23T00:00:00Z'),
    ];
    if (first.kind !== 'Detection' || second.kind !== 'Detection') throw new Error('not read');
    expect(second.detection.summary.id).toBe(first.detection.summary.id);
  });

  it.each([
    ['a test event', recordedBody('04-test-event'), 'Ignored'],
    ['an event of our own', alert({}, { source: 'die-operator' }), 'Ignored'],
    ['an alert about the node', alert({ 'container.id': 'host' }), 'NotAPod'],
  ])('may be %s', (_what, body, kind) => {
    expect(read(body)).toEqual({ kind });
  });

  it.each([
    ['is not JSON', '{"rule":', /^Unreadable body is not valid JSON/],
    ['is empty', '', /^Unreadable body is not valid JSON/],
    ['is JSON of another form', '[]', /^Unreadable body .*expected object/],
    ['is nested too deep', '['.repeat(33) + ']'.repeat(33), /^Unreadable \[0\].* is nested over 32 levels/],
    ['has a bad field', alert({}, { priority: 'Loud' }), /^Unreadable priority must be one of/],
    ['lacks a field', alert({}, { output_fields: undefined }), /^Unreadable output_fields .*expected record/],
    ['has a key that deceives', '{"__proto__": {}}', /^Unreadable __proto__ is not an accepted key/],
    ['is too large', ' '.repeat(MAX_ALERT_BYTES + 1), /^TooLarge body has 262145 bytes; at most 262144/],
  ])('is set aside if it %s', (_what, body, told) => {
    const result = read(body);
    if (result.kind !== 'Rejected') throw new Error(`read as ${result.kind}`);
    const { reason, problem } = result.rejection;
    expect(`${reason} ${problem.path} ${problem.message}`).toMatch(told);
  });

  it('is read up to the limit, in bytes and not in characters', () => {
    const body = JSON.stringify(alert({}, { output: '' }));
    const room = MAX_ALERT_BYTES - Buffer.byteLength(body);
    const filled = (fill: string) => body.replace('"output":""', `"output":"${fill}"`);
    expect(read(filled('x'.repeat(room))).kind).toBe('Detection');
    expect(read(filled('ä'.repeat(room / 2 + 1))).kind).toBe('Rejected');
  });

  it('never breaks the reader, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          expect(['Detection', 'Ignored', 'NotAPod', 'Rejected']).toContain(
            readAlert(bytes, RECEIVED_AT).kind,
          );
        },
      ),
    );
  });
});

it('accepts and refuses exactly what the webhook does', async () => {
  const webhook = new WebhookBench();
  const tooDeep = '['.repeat(33) + ']'.repeat(33);
  const tooLong = ' '.repeat(MAX_ALERT_BYTES + 1);
  const texts = ['', '{}', '[]', 'null', '"x"', '{"rule":"Test rule"}', tooDeep, tooLong];
  const alerts = [
    alert(),
    alert({}, { priority: 'x' }),
    alert({}, { time: 'x' }),
    alert({ 'container.id': 'host' }),
  ];
  const bodies = [...texts, ...alerts, JSON.stringify(alert()) + ' '.repeat(1_000)];
  for (const body of bodies) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const { statusCode } = await webhook.post(text);
    expect([text.slice(0, 60), read(text).kind !== 'Rejected']).toEqual([
      text.slice(0, 60),
      statusCode === 202,
    ]);
  }
});
