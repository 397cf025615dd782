// Errors say what failed, on which object and why, and carry nothing that could harm a log.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { brokenAnswer, oversizedAnswer, statusError, watchError } from '../../../src/kube/errors.ts';

const body = (rest: object) => ({ kind: 'Status', status: 'Failure', ...rest });
const from = (status: number, given: unknown, retryAfter?: string) =>
  statusError('patch Pod shop/web-1', { status, body: given, retryAfter });

describe('the message', () => {
  test.each([
    [
      'names verb, object, status, reason and text',
      from(404, body({ reason: 'NotFound', message: 'pods "web-1" not found' })),
      'cannot patch Pod shop/web-1: 404 NotFound: pods "web-1" not found',
    ],
    [
      'does without a text',
      from(503, body({ reason: 'ServiceUnavailable' })),
      'cannot patch Pod shop/web-1: 503 ServiceUnavailable',
    ],
    [
      'does without a reason',
      from(500, body({ message: 'etcd' })),
      'cannot patch Pod shop/web-1: 500 Unknown: etcd',
    ],
    [
      'drops what is no Status',
      from(502, '<html>Bad Gateway</html>'),
      'cannot patch Pod shop/web-1: 502, and the answer is not from an API server',
    ],
    [
      'drops JSON that is no Status',
      from(400, { message: 'secret' }),
      'cannot patch Pod shop/web-1: 400, and the answer is not from an API server',
    ],
    ['says what is broken', brokenAnswer('list Pod', 'cut off'), 'cannot list Pod: cut off'],
    [
      'says which limit was passed',
      oversizedAnswer('list Pod', 7),
      'cannot list Pod: the answer has more than 7 bytes',
    ],
  ])('%s', (_, error, expected) => {
    expect(error.message).toBe(expected);
  });

  test('is short and clean whatever the server says', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 2_000 }),
        fc.string({ unit: 'binary' }),
        (message, reason) => {
          const error = from(
            400,
            body({ message, reason, details: { causes: [{ message, reason, field: message }] } }),
          );
          const texts = [
            error.message,
            error.reason,
            ...error.causes.flatMap((cause) => [cause.reason, cause.message, cause.field]),
          ];
          for (const text of texts) {
            expect(text.length).toBeLessThan(600);
            expect(text).not.toMatch(/\p{Cc}/u);
          }
        },
      ),
    );
  });

  test('has at most 256 bytes of the server', () => {
    const error = from(400, body({ reason: 'BadRequest', message: 'é'.repeat(1_000) }));
    const said = error.message.slice('cannot patch Pod shop/web-1: 400 BadRequest: '.length);
    expect(Buffer.byteLength(said)).toBeLessThanOrEqual(256);
  });
});

describe('the causes', () => {
  const causesOf = (causes: unknown) => from(422, body({ reason: 'Invalid', details: { causes } }));

  test('are kept with reason, message and field', () => {
    const cause = { reason: 'FieldValueTooLong', message: 'Too long', field: 'metadata.labels' };
    expect(causesOf([cause]).causes).toEqual([cause]);
  });

  test('have empty texts where the server has none', () => {
    expect(causesOf([{ message: 'etcd' }]).causes).toEqual([{ reason: '', message: 'etcd', field: '' }]);
  });

  test.each([['a text'], [null], [7], [{ reason: 'x' }]])(
    'are none when they are %o instead of a list',
    (causes) => {
      const error = causesOf(causes);
      expect(error.causes).toEqual([]);
      expect(error.hasDetails).toBe(false);
    },
  );

  test('are at most 16, each of them an object', () => {
    const many = Array.from({ length: 100 }, () => ({ reason: 'x', message: 'y', field: 'z' }));
    expect(causesOf(many).causes).toHaveLength(16);
    expect(causesOf([null, 'x', { reason: 'x' }]).causes).toHaveLength(1);
  });
});

describe('the time to wait', () => {
  test.each<[string, string | undefined, object | undefined, number | undefined]>([
    ['comes from the header', '3', undefined, 3_000],
    ['comes from the details', undefined, { retryAfterSeconds: 10 }, 10_000],
    ['comes from the header if both are there', '3', { retryAfterSeconds: 10 }, 3_000],
    ['is not read from a date', 'Sun, 22 Nov 2026 00:00:00 GMT', undefined, undefined],
    ['is not read from nonsense', '1e9', { retryAfterSeconds: -4 }, undefined],
    [
      'is not read from a number that no time can be made of',
      undefined,
      { retryAfterSeconds: 1e300 },
      undefined,
    ],
    ['is absent for zero, which means no advice', undefined, { retryAfterSeconds: 0 }, undefined],
    ['is absent otherwise', undefined, undefined, undefined],
  ])('%s', (_, header, details, expected) => {
    expect(from(429, body({ reason: 'TooManyRequests', details }), header).retryAfterMs).toBe(expected);
  });

  test('is read from the header of an answer that is no Status', () => {
    expect(from(503, '', '2').retryAfterMs).toBe(2_000);
  });
});

describe('an error within a watch', () => {
  test('has the status of its object', () => {
    const error = watchError('watch Pod', body({ code: 410, reason: 'Expired', message: 'too old' }));
    expect(error).toMatchObject({ status: 410, message: 'cannot watch Pod: 410 Expired: too old' });
  });

  test.each([[undefined], [{}], [body({ code: 'x' })], [body({ code: 7 })]])(
    'is 500 when it is %o',
    (object) => {
      expect(watchError('watch Pod', object).status).toBe(500);
    },
  );
});
