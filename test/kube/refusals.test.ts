// What a real API server refuses, and in which words: every wrong policy and incident of the tables that our own validators
// are held to. DIE_PRINT=1 prints what a person reads.
import { afterAll, describe, expect } from 'vitest';
import type { ProblemReason } from '../../src/api/problems.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  resourcePath,
  type Resource,
} from '../../src/kube/resources.ts';
import { call, type ClusterAccess, type PlainAnswer } from '../support/cluster-access.ts';
import { crdTest as test } from '../support/real-api-test.ts';
import { BAD_INCIDENTS, BAD_STATUSES } from '../unit/api/bad-incidents.ts';
import { BAD_POLICIES } from '../unit/api/bad-policies.ts';
import { incident, policy, rung, target, type BadObject, type Fields } from '../unit/api/objects.ts';

const MERGE_PATCH = 'application/merge-patch+json';

const told: string[] = [];

afterAll(() => {
  if (process.env['DIE_PRINT']) process.stdout.write(`\n${told.join('\n')}\n`);
});

/** Sends an object as kubectl does, which asks for strict validation. */
function send(
  access: ClusterAccess,
  resource: Resource,
  object: Fields,
  namespace: string,
): Promise<PlainAnswer> {
  const at: { namespace?: string } = resource.namespaced ? { namespace } : {};
  const metadata = { ...(object['metadata'] as Fields), namespace: at.namespace };
  const path = `${resourcePath(resource, at)}?fieldValidation=Strict`;
  return call(access, { method: 'POST', path, body: { ...object, metadata } });
}

/** Creates a good incident and sends it a status. */
async function sendStatus(access: ClusterAccess, status: unknown, namespace: string): Promise<PlainAnswer> {
  const good = incident();
  expect(await send(access, DRIFT_INCIDENTS, good, namespace)).toMatchObject({ status: 201 });
  const { name } = good['metadata'] as { name: string };
  const path = `${resourcePath(DRIFT_INCIDENTS, { namespace, name, subresource: 'status' })}?fieldValidation=Strict`;
  return call(access, { method: 'PATCH', path, contentType: MERGE_PATCH, body: { status } });
}

/** What the API server says where our validators say `words`; the rest of these it says alike. */
function serversWords(reason: ProblemReason, words: string, isOfIncident: boolean): RegExp {
  const ours = RegExp.escape(words);
  switch (reason) {
    case 'FieldValueRequired':
      return /^Required value$/;
    case 'FieldValueTooLong':
      return new RegExp(ours.replace('characters', 'bytes'));
    case 'FieldValueTypeInvalid':
      return /in body must be of type (object|integer|string|date-time): "/;
    case 'FieldValueInvalid':
      // The text of a value comes first with us, and before the colon with the server. Patterns of incidents only the
      // operator meets.
      return new RegExp(
        `${ours.replace(/^.*?: /, '')}|in body should (${isOfIncident ? "match '\\^.+\\$'|" : ''}have at least 1|be (at least \\d|greater|less))`,
      );
    default:
      return new RegExp(ours);
  }
}

function expectRefusal({ status, body }: PlainAnswer, [what, object, field, reason, words]: BadObject): void {
  const { message } = body as { message: string };
  const isOfIncident = object['kind'] === DRIFT_INCIDENTS.kind;
  told.push(`${what}\n    ${message}`);
  const cause = {
    field,
    reason,
    message: expect.stringMatching(serversWords(reason, words, isOfIncident)) as unknown,
  };
  const causes = expect.arrayContaining([cause]) as unknown;
  expect({ status, body }).toMatchObject({ status: 422, body: { reason: 'Invalid', details: { causes } } });
  // kubectl prints nothing but this.
  expect(message).toContain(`${field}: `);
}

describe.concurrent('a policy is refused with', () => {
  const EMPTY_DURATION: BadObject = [
    'an empty duration',
    policy({ eviction: { waitForBudget: '' } }),
    'spec.eviction.waitForBudget',
    'FieldValueInvalid',
    'must not be empty',
  ];

  test.for([...BAD_POLICIES, EMPTY_DURATION])('%s', async (row, { access, namespace }) => {
    expectRefusal(await send(access, DRIFT_POLICIES, row[1], namespace), row);
  });
});

describe('a policy of the cluster is refused with', () => {
  const ofCluster = (spec: Fields): Fields => ({ ...policy(spec), kind: CLUSTER_DRIFT_POLICIES.kind });
  const ROWS: readonly BadObject[] = [
    [
      'neither responses nor grants',
      ofCluster({ responses: undefined }),
      'spec',
      'FieldValueInvalid',
      'responses or grants must be there',
    ],
    [
      'an empty ladder',
      ofCluster({ responses: [] }),
      'spec.responses',
      'FieldValueInvalid',
      'must not be empty',
    ],
    [
      'a selector of namespaces without values',
      ofCluster({ namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In' }] } }),
      'spec.namespaceSelector.matchExpressions[0]',
      'FieldValueInvalid',
      'In and NotIn need values',
    ],
  ];

  test.for(ROWS)('%s', async (row, { access, namespace }) => {
    expectRefusal(await send(access, CLUSTER_DRIFT_POLICIES, row[1], namespace), row);
  });
});

describe.concurrent('an incident is refused with', () => {
  test.for(BAD_INCIDENTS)('%s', async (row, { access, namespace }) => {
    expectRefusal(await send(access, DRIFT_INCIDENTS, row[1], namespace), row);
  });
});

describe('the status of an incident is refused with', () => {
  test.for(BAD_STATUSES)('%s', async (row, { access, namespace }) => {
    expectRefusal(await sendStatus(access, row[1]['status'], namespace), row);
  });
});

describe('strict validation names the unknown field', () => {
  const misspelt = { ...policy(), metadata: { name: 'web', lables: {} } };
  test.for<[field: string, resource: Resource, object: Fields]>([
    ['spec.moed', DRIFT_POLICIES, policy({ moed: 'Enforce' })],
    [
      'spec.responses[0].minSeverty',
      DRIFT_POLICIES,
      policy({ responses: [{ ...rung, minSeverty: 'Error' }] }),
    ],
    [
      'spec.eviction.replacement.within',
      DRIFT_POLICIES,
      policy({ eviction: { replacement: { within: '5m' } } }),
    ],
    ['metadata.lables', DRIFT_POLICIES, misspelt],
    ['spec.grant', CLUSTER_DRIFT_POLICIES, { ...policy({ grant: {} }), kind: CLUSTER_DRIFT_POLICIES.kind }],
    ['spec.target.labelz', DRIFT_INCIDENTS, incident({ target: { ...target, labelz: {} } })],
  ])('%s', async ([field, resource, object], { access, namespace }) => {
    const { status, body } = await send(access, resource, object, namespace);
    const { message } = body as { message: string };
    told.push(`an unknown field\n    ${message}`);
    expect({ status, message }).toEqual({
      status: 400,
      message: expect.stringContaining(`strict decoding error: unknown field "${field}"`),
    });
  });

  test('status.fase', async ({ access, namespace }) => {
    expect(await sendStatus(access, { fase: 'Resolved' }, namespace)).toMatchObject({
      status: 422,
      body: { message: expect.stringContaining('unknown field "status.fase"') },
    });
  });
});
