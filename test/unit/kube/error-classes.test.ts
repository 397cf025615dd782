// Each answer of the error table is told from every other one.
import { describe, expect, test } from 'vitest';
import * as errors from '../../../src/kube/errors.ts';
import { KubeError, networkError, statusError } from '../../../src/kube/errors.ts';

const PREDICATES = {
  isNotFound: errors.isNotFound,
  isConflict: errors.isConflict,
  isAlreadyExists: errors.isAlreadyExists,
  isGone: errors.isGone,
  isForbidden: errors.isForbidden,
  isInvalid: errors.isInvalid,
  isTestFailure: errors.isTestFailure,
  isBudgetDenied: errors.isBudgetDenied,
  isMultipleBudgets: errors.isMultipleBudgets,
  isThrottled: errors.isThrottled,
  isUnavailable: errors.isUnavailable,
  isNotConnected: errors.isNotConnected,
} as const;

const status = (code: number, reason: string | undefined, details?: object, message = 'no') =>
  statusError('patch Pod shop/web', {
    status: code,
    body: { kind: 'Status', status: 'Failure', message, reason, details, code },
  });
const network = (code: string) => networkError('get Pod shop/web', Object.assign(new Error('x'), { code }));
const budget = { causes: [{ reason: 'DisruptionBudget', message: 'The disruption budget web needs 1' }] };
const TWO_BUDGETS =
  'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';

const holding = (error: unknown) =>
  Object.entries(PREDICATES).flatMap(([name, holds]) => (holds(error) ? [name] : []));

describe('an error', () => {
  test.each<[string, unknown, string[]]>([
    ['404 of the API server', status(404, 'NotFound', { name: 'web' }), ['isNotFound']],
    ['404 of an unserved path', statusError('get', { status: 404, body: undefined }), []],
    ['409 conflict', status(409, 'Conflict', { name: 'web' }), ['isConflict']],
    ['409 of a name that is taken', status(409, 'AlreadyExists', { name: 'web' }), ['isAlreadyExists']],
    ['410 expired', status(410, 'Expired'), ['isGone']],
    ['410 gone', status(410, 'Gone'), ['isGone']],
    ['403', status(403, 'Forbidden', { name: 'web' }), ['isForbidden']],
    ['400', status(400, 'BadRequest'), []],
    ['401', status(401, 'Unauthorized'), []],
    ['422 of a failed test', status(422, 'Invalid', {}), ['isInvalid', 'isTestFailure']],
    ['422 of a failed test, no details', status(422, 'Invalid'), ['isInvalid', 'isTestFailure']],
    [
      '422 of an invalid field',
      status(422, 'Invalid', { causes: [{ reason: 'FieldValueInvalid', message: 'x', field: 'y' }] }),
      ['isInvalid'],
    ],
    ['422 that names an object', status(422, 'Invalid', { name: 'web' }), ['isInvalid']],
    ['422 of a proxy', statusError('patch', { status: 422, body: '<html>' }), ['isInvalid']],
    ['429 of a budget', status(429, 'TooManyRequests', budget), ['isBudgetDenied']],
    ['429 of a busy server', status(429, 'TooManyRequests', { retryAfterSeconds: 1 }), ['isThrottled']],
    ['429 of a proxy', statusError('get', { status: 429, body: 'slow down' }), ['isThrottled']],
    ['500', status(500, 'InternalError', { causes: [{ message: 'etcd' }] }), ['isUnavailable']],
    ['500 of two budgets', status(500, undefined, undefined, TWO_BUDGETS), ['isMultipleBudgets']],
    ['502 of a proxy', statusError('get', { status: 502, body: undefined }), ['isUnavailable']],
    ['503', status(503, 'ServiceUnavailable'), ['isUnavailable']],
    ['504', status(504, 'Timeout'), ['isUnavailable']],
    ['a reset connection', network('ECONNRESET'), ['isUnavailable']],
    ['a refused connection', network('ECONNREFUSED'), ['isUnavailable', 'isNotConnected']],
    ['an unknown host', network('ENOTFOUND'), ['isUnavailable', 'isNotConnected']],
    ['a broken answer', errors.brokenAnswer('get', 'cut off'), ['isUnavailable']],
    ['an answer beyond the limit', errors.oversizedAnswer('get', 5), []],
    ['an error of another kind', new Error('410'), []],
    ['no error', undefined, []],
  ])('%s', (_, error, expected) => {
    expect(holding(error)).toEqual(expected);
  });
});

describe('a signal that fired', () => {
  const fired = (reason: unknown) => AbortSignal.abort(reason);

  test('by a time limit is a time-out', () => {
    const error = networkError(
      'get Pod a',
      new Error('x'),
      fired(new DOMException('too late', 'TimeoutError')),
    );
    expect(error).toMatchObject({ status: 0, reason: 'Timeout', message: 'cannot get Pod a: too late' });
  });

  test('by its owner is an abort, whatever the transport made of it', () => {
    const error = networkError('get Pod a', network('ECONNRESET').cause, fired(new Error('stopping')));
    expect(error).toMatchObject({ status: 0, reason: 'Aborted', message: 'cannot get Pod a: stopping' });
  });

  test('does not hide an answer that came', () => {
    const answer = status(409, 'Conflict');
    expect(networkError('get Pod a', answer, fired(new Error('stopping')))).toBe(answer);
  });
});

test('the reason is the first code in the chain of causes', () => {
  const deep = new TypeError('fetch failed', {
    cause: Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
  });
  expect(networkError('get Pod a', deep)).toMatchObject({ reason: 'ECONNRESET', cause: deep });
});

test('an error without code or text is still told', () => {
  expect(networkError('get Pod a', {})).toMatchObject({ reason: 'NetworkError', status: 0 });
  expect(networkError('get Pod a', new AggregateError([]))).toHaveProperty(
    'message',
    'cannot get Pod a: NetworkError',
  );
});

test('is an Error of its own name', () => {
  expect(status(500, 'InternalError')).toBeInstanceOf(KubeError);
  expect(status(500, 'InternalError').name).toBe('KubeError');
});
