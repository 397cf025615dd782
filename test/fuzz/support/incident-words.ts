// What the fields of an incident can hold: for edits by people who know the schema.
import { FORMS, PHASES, STEPS } from '../../../src/api/incident.ts';
import { ACTIONS } from '../../../src/api/policy.ts';
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
const COUNTS = [0, 1, 31, 2 ** 31, Number.MAX_SAFE_INTEGER];

const step = (name: string, state: string, more: object = {}): Json => ({
  name,
  state,
  attempts: 1,
  reason: 'X',
  message: '',
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
  require: ['Baseline', 'Pinned'],
  quarantined: [0, 1, 1000],
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
      'goneAt',
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
  eviction: [{}, { requestedAt: TIMES[1] ?? '' }, { goneAt: TIMES[0] ?? '' }, { goneAt: TIMES[3] ?? '' }],
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
