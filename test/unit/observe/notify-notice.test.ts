// What is told of each Event: the form that Falcosidekick takes, how urgent it is, and that it comes back to nobody.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFalco } from '../../../src/detect/falco.ts';
import { parseJson } from '../../../src/detect/json.ts';
import { noticeOf, noticeWith, type Told } from '../../../src/observe/notify/notice.ts';
import { urgencyOf } from '../../../src/observe/notify/urgency.ts';
import { aDetection, anIncident, T0 } from '../../support/builders.ts';
import { faultOf, forwardedBody, refusalOf } from '../../support/strict-falcosidekick.ts';

const TELLER = { instance: 'responder-0', time: T0 };
const POD = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'pod-uid-1' };
const REGARDING = {
  apiVersion: 'v1',
  kind: 'DriftIncident',
  namespace: 'shop',
  name: 'i',
  uid: 'incident-uid',
};

function told(change: Partial<Told> = {}): Told {
  return {
    regarding: REGARDING,
    related: POD,
    news: anIncident({ status: { reports: {}, phase: 'Quarantined' } }),
    type: 'Normal',
    reason: 'DriftIsolated',
    action: 'Isolate',
    note: 'traffic is denied',
    ...change,
  };
}

// Any, halves of pairs and what deceives included.
const LETTER = fc.nat({ max: 0x10ffff }).map((point) => String.fromCodePoint(point));

/** What is told, as text. */
function bodyOf(change: Partial<Told> = {}): string {
  return JSON.stringify(noticeOf(told(change), TELLER));
}

describe('the notice of an incident', () => {
  test('is an event of Falcosidekick that says which pod, which incident and what', () => {
    expect(noticeOf(told(), TELLER)).toEqual({
      rule: 'die-operator: DriftIsolated',
      priority: 'Notice',
      source: 'die-operator',
      time: T0,
      output: 'Pod shop/web-1, incident web-1-abcdef0123-1: traffic is denied',
      hostname: 'responder-0',
      tags: ['die-operator', 'drift'],
      output_fields: {
        'k8s.ns.name': 'shop',
        'k8s.pod.name': 'web-1',
        'die.id': expect.stringMatching(/^[0-9a-f]{16}$/),
        'die.incident': 'shop/web-1-abcdef0123-1',
        'die.phase': 'Quarantined',
        'die.reason': 'DriftIsolated',
        'die.rule': 'DIE Binary Drift Executed',
        'die.severity': 'Critical',
      },
    });
  });

  test('is told once, though its Events are two: that on the pod has no news', () => {
    const { news: _, ...rest } = told();
    expect(noticeOf({ ...rest, regarding: POD, related: REGARDING }, TELLER)).toBeUndefined();
  });

  test('has an id that is the same after a restart, and another one for other news', () => {
    const idOf = (change: Partial<Told>, teller = TELLER) =>
      noticeOf(told(change), teller)?.output_fields['die.id'];
    expect(idOf({}, { instance: 'responder-1', time: '2026-11-22T01:00:00Z' })).toBe(idOf({}));
    const ids = [
      {},
      { note: 'other' },
      { reason: 'DriftCutOff' },
      { regarding: { ...REGARDING, uid: 'u2' } },
    ];
    expect(new Set(ids.map((change) => idOf(change))).size).toBe(4);
  });

  test('tells the name of a rule without what a chat takes for a mention or a link, and cut', () => {
    const rule = `<!channel> [x](http://e.example) *b* @all \u202e${'r'.repeat(300)}`;
    const spec = anIncident().spec;
    const trigger = { ...spec.trigger, detection: aDetection({ rule }).summary };
    const notice = noticeOf(told({ news: anIncident({ spec: { trigger } }) }), TELLER);
    const shown = notice?.output_fields['die.rule'] ?? '';
    expect(shown).toMatch(/^\?\?channel\? \?x\?\(http:\?\?e\.example\) \?b\? \?all \?r+…$/);
    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(128);
    expect(notice?.output).not.toContain('channel');
  });

  test('is taken by Falcosidekick uncut, whatever its texts are', () => {
    fc.assert(
      fc.property(fc.array(LETTER, { maxLength: 900 }), fc.boolean(), (letters, bad) => {
        const text = letters.join('');
        const { spec } = anIncident();
        const trigger = { ...spec.trigger, detection: aDetection({ rule: text }).summary };
        const news = anIncident({ spec: { trigger } });
        const body = bodyOf({ news, note: text.repeat(3), type: bad ? 'Warning' : 'Normal' });
        expect(refusalOf(body) ?? faultOf(body)).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });
});

describe('without an incident', () => {
  const { news: _, related: __, ...rest } = told();

  test.each(['BreakerOpened', 'BreakerClosed', 'LedgerLost'])('%s is told', (reason) => {
    const regarding = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      namespace: 'die-operator-system',
      name: 'ledger',
    };
    const notice = noticeOf({ ...rest, regarding, reason, note: 'n' }, TELLER);
    expect(notice).toMatchObject({ rule: `die-operator: ${reason}`, output: 'n' });
    expect(Object.keys(notice?.output_fields ?? {})).toEqual(['die.id', 'die.reason']);
  });

  test('a stray quarantine is told with its pod', () => {
    const notice = noticeOf({ ...rest, regarding: POD, reason: 'StrayQuarantine', note: 'n' }, TELLER);
    expect(notice).toMatchObject({ output: 'Pod shop/web-1: n', output_fields: { 'k8s.pod.name': 'web-1' } });
  });

  test('what a policy is told is told to nobody else', () => {
    expect(noticeOf({ ...rest, reason: 'NotAccepted' }, TELLER)).toBeUndefined();
  });
});

describe('how urgent it is', () => {
  test.each([
    ['BreakerOpened', 'Warning', 'Critical'],
    ['DriftFailed', 'Warning', 'Critical'],
    ['ApprovalEnding', 'Warning', 'Critical'],
    ['AwaitingApproval', 'Warning', 'Error'],
    ['DriftIsolatedFailed', 'Warning', 'Error'],
    ['DriftEvidenceKeptFailed', 'Warning', 'Error'],
    ['LastReadyCopy', 'Warning', 'Warning'],
    ['QuarantineExpired', 'Warning', 'Warning'],
    ['DriftEvicting', 'Normal', 'Notice'],
    ['DriftResolved', 'Normal', 'Notice'],
    ['DriftEvidenceKept', 'Normal', 'Informational'],
    ['toString', 'Normal', 'Informational'],
  ] as const)('%s of an Event %s is %s', (reason, type, urgency) => {
    expect(urgencyOf({ reason, type })).toBe(urgency);
  });
});

describe('what Falcosidekick sends back to the intake', () => {
  const summary = noticeWith(
    { reason: 'AlertsUnidentified', priority: 'Warning', text: 't', fields: {}, id: ['1'] },
    TELLER,
  );

  test.each([
    ['an incident', noticeOf(told(), TELLER)],
    ['a breaker', noticeOf({ ...told(), reason: 'BreakerOpened' }, TELLER)],
    ['alerts that could not be identified', summary],
  ])('of %s is ignored', (_what, notice) => {
    const parsed = parseJson(forwardedBody({ ...notice }));
    if ('problem' in parsed) throw new Error(parsed.problem.message);
    expect(parseFalco(parsed.value, T0)).toEqual({
      kind: 'Ignored',
      message: 'an event of die-operator itself, sent back by Falcosidekick',
    });
  });
});
