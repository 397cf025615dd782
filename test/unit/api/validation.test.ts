// Wrong objects are refused with the field, the reason and words that a person can act on; good ones are taken.
import { describe, expect, it } from 'vitest';
import { unknownFieldMessage, validators } from '../../../src/api/validate.ts';
import { BAD_INCIDENTS, BAD_STATUSES } from './bad-incidents.ts';
import { BAD_POLICIES } from './bad-policies.ts';
import { detection, incident, policy, rung, target, trigger } from './objects.ts';

const { driftpolicies, driftincidents } = validators;

describe('wrong policies', () => {
  it.each(BAD_POLICIES)('%s', (...[, object, field, reason, message]) => {
    const { problems } = driftpolicies(object);
    expect(problems).toEqual([{ field, reason, message: expect.stringContaining(message) }]);
  });
});

describe('wrong incidents', () => {
  it.each([...BAD_INCIDENTS, ...BAD_STATUSES])('%s', (...[, object, field, reason, message]) => {
    const { problems } = driftincidents(object);
    expect(problems).toEqual([{ field, reason, message: expect.stringContaining(message) }]);
  });
});

describe('what is no object of the kind at all', () => {
  it.each([[null], [undefined], ['text'], [1], [[]]])('%j', (value) => {
    const { problems, value: settled } = driftpolicies(value);
    expect(problems).toEqual([
      {
        field: '',
        reason: 'FieldValueTypeInvalid',
        message: expect.stringContaining('must be of type object'),
      },
    ]);
    expect(settled).toEqual({});
  });

  it('names each of the four parts that are missing', () => {
    const { problems } = driftpolicies({});
    expect(problems.map(({ field }) => field)).toEqual(['apiVersion', 'kind', 'metadata', 'spec']);
    expect(problems.every(({ reason }) => reason === 'FieldValueRequired')).toBe(true);
  });

  it('has no validator for another plural', () => expect(validators['pods']).toBeUndefined());
});

describe('several problems', () => {
  it('are all named, in the order of the fields', () => {
    const { problems } = driftpolicies(
      policy({ mode: 'On', eviction: { gracePeriodSeconds: 0, waitForBudget: '' } }),
    );
    expect(problems.map(({ field }) => field)).toEqual([
      'spec.mode',
      'spec.eviction.gracePeriodSeconds',
      'spec.eviction.waitForBudget',
    ]);
  });

  it('name rules only where types and limits are right, as rules count on them', () => {
    const responses = [rung, rung, { ...rung, name: 'other', actions: 'Label' }];
    const { problems } = driftpolicies(policy({ responses }));
    expect(problems).toEqual([expect.objectContaining({ field: 'spec.responses[2].actions' })]);
  });

  it('name rules beside values that are merely out of range', () => {
    const { problems } = driftpolicies(
      policy({ responses: [rung, rung], eviction: { gracePeriodSeconds: 0 } }),
    );
    expect(problems.map(({ reason }) => reason)).toEqual(['FieldValueInvalid', 'FieldValueDuplicate']);
  });
});

describe('messages', () => {
  it('cut long values', () => {
    const [problem] = driftpolicies(policy({ mode: 'x'.repeat(5000) })).problems;
    expect(problem?.message.length).toBeLessThan(250);
    expect(problem?.message).toContain('supported values');
  });

  it('escape what could break a line', () => {
    const [problem] = driftpolicies(policy({ mode: 'a\nb\u001b[31m' })).problems;
    expect(problem?.message).toContain('"a\\nb\\u001b[31m"');
  });
});

