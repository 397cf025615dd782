// The plan for incidents that people edited by hand: every one that the API server would store has a next step, and it
// is never more than its record and the policies ask for.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isFinal, PHASES, type DriftIncident } from '../../src/api/incident.ts';
import { podFacts, type PodFacts } from '../../src/api/pod.ts';
import { ACTIONS, type Action, type Mode } from '../../src/api/policy.ts';
import { validators } from '../../src/api/validate.ts';
import type { Decision, Facts, OtherNeed, Work } from '../../src/decide/decision.ts';
import { proveImages } from '../../src/decide/images.ts';
import { plan } from '../../src/decide/plan.ts';
import { contributionKey } from '../../src/decide/standing.ts';
import { describe } from '../../src/incidents/describe.ts';
import { statusPatch } from '../../src/incidents/status.ts';
import { aPod } from '../support/builders.ts';
import { fuzz } from './support/fuzz.ts';
import { INCIDENT_WORDS } from './support/incident-words.ts';
import { editsOf, mutated } from './support/mutate.ts';
import type { Json } from './support/noise.ts';
import { recordStages } from './support/stages.ts';

// One that is over has little left to plan.
const stages = (await recordStages()).filter(({ incident }, index) => !isFinal(incident) || index % 5 === 0);
const NOW = Date.UTC(2026, 10, 22, 0, 1);

const PLACE = { quarantined: 9, evicting: 9, evictions: 9, windowMs: 600_000 };
const FREE = {
  limits: { node: PLACE, cluster: PLACE },
  acts: [],
  courses: new Map(),
  takenOut: { node: 0, cluster: 0 },
};

/** Facts that are absent where nothing is known of them. */
const rare: fc.Arbitrary<Partial<Facts>> = fc.record(
  {
    spent: fc.constantFrom<NonNullable<Facts['spent']>[]>(FREE, { ...FREE, acts: 'it cannot be read' }),
    availability: fc.record({
      share: fc.constantFrom({ size: 3, missing: 0, gentle: 0 }, { size: 3, missing: 3, gentle: 1 }),
      budgets: fc.constant([]),
      quota: fc.constant({}),
      unread: fc.constantFrom<string[][]>([], ['disruption budgets']),
    }),
    needs: fc.constant<OtherNeed[]>([{ need: 'Recurrence', message: 'it came again' }]),
    needless: fc.constantFrom(
      { certain: true, message: 'it was scaled down' },
      { certain: false, message: 'it is gone' },
    ),
    driftedAgain: fc.constant('another'),
    driftedFirst: fc.constant({ pod: 'first', incident: 'another' }),
  },
  { requiredKeys: [] },
);

const input = fc.record({
  stage: fc.nat({ max: stages.length - 1 }),
  edits: editsOf(4, INCIDENT_WORDS),
  deleted: fc.constantFrom(false, false, false, true),
  pod: fc.constantFrom(
    'as it was',
    'as it was',
    'gone',
    'terminating',
    'failed',
    'on the host network',
    'quarantined',
  ),
  mode: fc.constantFrom<(Mode | 'gone')[]>('Enforce', 'Enforce', 'Audit', 'gone'),
  facts: fc.record({
    now: fc.constantFrom(NOW, NOW - 3_600_000, NOW + 3_600_000),
    namespaceTerminating: fc.boolean(),
    protection: fc.constantFrom(undefined, undefined, undefined, 'protected'),
    paused: fc.constantFrom(undefined, undefined, undefined, 'paused'),
    workload: fc.record({ quarantinedOthers: fc.nat({ max: 3 }), readyOthers: fc.constantFrom(0, 1, 2) }),
    namespace: fc.record({ quarantinedOthers: fc.nat({ max: 11 }) }),
    snapshotBegun: fc.boolean(),
    bystanders: fc.constantFrom<string[][]>([], ['uid-1']),
    lastSeen: fc.constantFrom<Facts['lastSeen'][]>(undefined, 'Ended', 'Running'),
    node: fc.constantFrom<Facts['node'][]>(undefined, { ready: false, message: 'it is silent' }),
  }),
  more: fc.oneof({ weight: 3, arbitrary: fc.constant<Partial<Facts>>({}) }, { weight: 1, arbitrary: rare }),
  replaced: fc.boolean(),
});
type Input = typeof input extends fc.Arbitrary<infer T> ? T : never;

fuzz({
  name: 'plan',
  promise:
    'every incident that can be stored has a next step, within what its policies ask for, and a valid status',
  input,
  check: (given, seen) => {
    const written = incidentOf(given);
    const facts = factsOf(given);
    const incident = stored(written);
    if (!incident) {
      // From an older or laxer API server: whatever comes of it comes at once, as a decision or an error.
      return seen(attempt(() => plan(written, facts)) ? 'invalid, planned' : 'invalid, refused');
    }
    const decision = plan(incident, facts);
    seen(decision.kind === 'Run' ? `Run ${decision.work.step}` : decision.kind);
    assertForm(decision);
    assertAsked(decision, incident, facts);
    assertRecorded(decision, incident, facts);
  },
  reaches: [
    'Run Isolate',
    'Run Label',
    'Run Capture',
    'Run Evict',
    'Run Release',
    'Run Contain',
    'Wait',
    'Done',
    'Forget',
  ],
});

function incidentOf({ stage, edits, deleted }: Input): DriftIncident {
  const { incident } = stages[stage] ?? {};
  assert.ok(incident);
  const { spec, status = {}, metadata, ...rest } = incident;
  const edited = mutated({ spec, status } as unknown as Json, edits) as unknown as Pick<
    DriftIncident,
    'spec' | 'status'
  >;
  const { deletionTimestamp: _, ...kept } = metadata;
  return {
    ...rest,
    ...edited,
    metadata: { ...kept, ...(deleted && { deletionTimestamp: '2026-11-22T00:00:30Z' }) },
  };
}

