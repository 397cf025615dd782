// Wrong incidents: what the validators have to say of them, and a real API server to refuse.
import { detection, incident, many, target, trigger, type BadObject, type Fields } from './objects.ts';

const decided = (fields: Fields): Fields =>
  incident({ decision: { action: 'Release', by: 'ada', reason: 'false alarm', ...fields } });
const detected = (fields: Fields): Fields =>
  incident({ trigger: { ...trigger, detection: { ...detection, ...fields } } });

/** Wrong incidents. */
export const BAD_INCIDENTS: readonly BadObject[] = [
  ['no target', incident({ target: undefined }), 'spec.target', 'FieldValueRequired', 'The pod as it was'],
  [
    'a target without a UID',
    incident({ target: { ...target, uid: undefined } }),
    'spec.target.uid',
    'FieldValueRequired',
    'UID of the pod',
  ],
  [
    'an empty UID',
    incident({ target: { ...target, uid: '' } }),
    'spec.target.uid',
    'FieldValueInvalid',
    'must not be empty',
  ],
  [
    'more labels than fit',
    incident({ target: { ...target, labels: many(129) } }),
    'spec.target.labels',
    'FieldValueTooMany',
    '129: must have at most 128 items',
  ],
  [
    'a container twice',
    incident({ target: { ...target, containers: [...target.containers, ...target.containers] } }),
    'spec.target.containers[1]',
    'FieldValueDuplicate',
    '{"name":"web"}',
  ],
  [
    'no policy',
    incident({ trigger: { ...trigger, policies: [] } }),
    'spec.trigger.policies',
    'FieldValueInvalid',
    'must not be empty',
  ],
  [
    'no settings',
    incident({ trigger: { ...trigger, response: { limits: {} } } }),
    'spec.trigger.response.eviction',
    'FieldValueRequired',
    'How the pod is evicted',
  ],
  [
    'a time in words',
    detected({ time: 'yesterday' }),
    'spec.trigger.detection.time',
    'FieldValueTypeInvalid',
    '"yesterday": must be a time such as 2026-11-22T08:30:00Z',
  ],
  [
    'a day for a time',
    detected({ time: '2026-11-22' }),
    'spec.trigger.detection.time',
    'FieldValueTypeInvalid',
    'must be a time such as',
  ],
  [
    'an identity in capitals',
    detected({ id: 'A'.repeat(32) }),
    'spec.trigger.detection.id',
    'FieldValueInvalid',
    'must be 32 lower-case hex digits',
  ],
  [
    'a detector that there is not',
    detected({ source: 'Rumour' }),
    'spec.trigger.detection.source',
    'FieldValueNotSupported',
    'supported values: "Falco"',
  ],
  [
    'a long name of a rule',
    detected({ rule: 'r'.repeat(257) }),
    'spec.trigger.detection.rule',
    'FieldValueTooLong',
    'may not be more than 256 characters',
  ],
  [
    'a decision that there is not',
    decided({ action: 'Forgive' }),
    'spec.decision.action',
    'FieldValueNotSupported',
    'supported values: "Approve", "Deny", "Hold", "Resume", "Release"',
  ],
  [
    'an approval of no plan',
    decided({ action: 'Approve' }),
    'spec.decision',
    'FieldValueInvalid',
    'an approval needs planHash',
  ],
  [
    'a decision of nobody',
    decided({ by: undefined }),
    'spec.decision.by',
    'FieldValueRequired',
    'Who decided',
  ],
  [
    'a decision for no reason',
    decided({ reason: '' }),
    'spec.decision.reason',
    'FieldValueInvalid',
    'must not be empty',
  ],
];

/** Wrong statuses of an incident; a server refuses them at the status subresource. */
export const BAD_STATUSES: readonly BadObject[] = [
  [
    'a phase that there is not',
    incident({}, { phase: 'Lost' }),
    'status.phase',
    'FieldValueNotSupported',
    '"Observed"',
  ],
  [
    'a long name of a receiver',
    incident({}, { reports: { ['r'.repeat(64)]: report({}) } }),
    'status.reports',
    'FieldValueInvalid',
    'keys may not be more than 63 characters',
  ],
  [
    'less than no detection',
    incident({}, { reports: { one: report({ count: -1 }) } }),
    'status.reports.one.count',
    'FieldValueInvalid',
    '-1: must be at least 0',
  ],
  [
    'a reason in two words',
    incident({}, { conditions: [condition({ reason: 'Not Yet' })] }),
    'status.conditions[0].reason',
    'FieldValueInvalid',
    '"Not Yet": must be letters only',
  ],
  [
    'a condition twice',
    incident({}, { conditions: [condition({}), condition({})] }),
    'status.conditions[1]',
    'FieldValueDuplicate',
    '{"type":"Ready"}',
  ],
];

function report(fields: Fields): Fields {
  const { time } = detection;
  return {
    count: 1,
    firstSeen: time,
    lastSeen: time,
    highestSeverity: 'Critical',
    detections: [],
    ...fields,
  };
}

function condition(fields: Fields): Fields {
  const lastTransitionTime = detection.time;
  return { type: 'Ready', status: 'False', reason: 'Audit', message: '', lastTransitionTime, ...fields };
}
