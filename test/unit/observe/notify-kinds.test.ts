// Each kind of news, from where it is announced over a real connection to the strict double of Falcosidekick.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { INCIDENT_CONDITIONS } from '../../../src/api/conditions.ts';
import { FINAL_PHASES, STEPS, type DriftIncident, type StepName } from '../../../src/api/incident.ts';
import { AWAITING, ENDING, EXPIRED, PLAN_CHANGED } from '../../../src/decide/approved.ts';
import {
  announceEnd,
  announceExpiry,
  announceIsolation,
  announceLostEvidence,
  announceSharedNode,
  announceStep,
  announceWait,
} from '../../../src/incidents/announce.ts';
import { IncidentRecord } from '../../../src/incidents/record.ts';
import { Snapshots } from '../../../src/incidents/snapshots.ts';
import { withCondition, withStep } from '../../../src/incidents/status.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { systemClock, systemRandom } from '../../../src/kube/clock.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { alsoTelling, Notifier } from '../../../src/observe/notify/notifier.ts';
import { postJson } from '../../../src/observe/post.ts';
import { anIncident, T0 } from '../../support/builders.ts';
import { startStrictFalcosidekick, type StrictFalcosidekick } from '../../support/strict-falcosidekick.ts';

let double: StrictFalcosidekick;
beforeEach(async () => void (double = await startStrictFalcosidekick()));
afterEach(() => double.close());

/** What `announce` needs, and what was told by it: `Priority reason`, as it was sent: the first at once, of the others the most urgent first. */
async function toldBy(announce: (context: ReturnType<typeof contextOf>) => void): Promise<string[]> {
  const notifier = new Notifier({
    targets: [
      {
        name: 'falcosidekick',
        post: (body, signal) =>
          postJson(new URL(double.url), body, { clock: systemClock, timeoutMs: 10_000, signal }),
      },
    ],
    minimumPriority: 'Debug',
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    instance: 'responder-0',
    count: () => {},
  });
  announce(contextOf(notifier));
  await notifier.flush();
  expect(double.refusals).toEqual([]);
  return double.taken.map(({ priority, output_fields: fields }) => `${priority} ${fields['die.reason']}`);
}

function contextOf(notifier: Notifier) {
  return {
    events: alsoTelling({ record: () => {} }, notifier),
    log: silentLogger,
    snapshots: new Snapshots(),
    metrics: { expired: () => {}, held: () => {} },
  };
}

const stepped = (name: StepName, state: 'Succeeded' | 'Failed') =>
  withStep(anIncident(), { name, state, reason: 'Done', message: `what ${name} did`, tried: true }, T0);

const withEvidence = (reason: string) =>
  withCondition(
    anIncident(),
    { type: INCIDENT_CONDITIONS.EvidenceComplete, status: 'False', reason, message: 'it is not there' },
    T0,
  );

function wait(context: ReturnType<typeof contextOf>, reason: string, incident: DriftIncident): void {
  const record = new IncidentRecord({} as KubeClient, incident);
  announceWait(context, record, { kind: 'Wait', phase: 'Quarantined', reason, message: `waits: ${reason}` });
}

describe('people are told', () => {
  test('of each step that was done, and more urgently of each that failed', async () => {
    const told = await toldBy((context) => {
      for (const state of ['Succeeded', 'Failed'] as const)
        for (const name of STEPS) announceStep(context, stepped(name, state), name);
    });
    expect(told).toEqual([
      'Informational DriftLabelled',
      'Error DriftLabelledFailed',
      'Error DriftIsolatedFailed',
      'Error DriftCutOffFailed',
      'Error DriftEvidenceKeptFailed',
      'Error DriftLookedForFailed',
      'Error DriftManifestKeptFailed',
      'Error DriftEvictingFailed',
      'Error DriftWorkloadTouchedFailed',
      'Error DriftRestartedFailed',
      'Error DriftReplacementVerifiedFailed',
      'Error DriftReleasedFailed',
      'Error DriftSettledFailed',
      'Error DriftContainedFailed',
      'Notice DriftIsolated',
      'Notice DriftCutOff',
      'Notice DriftEvicting',
      'Notice DriftRestarted',
      'Notice DriftReleased',
      'Notice DriftContained',
      'Informational DriftEvidenceKept',
      'Informational DriftLookedFor',
      'Informational DriftManifestKept',
      'Informational DriftWorkloadTouched',
      'Informational DriftReplacementVerified',
      'Informational DriftSettled',
    ]);
  });

  test('of each end', async () => {
    const told = await toldBy((context) => {
      for (const phase of FINAL_PHASES)
        announceEnd(context, anIncident(), { kind: 'Done', phase, reason: 'r', message: 'it is over' });
    });
    expect(told).toEqual([
      'Notice DriftResolved',
      'Critical DriftFailed',
      'Notice DriftReleased',
      'Notice DriftTargetGone',
    ]);
  });

  test('of what a person is asked, and that time runs out; of what comes with each response nobody is', async () => {
    const told = await toldBy((context) => {
      for (const reason of [AWAITING, ENDING, PLAN_CHANGED, EXPIRED]) wait(context, reason, anIncident());
      for (const reason of ['Held', 'LastReadyCopy', 'BreakerOpen']) wait(context, reason, anIncident());
      for (const reason of ['WaitingForReplacement', 'Quiet']) wait(context, reason, anIncident());
    });
    expect(told).toEqual([
      'Error AwaitingApproval',
      'Critical ApprovalEnding',
      'Error PlanChanged',
      'Error ApprovalExpired',
      'Warning Held',
      'Warning LastReadyCopy',
      'Warning BreakerOpen',
    ]);
  });

  test('that evidence is lost, a quarantine expired, a node is shared, and more is open than before', async () => {
    const told = await toldBy((context) => {
      announceLostEvidence(context, withEvidence('Lost'));
      announceExpiry(context, anIncident(), 'it is older than its policy allows');
      announceSharedNode(context, anIncident(), { reason: 'HostNetwork', message: 'it shares its node' });
      announceIsolation(context, anIncident(), {
        status: 'False',
        reason: 'Partial',
        message: 'another policy allows traffic',
      });
    });
    expect(told).toEqual([
      'Critical DriftEvidenceLost',
      'Warning QuarantineExpired',
      'Warning DriftNodeSuspect',
      'Warning DriftIsolationPartial',
    ]);
    expect(double.taken[0]?.output).toBe('Pod shop/web-1, incident web-1-abcdef0123-1: it is not there');
  });
});
