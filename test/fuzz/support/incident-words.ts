// What the fields of an incident can hold: for edits by people who know the schema.
import { DECISIONS, EVICTED_BY, FORMS, OTHER_NEEDS, PHASES, STEPS } from '../../../src/api/incident.ts';
import { ACTIONS, APPROVAL_CASES, APPROVAL_GATES, BUDGET_ENDS } from '../../../src/api/policy.ts';
import { SEVERITIES } from '../../../src/api/severity.ts';
import type { Json } from './noise.ts';
import type { Vocabulary } from './mutate.ts';

const TIMES = [
  '0001-01-01T00:00:00Z',
  '2026-11-22T00:00:30Z',
  '2026-11-22T00:01:30.5+14:00',
  '9999-12-31T23:59:59Z',
];
const DURATIONS = [
  '0s',
  '1s',
  '60s',
  '1m',
  '24h',
  '8760h',
  '8761h',
  '99999h99999m99999s',
  '00000h',
  '1h1m1s',
];
const STATES = ['Running', 'Waiting', 'Succeeded', 'Failed', 'Skipped'];
const REASONS = ['Running', 'DisruptionBudget', 'Orphan', 'X', 'x'.repeat(64)];
const HASHES = ['0'.repeat(64), 'f'.repeat(64)];
const COUNTS = [0, 1, 31, 2 ** 31, Number.MAX_SAFE_INTEGER];

const step = (name: string, state: string, more: object = {}): Json => ({
  name,
  state,
  attempts: 1,
  reason: 'X',
  message: '',
  ...more,
});

const decision = (action: string, more: object = {}): Json => ({
  action,
  by: 'alice',
  reason: 'seen',
  planHash: HASHES[0] ?? '',
  ...more,
});

/** See the file's first line. */
export const INCIDENT_WORDS: Vocabulary = {
  mode: ['Audit', 'Enforce'],
  actions: [[], ...ACTIONS.map((action) => [action]), [...ACTIONS], ['Evict', 'Label']],
  severity: [...SEVERITIES],
  highestSeverity: [...SEVERITIES],
  gracePeriodSeconds: [1, 3600],
  waitForBudget: DURATIONS,
  readyWithin: DURATIONS,
  quietFor: DURATIONS,
  require: ['Baseline', 'Pinned'],
  then: [...BUDGET_ENDS],
  requiredFor: [[], ...APPROVAL_CASES.map((one) => [one]), [...APPROVAL_CASES]],
  before: [...APPROVAL_GATES],
  within: DURATIONS,
  quarantined: [0, 1, 1000],
  evicting: [0, 1, 1000],
  maxUnavailable: ['1%', '100%'],
  recurrences: [0, 3, 1000],
  recurrenceWindow: DURATIONS,
  evictions: [0, 1, 1000],
  window: DURATIONS,
  cooldown: DURATIONS,
  phase: [...PHASES],
  form: [...FORMS],
  state: STATES,
  attempts: COUNTS,
  count: COUNTS,
  observedGeneration: COUNTS,
  reason: REASONS,
  message: ['', 'm'.repeat(1024)],
  ...Object.fromEntries(
    [
      'startedAt',
      'finishedAt',
      'nextAttemptAt',
      'at',
      'requestedAt',
      'containedAt',
      'goneAt',
      'since',
      'refusedAt',
      'readyAt',
      'readySince',
      'quietUntil',
      'expiresAt',
      'begunAt',
      'receivedAt',
      'time',
      'firstSeen',
      'lastSeen',
    ].map((key) => [key, TIMES] as const),
  ),
  steps: [[], STEPS.flatMap((name, index) => step(name, STATES[index % STATES.length] ?? ''))].concat(
    STEPS.flatMap((name) => STATES.map((state) => [step(name, state)])),
    STEPS.map((name) => [step(name, 'Waiting', { startedAt: TIMES[0], nextAttemptAt: TIMES[3] })]),
  ),
  isolation: [
    { form: 'Orphan', at: '2026-11-22T00:00:10Z' },
    { form: 'Gentle', at: '2026-11-22T00:00:10Z' },
    { form: 'LabelOnly', at: '9999-12-31T23:59:59Z' },
  ],
  eviction: [
    {},
    { requestedAt: TIMES[1] ?? '' },
    { goneAt: TIMES[0] ?? '' },
    { goneAt: TIMES[3] ?? '' },
    { containedAt: TIMES[1] ?? '' },
    ...EVICTED_BY.map((by) => ({ requestedAt: TIMES[1] ?? '', by, gracePeriodSeconds: 1 })),
    ...TIMES.map((time) => ({ budget: { since: time, refusedAt: TIMES[1] ?? '' } })),
  ],
  decision: DECISIONS.flatMap((action) => [
    decision(action),
    ...TIMES.map((expiresAt) => decision(action, { expiresAt })),
  ]),
  decisions: [
    [],
    ...DECISIONS.map((action) => [decision(action, { at: TIMES[1] ?? '', outcome: 'noted' })]),
    Array.from({ length: 16 }, () => decision('Deny', { at: TIMES[0] ?? '', outcome: '' })),
  ],
  action: [...DECISIONS],
  hash: HASHES,
  planHash: HASHES,
  needs: [[], ...APPROVAL_CASES.map((one) => [one]), [...OTHER_NEEDS]],
  by: [...EVICTED_BY, 'bob'],
  replacement: [{ name: 'new', uid: 'new', images: [] }],
  restarts: COUNTS,
  otherRevision: [true, false],
  restart: [
    {},
    { begunAt: TIMES[1] ?? '' },
    { manifest: { revision: 'kept', uid: 'kept', sha256: HASHES[0] ?? '', keptAt: TIMES[1] ?? '' } },
  ],
  conditions: [
    [],
    [{ type: 'Ready', status: 'True', reason: 'X', message: '', lastTransitionTime: TIMES[1] ?? '' }],
  ],
  labels: [{}, { 'die-operator.dev/quarantine': 'true' }, { app: 'other' }],
  labelsTruncated: [true, false],
  ownerReferences: [[]],
  bystanders: [[], ['x']],
  containers: [[]],
  rungs: [[], ['a', 'a']],
  policies: [[]],
  reports: [{}],
  status: [{}],
};
