// Errors are told apart in one place: by what a person, or time, can do about them.
import { describe, expect, test } from 'vitest';
import { classify, outcomeOf, type Classified } from '../../../src/controller/errors.ts';
import { TerminalError, WaitingError } from '../../../src/controller/outcome.ts';
import { networkError, oversizedAnswer, statusError } from '../../../src/kube/errors.ts';

const DOING = 'patch Pod shop/web-1';

/** The error for an answer of the API server, as the client makes it. */
function answer(status: number, body: object, retryAfter?: string): Error {
  return statusError(DOING, { status, retryAfter, body: { kind: 'Status', status: 'Failure', ...body } });
}

const failure = (reason: string, message: string, details: object = { name: 'web-1' }) => ({
  reason,
  message,
  details,
});
const RBAC =
  'pods "web-1" is forbidden: User "system:serviceaccount:die-operator-system:responder" cannot patch resource "pods" in API group "" in the namespace "shop"';

/** [what happened, error, what is made of it] */
const TABLE: [string, unknown, Partial<Classified>][] = [
  [
    'a terminal error of a step',
    new TerminalError('BadState', 'cannot go on'),
    { kind: 'terminal', reason: 'BadState', message: 'cannot go on' },
  ],
  [
    'a wait of a step',
    new WaitingError('NotYet', 'the pod still runs', 1234),
    { kind: 'waiting', reason: 'NotYet', afterMs: 1234 },
  ],
  [
    'a missing right',
    answer(403, failure('Forbidden', RBAC)),
    { kind: 'slow', reason: 'MissingPermission', afterMs: 300_000 },
  ],
  [
    'a 403 that says nothing',
    answer(403, failure('Forbidden', '')),
    { kind: 'slow', reason: 'MissingPermission' },
  ],
  [
    'a webhook that refuses',
    answer(403, failure('Forbidden', 'admission webhook "labels.example" denied the request: no relabel')),
    { kind: 'slow', reason: 'Denied', afterMs: 300_000 },
  ],
  [
    'an admission policy that refuses',
    answer(
      403,
      failure(
        'Forbidden',
        `pods "web-1" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`,
      ),
    ),
    { kind: 'slow', reason: 'Denied' },
  ],
  [
    'a used up quota',
    answer(403, failure('Forbidden', 'pods "x" is forbidden: exceeded quota: q, requested: pods=1')),
    { kind: 'slow', reason: 'Denied' },
  ],
  [
    'a disruption budget whose status is older than itself',
    answer(
      429,
      failure('TooManyRequests', 'Cannot evict pod', {
        causes: [{ reason: 'DisruptionBudget', message: 'web needs 2' }],
      }),
      '7',
    ),
    { kind: 'waiting', reason: 'BudgetStale', afterMs: 7000 },
  ],
  [
    'a disruption budget with evictions that nobody confirms',
    answer(
      403,
      failure(
        'Forbidden',
        'poddisruptionbudget.policy "web" is forbidden: DisruptedPods map too big - too many evictions not confirmed by PDB controller',
      ),
    ),
    { kind: 'waiting', reason: 'BudgetStale' },
  ],
  [
    'a disruption budget that allows no more',
    answer(
      429,
      failure('TooManyRequests', 'Cannot evict pod', {
        causes: [{ reason: 'DisruptionBudget', message: 'web needs 2' }],
      }),
    ),
    { kind: 'waiting', reason: 'DisruptionBudget', afterMs: 10_000 },
  ],
  [
    'two disruption budgets',
    answer(500, {
      message:
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    }),
    { kind: 'terminal', reason: 'MultipleDisruptionBudgets' },
  ],
  [
    'a throttled request',
    answer(429, failure('TooManyRequests', 'slow down', {}), '3'),
    { kind: 'retry', afterMs: 3000 },
  ],
  [
    'a conflict',
    answer(409, failure('Conflict', 'the object has been modified')),
    { kind: 'retry', reason: 'Conflict', afterMs: 0 },
  ],
  [
    'a failed test of a patch',
    answer(422, { reason: 'Invalid', message: 'the server rejected our request', details: {} }),
    { kind: 'retry', reason: 'Conflict', afterMs: 0 },
  ],
  [
    'an object of that name',
    answer(409, failure('AlreadyExists', 'exists')),
    { kind: 'retry', reason: 'AlreadyExists' },
  ],
  [
    'an object that is gone',
    answer(404, failure('NotFound', 'pods "web-1" not found')),
    { kind: 'retry', reason: 'NotFound' },
  ],
  [
    'a kind that is not served',
    statusError(DOING, { status: 404, body: '404 page not found' }),
    { kind: 'slow', reason: 'NotServed' },
  ],
  [
    'a resource version that is too old',
    answer(410, failure('Expired', 'too old')),
    { kind: 'retry', reason: 'Expired' },
  ],
  [
    'credentials that are not accepted',
    answer(401, failure('Unauthorized', 'Unauthorized')),
    { kind: 'retry', reason: 'Unauthorized' },
  ],
  [
    'an invalid object',
    answer(422, failure('Invalid', 'metadata.labels: Invalid value')),
    { kind: 'terminal', reason: 'InvalidRequest' },
  ],
  [
    'a bad request',
    answer(400, failure('BadRequest', 'unknown field "spec.nodee"')),
    { kind: 'terminal', reason: 'InvalidRequest' },
  ],
  ['an answer beyond our limit', oversizedAnswer(DOING, 5), { kind: 'terminal', reason: 'TooLarge' }],
  [
    'a server error',
    answer(500, failure('InternalError', 'etcd')),
    { kind: 'retry', reason: 'InternalError' },
  ],
  [
    'a server that is not available',
    answer(503, failure('ServiceUnavailable', 'starting'), '1'),
    { kind: 'retry', afterMs: 1000 },
  ],
  [
    'a broken connection',
    networkError(DOING, Object.assign(new Error('reset'), { code: 'ECONNRESET' })),
    { kind: 'retry', reason: 'ECONNRESET' },
  ],
  [
    'no answer in time',
    networkError(DOING, new DOMException('no answer', 'TimeoutError')),
    { kind: 'retry', reason: 'Timeout' },
  ],
  [
    'a defect',
    new TypeError('x is undefined'),
    { kind: 'retry', reason: 'TypeError', message: 'x is undefined' },
  ],
  ['something that is no error', 'oops', { kind: 'retry', reason: 'Error', message: 'oops' }],
];

