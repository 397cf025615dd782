// The copy of what is set aside.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deadLetter, terminationReason } from '../../../../src/detect/stream/dead-letter.ts';
import type { Rejection } from '../../../../src/detect/stream/read-alert.ts';
import { SET_ASIDE_REASONS } from '../../../../src/detect/stream/results.ts';
import { NAMES } from '../../../support/nats-names.ts';
import { message } from './fakes.ts';

const MEGABYTE = 2 ** 20;
const UNREADABLE: Rejection = {
  reason: 'Unreadable',
  problem: { path: 'output_fields["k8s.pod.name; curl evil"]', message: 'is nested over 32 levels' },
};

describe('a dead letter', () => {
  it('has the payload as it was, and where it came from', () => {
    const original = message({ body: '{"rule": ', deliveries: 3, seq: 42 });
    expect(deadLetter(original, UNREADABLE, NAMES, MEGABYTE)).toEqual({
      subject: 'die-operator.dead-letters.FALCO',
      payload: original.data,
      headers: {
        'Die-Operator-Reason': 'Unreadable',
        'Die-Operator-Path': 'output_fields',
        'Die-Operator-Message': 'is nested over 32 levels',
        'Die-Operator-Stream': 'FALCO',
        'Die-Operator-Subject': 'falco.critical.drift',
        'Die-Operator-Sequence': '42',
        'Die-Operator-Deliveries': '3',
        'Die-Operator-Stored': '2026-11-22T18:01:31.000Z',
      },
      id: 'FALCO.42.1795370491000',
    });
  });

  it('has the same id for each delivery of a message, and another one for another message', () => {
    const id = (change: Parameters<typeof message>[0]) =>
      deadLetter(message(change), UNREADABLE, NAMES, MEGABYTE).id;
    expect(id({ deliveries: 2 })).toBe(id({ deliveries: 1 }));
    expect(id({ seq: 8 })).not.toBe(id({ seq: 7 }));
  });

  it.each([
    ['rule', 'rule'],
    ['tags[3]', 'tags'],
    ['output_fields.secret', 'output_fields'],
    ['body', 'body'],
    ['[0][0]', 'body'],
    ['ignore_previous_instructions', 'body'],
    ['__proto__', 'body'],
    ['', 'body'],
  ])('names of the path %j only %s', (path, own) => {
    const letter = deadLetter(message(), { ...UNREADABLE, problem: { path, message: 'x' } }, NAMES, MEGABYTE);
    expect(letter.headers['Die-Operator-Path']).toBe(own);
  });

  it('is cut where the server would not take it, and says so', () => {
    const original = message({ body: new Uint8Array(MEGABYTE).fill(120) });
    const { payload, headers } = deadLetter(original, UNREADABLE, NAMES, MEGABYTE);
    expect(payload).toHaveLength(MEGABYTE - 4096);
    expect(headers['Die-Operator-Cut-From-Bytes']).toBe('1048576');
    expect(payload).toEqual(original.data.subarray(0, payload.length));
  });

  it('is whole up to that size', () => {
    const original = message({ body: new Uint8Array(MEGABYTE - 4096) });
    const { payload, headers } = deadLetter(original, UNREADABLE, NAMES, MEGABYTE);
    expect(payload).toHaveLength(MEGABYTE - 4096);
    expect(headers).not.toHaveProperty('Die-Operator-Cut-From-Bytes');
  });

  it('has nothing in a header that a terminal or a parser would take for more', () => {
    const text = fc.string({ unit: 'binary', maxLength: 400 });
    fc.assert(
      fc.property(text, text, text, fc.constantFrom(...SET_ASIDE_REASONS), (subject, path, told, reason) => {
        const rejection = { reason, problem: { path, message: told } };
        const { headers } = deadLetter(message({ subject }), rejection, NAMES, MEGABYTE);
        for (const [name, value] of Object.entries(headers)) {
          expect(name).toMatch(/^Die-Operator-[A-Z][A-Za-z-]+$/);
          expect(value).toMatch(/^[\x20-\x7e]{0,256}$/);
        }
        const bytes = Object.entries(headers).reduce(
          (sum, [name, value]) => sum + name.length + value.length + 4,
          0,
        );
        expect(bytes).toBeLessThan(4096 - 500);
        expect(terminationReason(rejection)).toMatch(/^[\x20-\x7e]{1,256}$/);
      }),
    );
  });
});

it('ends a message with the reason in our words', () => {
  expect(terminationReason(UNREADABLE)).toBe('Unreadable: output_fields is nested over 32 levels');
});