describe('good objects', () => {
  it('are taken with their defaults', () => {
    const { problems, unknownFields, value } = driftpolicies(policy());
    expect({ problems, unknownFields }).toEqual({ problems: [], unknownFields: [] });
    expect(value).toMatchObject({
      metadata: { name: 'web', namespace: 'shop' },
      spec: { mode: 'Audit', eviction: { waitForBudget: '10m' } },
    });
  });

  it.each(['2026-11-22T08:30:00Z', '2026-11-22T08:30:00.123456789Z', '2026-11-22T10:30:00.5+02:00'])(
    'may hold the time %s',
    (time) => {
      const { problems } = driftincidents(
        incident({ trigger: { ...trigger, detection: { ...detection, time } } }),
      );
      expect(problems).toEqual([]);
    },
  );

  it.each(['1s', '90s', '10m', '24h', '1h30m', '1h0m5s', '999h'])(
    'may hold the duration %s',
    (waitForBudget) => {
      expect(driftpolicies(policy({ eviction: { waitForBudget } })).problems).toEqual([]);
    },
  );

  it.each([
    { operator: 'In', values: ['a'] },
    { operator: 'NotIn', values: ['a', 'b'] },
    { operator: 'Exists' },
    { operator: 'DoesNotExist', values: [] },
  ])('may hold the requirement %j', (fields) => {
    const matchExpressions = [{ key: 'app', ...fields }];
    expect(driftpolicies(policy({ match: { podSelector: { matchExpressions } } })).problems).toEqual([]);
  });

  it('may be as large as the limits allow', () => {
    const labels = Object.fromEntries(
      Array.from({ length: 128 }, (_, i) => [`${'k'.repeat(300)}${i}`, 'v'.repeat(63)]),
    );
    expect(driftincidents(incident({ target: { ...target, labels } })).problems).toEqual([]);
  });
});

describe('unknown fields', () => {
  const object = { ...policy({ mod: 'Enforce', responses: [{ ...rung, approvedBy: 2 }] }), extra: 1 };

  it('are named beside the problems, sorted, and pruned', () => {
    const { problems, unknownFields, value } = driftpolicies(object);
    expect(problems).toEqual([]);
    expect(unknownFields).toEqual(['extra', 'spec.mod', 'spec.responses[0].approvedBy']);
    expect(value).toEqual(driftpolicies(policy()).value);
  });

  it('are put into the words of strict field validation', () => {
    expect(unknownFieldMessage('spec.mod')).toBe('unknown field "spec.mod"');
  });

  it('do not include metadata, which the server knows without us', () => {
    expect(
      driftpolicies({ ...policy(), metadata: { name: 'web', labels: { a: 'b' } } }).unknownFields,
    ).toEqual([]);
  });
});

describe('updates of an incident', () => {
  const stored = driftincidents(incident()).value;

  it('may add a decision', () => {
    const decision = { action: 'Release', by: 'ada', reason: 'false alarm' };
    expect(driftincidents(incident({ decision }), stored).problems).toEqual([]);
  });

  it('may leave out what has a default, as that is filled in before it is compared', () => {
    expect(driftincidents(incident(), stored).problems).toEqual([]);
  });

  it.each([
    ['spec.target', { target: { ...target, uid: 'another' } }],
    ['spec.target', { target: { ...target, labels: {} } }],
    ['spec.target', { target: { ...target, labelsTruncated: true } }],
    ['spec.trigger', { trigger: { ...trigger, severity: 'Notice' } }],
    [
      'spec.trigger',
      { trigger: { ...trigger, response: { eviction: { gracePeriodSeconds: 60 }, limits: {} } } },
    ],
  ])('may not change %s', (field, spec) => {
    const { problems } = driftincidents(incident(spec), stored);
    expect(problems).toEqual([
      {
        field,
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${field} is a record and cannot be changed`,
      },
    ]);
  });

  it('may be anything on creation', () => {
    expect(driftincidents(incident({ target: { ...target, uid: 'another' } })).problems).toEqual([]);
  });
});

describe('updates of a policy', () => {
  it('may change everything', () => {
    const stored = driftpolicies(policy()).value;
    expect(
      driftpolicies(policy({ mode: 'Enforce', responses: [{ ...rung, name: 'other' }] }), stored).problems,
    ).toEqual([]);
  });
});