describe('classify', () => {
  test.each(TABLE)('%s', (_, error, expected) => {
    expect(classify(error)).toMatchObject(expected);
  });

  test.each(TABLE)('keeps the message of: %s', (_, error) => {
    expect(classify(error).message).toContain(error instanceof Error ? error.message : String(error));
  });

  test('names the right that is missing', () => {
    expect(classify(answer(403, failure('Forbidden', RBAC))).message).toContain(
      'grant die-operator the verb patch on pods in namespace shop',
    );
    const crd =
      'x is forbidden: User "u" cannot list resource "driftpolicies" in API group "die-operator.dev" at the cluster scope';
    expect(classify(answer(403, failure('Forbidden', crd))).message).toContain(
      'grant die-operator the verb list on driftpolicies of API group die-operator.dev;',
    );
  });

  test.each(TABLE)('gives a reason that the resources accept: %s', (_, error) => {
    expect(classify(error).reason).toMatch(/^[A-Za-z]{1,64}$/);
  });

  test.each([
    ['UND_ERR_CONNECT_TIMEOUT', 'UNDERRCONNECTTIMEOUT'],
    ['123', 'Error'],
    ['x'.repeat(100), 'x'.repeat(64)],
  ])('makes one word of the code %s', (code, reason) => {
    const error = networkError(DOING, Object.assign(new Error('failed'), { code }));
    expect(classify(error).reason).toBe(reason);
  });

  test('a retry says when only if the server did', () => {
    expect(classify(answer(500, failure('InternalError', 'etcd')))).not.toHaveProperty('afterMs');
  });
});

describe('outcomeOf', () => {
  test.each([
    ['terminal', new TerminalError('BadState', 'cannot go on'), { kind: 'done' }],
    [
      'waiting',
      new WaitingError('NotYet', 'not yet', 10),
      { kind: 'requeue', afterMs: 10, reason: 'NotYet' },
    ],
    [
      'slow',
      answer(403, failure('Forbidden', RBAC)),
      { kind: 'requeue', afterMs: 300_000, reason: 'MissingPermission' },
    ],
  ])('%s', (_, error, expected) => {
    expect(outcomeOf(error)).toEqual(expected);
  });

  test('retry keeps the error for the log', () => {
    const error = new Error('broken');
    expect(outcomeOf(error)).toEqual({ kind: 'failed', error });
  });
});
