// A later change of a policy can stop what it asked for, and never starts or adds anything.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Action } from '../../../src/api/policy.ts';
import { effectiveActions } from '../../../src/decide/merge.ts';
import type { CompiledPolicy } from '../../../src/decide/policies.ts';
import { standingOf } from '../../../src/decide/standing.ts';
import { aContribution, anIncident } from '../../support/builders.ts';
import { rulebookOf } from '../../support/matched.ts';
import { FULL_RUNG, policy, rungActions } from './builders.ts';

const SHOP = { name: 'shop', labels: {} };
const ASKED = aContribution({ rungs: ['replace'], actions: [...FULL_RUNG] });
const LADDER = [
  { name: 'note', actions: ['Label'] },
  { name: 'replace', actions: FULL_RUNG },
];

/** What is still done of {@link ASKED} when these policies are there. */
function left(policies: CompiledPolicy[], incident = anIncident({ policies: [ASKED] })): Action[] {
  const standing = standingOf(incident, [ASKED], rulebookOf(policies, SHOP));
  return effectiveActions([ASKED], standing).enforce;
}

const now = (spec: object, uid = 'policy-uid') =>
  policy({ mode: 'Enforce', responses: LADDER, ...spec }, { uid, generation: 2 });

describe('of what a policy asked for', () => {
  test('all is done while it stays as it is', () => expect(left([now({})])).toEqual(FULL_RUNG));

  test.each<[string, CompiledPolicy[]]>([
    ['it is deleted', []],
    ['it goes to Audit', [now({ mode: 'Audit' })]],
    ['another one of its name is there', [now({}, 'another-uid')]],
    ['its rung is gone', [now({ responses: LADDER.slice(0, 1) })]],
    ['its rung has another name', [now({ responses: [{ name: 'new', actions: FULL_RUNG }] })]],
    ['it selects other pods', [now({ match: { podSelector: { matchLabels: { app: 'other' } } } })]],
    ['it selects other images', [now({ match: { images: ['registry.example/other/*'] } })]],
    [
      'it is not permitted any more',
      [now({}), policy({ grants: {}, responses: undefined }, { name: 'c', uid: 'c' }, 'ClusterDriftPolicy')],
    ],
  ])('nothing is done any more when %s', (_how, policies) => expect(left(policies)).toEqual([]));

  test('what its rung does not say any more is not done', () => {
    const responses = [{ name: 'replace', actions: ['Label', 'Isolate'] }];
    expect(left([now({ responses })])).toEqual(['Label', 'Isolate']);
  });

  test('all is done of a pod with more labels than are recorded: its selector cannot be asked again', () => {
    const { target } = anIncident().spec;
    const incident = anIncident({ spec: { target: { ...target, labels: {}, labelsTruncated: true } } });
    const selecting = now({ match: { podSelector: { matchLabels: { app: 'web' } } } });
    expect(left([selecting], incident)).toEqual(FULL_RUNG);
  });

  test('exceptions that come later change nothing', () => {
    const exception = {
      name: 'x',
      image: '*',
      reason: 'r',
      expires: '2027-01-01T00:00:00Z',
      maxAction: 'None',
    };
    expect(left([now({ exceptions: [exception] })])).toEqual(FULL_RUNG);
  });

  test('never more is done than was asked for, whatever policies there are later', () => {
    const anyRung = fc.record({
      name: fc.constantFrom('replace', 'note', 'new'),
      actions: rungActions,
    });
    const anySpec = fc.record({
      mode: fc.constantFrom('Audit', 'Enforce'),
      responses: fc.uniqueArray(anyRung, { minLength: 1, selector: ({ name }) => name }),
    });
    const asked = aContribution({ actions: ['Label', 'Capture'] });
    fc.assert(
      fc.property(fc.array(fc.tuple(anySpec, fc.constantFrom('policy-uid', 'b'))), (later) => {
        const policies = later.map(([spec, uid], index) => policy(spec, { name: `p${index}`, uid }));
        const incident = anIncident({ policies: [asked] });
        const standing = standingOf(incident, [asked], rulebookOf(policies, SHOP));
        expect(asked.actions).toEqual(expect.arrayContaining(effectiveActions([asked], standing).enforce));
      }),
    );
  });
});