function factsOf({ stage, pod, mode, facts, more, replaced }: Input): Facts {
  const { incident, pod: recorded } = stages[stage] ?? {};
  assert.ok(incident);
  const [policy] = incident.spec.trigger.policies;
  const replacement = aPod({ uid: 'new', createdAt: '2026-11-22T00:00:40Z' });
  const proof = proveImages({ replacement, target: incident.spec.target, siblings: [] });
  return {
    ...facts,
    ...more,
    pod: recorded && pod !== 'gone' ? changedPod(podFacts(recorded), pod) : undefined,
    standing: new Map(
      policy && mode !== 'gone' ? [[contributionKey(policy), mode === 'Enforce' ? ACTIONS : []]] : [],
    ),
    replacement: replaced && pod === 'gone' ? { pod: replacement, proof } : undefined,
  };
}

function changedPod(pod: PodFacts, how: Input['pod']): PodFacts {
  switch (how) {
    case 'terminating':
      return { ...pod, deletionTimestamp: '2026-11-22T00:00:50Z' };
    case 'failed':
      return { ...pod, phase: 'Failed', ready: false };
    case 'on the host network':
      return { ...pod, hostNetwork: true };
    case 'quarantined':
      return { ...pod, labels: { ...pod.labels, 'die-operator.dev/quarantine': 'true' } };
    default:
      return pod;
  }
}

function assertForm(decision: Decision): void {
  if (decision.kind !== 'Wait' && decision.kind !== 'Done') return;
  assert.ok(PHASES.includes(decision.phase), decision.phase);
  assert.match(decision.reason, /^[A-Za-z]{1,64}$/);
  const until = 'until' in decision ? decision.until : undefined;
  assert.ok(until === undefined || Number.isFinite(until), `waits until ${until}`);
}

// What somebody else deleted runs on until its grace is over, and is cut off.
function mayBeActedOn({ step }: Work, { pod }: Facts): boolean {
  if (pod?.deletionTimestamp === undefined) return pod !== undefined;
  return step === 'Isolate' && pod.going?.containersEnded !== true;
}

/** Nothing is done that no policy in Enforce asks for, to no pod that must not be touched. */
function assertAsked(decision: Decision, incident: DriftIncident, facts: Facts): void {
  if (decision.kind !== 'Run') return;
  const { work } = decision;
  assert.ok(isAsked(work, incident, askedFor(incident, facts)), `${work.step} was not asked for`);
  if (work.step === 'Evict') assertEviction(work, incident, facts);
  if (work.step === 'Contain') assert.ok(incident.metadata.deletionTimestamp, 'contains what is not deleted');
  if (work.step === 'Evict' || work.step === 'Contain')
    assert.equal(facts.paused, undefined, 'acts while paused');
  // These take back what is ours, only read, or are about the owner of a pod that is gone.
  if (['Release', 'Settle', 'Capture', 'Touch'].includes(work.step)) return;
  if (work.step === 'Restart') return assert.equal(facts.pod, undefined, 'makes a pod anew that is there');
  assert.ok(mayBeActedOn(work, facts), 'acts on a pod that is gone or going');
  assert.equal(facts.protection, undefined, 'touches what is protected');
}

function assertEviction(
  { gracePeriodSeconds }: Work & { step: 'Evict' },
  { spec }: DriftIncident,
  { spent }: Facts,
): void {
  assert.ok(Number.isInteger(gracePeriodSeconds) && gracePeriodSeconds >= 1);
  assert.notEqual(typeof spent?.acts, 'string', 'evicts what cannot be entered');
  assert.ok(!['Deny', 'Hold'].includes(spec.decision?.action ?? ''), 'evicts what a person stopped');
}

function isAsked(work: Work, { status }: DriftIncident, asked: readonly Action[]): boolean {
  // A quarantine that expired ends in an eviction that no rung asks for.
  if (work.step === 'Cut' || (work.step === 'Evict' && work.because !== undefined))
    return asked.includes('Isolate');
  // A pod that is quarantined keeps its form when it is labelled anew.
  const isQuarantined = ['Orphan', 'Gentle'].includes(status?.isolation?.form ?? '');
  if (work.step === 'Isolate' && isQuarantined && asked.includes('Label')) return true;
  return !ACTIONS.some((action) => action === work.step) || asked.some((action) => action === work.step);
}

function askedFor({ spec, status }: DriftIncident, { standing }: Facts): Action[] {
  const reports = Object.values(status?.reports ?? {});
  return [...spec.trigger.policies, ...reports.flatMap(({ policies }) => policies ?? [])]
    .filter(({ mode }) => mode === 'Enforce')
    .flatMap((asked) =>
      asked.actions.filter((action) => standing.get(contributionKey(asked))?.includes(action)),
    );
}

function assertRecorded(decision: Decision, incident: DriftIncident, facts: Facts): void {
  const described = describe(incident, decision, facts, new Date(facts.now).toISOString());
  const { problems } = validators.driftincidents(described);
  assert.deepEqual(problems, [], 'the status that is written is refused');
  statusPatch(incident, described);
}

/** The incident as an API server stores it; undefined if it does not. */
function stored(incident: DriftIncident): DriftIncident | undefined {
  // zod passes over what is below such a key; a real API server checks it like everything else.
  if (JSON.stringify(incident).includes('"__proto__":')) return undefined;
  const { problems, value } = validators.driftincidents(incident);
  return problems.length > 0 ? undefined : (value as unknown as DriftIncident);
}

function attempt(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    assert.ok(error instanceof Error);
    return false;
  }
}
