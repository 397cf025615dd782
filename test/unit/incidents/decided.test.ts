// The record of what people decided: each decision once, with what became of it, and the condition Approved.
import { describe, expect, test } from 'vitest';
import { findCondition } from '../../../src/api/conditions.ts';
import { MAX_DECISIONS, type DriftIncident } from '../../../src/api/incident.ts';
import type { PersonsDecision } from '../../../src/decide/decided.ts';
import { outline } from '../../../src/decide/form.ts';
import { plan } from '../../../src/decide/plan.ts';
import { noteSeen, wasDecidedSince } from '../../../src/incidents/decided.ts';
import { describe as note } from '../../../src/incidents/describe.ts';
import { anIncident, NOW, T0 } from '../../support/builders.ts';
import { EVIDENCE, ISOLATE_DONE, orphaned, someFacts } from '../decide/plan-support.ts';

const HOLD: PersonsDecision = { action: 'Hold', by: 'ann', reason: 'wait for me' };
const LATER = new Date(NOW + 60_000).toISOString();

function asking(decision?: PersonsDecision): DriftIncident {
  const incident = anIncident({
    status: { isolation: { form: 'Orphan', at: T0 }, steps: [ISOLATE_DONE], evidence: EVIDENCE },
  });
  incident.spec.trigger.response.approval.requiredFor = ['Always'];
  return decide(incident, decision);
}

function decide(incident: DriftIncident, decision: PersonsDecision | undefined): DriftIncident {
  return { ...incident, spec: { ...incident.spec, ...(decision && { decision }) } };
}

const facts = (now = NOW) => someFacts({ pod: orphaned, now });

/** One look at the incident, as the reconciler does it. */
function look(incident: DriftIncident, now = NOW): DriftIncident {
  const at = new Date(now).toISOString();
  const seen = noteSeen(incident, at);
  return note(seen, plan(seen, facts(now)), facts(now), at);
}

const approved = ({ status }: DriftIncident) => findCondition(status?.conditions, 'Approved');

describe('a decision', () => {
  test('is recorded once, when it was seen first, with its outcome', () => {
    const once = look(asking(HOLD));
    expect(once.status?.decisions).toEqual([
      { ...HOLD, at: T0, outcome: 'nothing destructive is done until it is resumed' },
    ]);
    expect(look(once, NOW + 60_000).status?.decisions).toEqual(once.status?.decisions);
  });

  test('that is repeated after another one is a decision of its own', () => {
    const held = look(asking(HOLD));
    const resumed = look(decide(held, { ...HOLD, action: 'Resume' }));
    const again = look(decide(resumed, HOLD), NOW + 60_000);
    expect(again.status?.decisions?.map(({ action, at }) => [action, at])).toEqual([
      ['Hold', T0],
      ['Resume', T0],
      ['Hold', LATER],
    ]);
  });

  test('of long ago makes room', () => {
    let incident = asking();
    for (let n = 0; n < MAX_DECISIONS + 4; n++)
      incident = look(decide(incident, { ...HOLD, reason: `reason ${n}` }));
    expect(incident.status?.decisions).toHaveLength(MAX_DECISIONS);
    expect(incident.status?.decisions?.[0]?.reason).toBe('reason 4');
  });

  test('before the last one is kept short, so that all of them fit into the incident', () => {
    let incident = asking();
    for (let n = 0; n < MAX_DECISIONS; n++)
      incident = look(decide(incident, { ...HOLD, by: 'b'.repeat(253), reason: `${n}`.padEnd(1024, 'x') }));
    const kept = incident.status?.decisions ?? [];
    expect(kept).toHaveLength(MAX_DECISIONS);
    expect(kept.at(-1)?.reason).toHaveLength(1024);
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThan(16 * 1024);
  });

  test('stops what was planned before it, as a deletion does, and nothing else does', () => {
    const before = asking(HOLD);
    expect(wasDecidedSince(before, asking(HOLD))).toBe(false);
    expect(wasDecidedSince(before, asking({ ...HOLD, reason: 'another' }))).toBe(true);
    expect(wasDecidedSince(asking(), before)).toBe(true);
    const deleted = { ...before, metadata: { ...before.metadata, deletionTimestamp: T0 } };
    expect(wasDecidedSince(before, deleted)).toBe(true);
  });
});

describe('the condition Approved', () => {
  const approval = (incident: DriftIncident, more: Partial<PersonsDecision> = {}): PersonsDecision => ({
    action: 'Approve',
    by: 'ann',
    reason: 'yes',
    planHash: outline(incident, facts()).hash ?? '',
    ...more,
  });

  test('is Unknown while people are asked, and says since when', () => {
    const asked = look(asking());
    expect(approved(asked)).toMatchObject({
      status: 'Unknown',
      reason: 'AwaitingApproval',
      lastTransitionTime: T0,
    });
    expect(approved(look(asked, NOW + 60_000))).toMatchObject({ lastTransitionTime: T0 });
  });

  test('is not there while other steps go first, nor where nobody has to approve', () => {
    const fresh = asking();
    fresh.status = { reports: {} };
    expect(approved(look(fresh))).toBeUndefined();
    const free = asking();
    free.spec.trigger.response.approval.requiredFor = [];
    expect(approved(look(free))).toBeUndefined();
  });

  test('is True for an approval of the plan, and Unknown again when the plan is another one', () => {
    const incident = asking();
    const yes = look(decide(incident, approval(incident)));
    expect(approved(yes)).toMatchObject({ status: 'True', reason: 'Approved' });
    expect(yes.status?.decisions?.[0]?.outcome).toBe('it counts for this plan');
    yes.spec.trigger.severity = 'Emergency';
    const pod = { ...orphaned, labels: { ...orphaned.labels, 'die-operator.dev/severity': 'emergency' } };
    const changed = someFacts({ pod, now: NOW + 60_000 });
    const next = note(yes, plan(yes, changed), changed, LATER);
    expect(approved(next)).toMatchObject({
      status: 'Unknown',
      reason: 'PlanChanged',
      lastTransitionTime: LATER,
    });
    expect(next.status?.decisions?.[0]?.outcome).toMatch(/does not count/);
  });

  test('is False for a denial and for an approval that ended', () => {
    expect(approved(look(asking({ ...HOLD, action: 'Deny' })))).toMatchObject({
      status: 'False',
      reason: 'Denied',
    });
    const incident = asking();
    const ended = approval(incident, { expiresAt: new Date(NOW - 1).toISOString() });
    expect(approved(look(decide(incident, ended)))).toMatchObject({
      status: 'False',
      reason: 'ApprovalExpired',
    });
  });

  test('begins anew with a Resume, also when the time was over', () => {
    const day = 24 * 3_600_000;
    const over = look(look(asking()), NOW + day);
    expect(approved(over)).toMatchObject({ status: 'False', reason: 'ApprovalExpired' });
    const resumed = look(decide(over, { ...HOLD, action: 'Resume' }), NOW + day + 1);
    expect(approved(resumed)).toMatchObject({
      status: 'Unknown',
      lastTransitionTime: new Date(NOW + day + 1).toISOString(),
    });
  });
});
