// A response is what the policies were when its detections came: whatever happens to them in Git before, between and after.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Contribution, DriftIncident, Report } from '../../../src/api/incident.ts';
import { ACTIONS, type Action } from '../../../src/api/policy.ts';
import { effectiveActions, responseOf } from '../../../src/decide/merge.ts';
import { standingOf } from '../../../src/decide/standing.ts';
import { aDetection, anIncident, aPod } from '../../support/builders.ts';
import { matched, rulebookOf } from '../../support/matched.ts';
import { FULL_RUNG, policy, rungActions } from './builders.ts';

const SHOP = { name: 'shop', labels: {} };

/** A version of the policy as it stood in Git; undefined: it was not there. */
type Version = { mode: 'Audit' | 'Enforce'; actions: Action[] } | undefined;

const compiled = (version: Version, generation: number) =>
  version
    ? [
        policy(
          { mode: version.mode, responses: [{ name: 'rung', actions: version.actions }] },
          { uid: 'policy', generation },
          // One of a namespace may ask for Restart only where that is granted.
          'ClusterDriftPolicy',
        ),
      ]
    : [];

/** What a receiver that sees that version makes of a detection. */
function asked(version: Version, generation: number): Contribution[] {
  return matched(compiled(version, generation), aPod(), aDetection())?.contributions ?? [];
}

/** An incident that these receivers made, each of its own version: the first opened it, the others reported. */
function incidentOf([first = [], ...others]: Contribution[][]): DriftIncident {
  const reports = Object.fromEntries(
    others.map((policies, index): [string, Report] => [
      `receiver-${index}`,
      {
        count: 1,
        firstSeen: '2026-11-22T00:00:00Z',
        lastSeen: '2026-11-22T00:00:00Z',
        highestSeverity: 'Critical',
        detections: [],
        policies,
      },
    ]),
  );
  return { ...anIncident({ policies: first }), status: { reports } };
}

/** What is done when the policy is at that version now. */
function done(incident: DriftIncident, now: Version): Action[] {
  const { contributions } = responseOf(incident);
  const rulebook = rulebookOf(compiled(now, 99), SHOP);
  return effectiveActions(contributions, standingOf(incident, contributions, rulebook)).enforce;
}

const version: fc.Arbitrary<Version> = fc.option(
  fc.record({
    mode: fc.constantFrom('Audit', 'Enforce'),
    actions: rungActions,
  }),
  { nil: undefined },
);
const inEnforce = (given: Version): Action[] => (given?.mode === 'Enforce' ? given.actions : []);

describe('whatever versions of a policy receivers saw, and whichever there is now,', () => {
  test('what is done was asked for in Enforce when a detection came, and is asked for still', () => {
    fc.assert(
      fc.property(fc.array(version, { minLength: 1, maxLength: 4 }), version, (seen, now) => {
        const incident = incidentOf(seen.map((each, generation) => asked(each, generation)));
        const then = new Set(seen.flatMap(inEnforce));
        const expected = ACTIONS.filter((action) => then.has(action) && inEnforce(now).includes(action));
        expect(done(incident, now)).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  test('an edit without a detection never starts or adds anything', () => {
    fc.assert(
      fc.property(version, fc.array(version), (seen, edits) => {
        const incident = incidentOf([asked(seen, 1)]);
        for (const edit of edits)
          expect(inEnforce(seen)).toEqual(expect.arrayContaining(done(incident, edit)));
      }),
    );
  });

  test('the order of the reports says nothing', () => {
    fc.assert(
      fc.property(fc.array(version, { minLength: 2, maxLength: 4 }), version, (seen, now) => {
        const [first = [], ...others] = seen.map((each, generation) => asked(each, generation));
        const forwards = done(incidentOf([first, ...others]), now);
        expect(done(incidentOf([first, ...others.toReversed()]), now)).toEqual(forwards);
      }),
    );
  });

  test('taking it away stops all that is not done yet, and bringing it back under its UID goes on', () => {
    const full: Version = { mode: 'Enforce', actions: [...FULL_RUNG] };
    const incident = incidentOf([asked(full, 1)]);
    expect(done(incident, undefined)).toEqual([]);
    expect(done(incident, { mode: 'Audit', actions: [...FULL_RUNG] })).toEqual([]);
    expect(done(incident, full)).toEqual(FULL_RUNG);
  });
});

describe('a policy that was capped for one detection and not for another', () => {
  test('asks for all that it asked for without the cap, and says nothing of it', () => {
    const exception = { name: 'x', image: '*', reason: 'r', expires: '2027-01-01T00:00:00Z' };
    const excused = policy(
      {
        mode: 'Enforce',
        responses: [{ name: 'rung', actions: [...FULL_RUNG] }],
        exceptions: [{ ...exception, condition: 'detection.rule == "Known"' }],
      },
      { uid: 'policy' },
    );
    const contributions = (rule: string) =>
      matched([excused], aPod(), aDetection({ rule, containerName: 'web' }))?.contributions ?? [];
    const capped = contributions('Known');
    expect(capped[0]?.cap?.name).toBe('x');
    const [both] = responseOf(incidentOf([capped, contributions('Other')])).contributions;
    expect(both).toMatchObject({ actions: FULL_RUNG });
    expect(both).not.toHaveProperty('cap');
    const [twice] = responseOf(incidentOf([capped, capped])).contributions;
    expect(twice).toEqual(capped[0]);
  });
});
