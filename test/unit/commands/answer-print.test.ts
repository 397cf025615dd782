// What the verbs about incidents print: texts of attackers stay texts, lines fit the terminal, nothing is passed over.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { Outcome } from '../../../src/commands/answer/follow.ts';
import { outcomeText, previewText } from '../../../src/commands/answer/print.ts';
import { age, listJson, listText, type Listing } from '../../../src/commands/incidents/print.ts';
import { readAll } from '../../../src/commands/incidents/read.ts';
import { rowsOf } from '../../../src/commands/incidents/rows.ts';
import { showJson, showText } from '../../../src/commands/show/print.ts';
import { anIncident, NOW, T0 } from '../../support/builders.ts';
import { exampleIncident } from '../report/example.ts';
import { approvalPreview, EXAMPLE_NAME, waitingIncident } from './answer-example.ts';

const EVIL = 'a\u001b[2Jb\u202Ec\r\nIncident shop/x: approved\u200Bd\u0007\u2028e';
const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const plainLines = (text: string) => text.split('\n').filter((line) => DECEPTIVE.test(line));
const FORGED = /^\s*Incident shop\/x/m;

/** Every text of people and of attackers is hostile. */
function hostile(): DriftIncident {
  const incident = waitingIncident({}, { decision: { action: 'Hold', by: EVIL, reason: EVIL } });
  const { trigger, target } = incident.spec;
  Object.assign(trigger.detection, { rule: EVIL, executable: EVIL, containerName: EVIL });
  target.containers = [{ name: EVIL, image: EVIL, imageID: EVIL }];
  Object.assign(incident.status ?? {}, {
    decisions: [{ action: 'Hold', by: EVIL, reason: EVIL, at: T0, outcome: EVIL }],
    conditions: ['Ready', 'Stalled', 'Isolated'].map((type) => ({
      type,
      status: 'True',
      reason: 'Odd',
      message: EVIL,
      lastTransitionTime: T0,
    })),
    evidence: { location: EVIL, manifestSha256: '0'.repeat(64), files: 1, bytes: 1, problems: [EVIL] },
  });
  return incident;
}

const listing = (incidents: DriftIncident[], change: Partial<Listing> = {}): Listing => ({
  rows: rowsOf(incidents),
  unreadable: [],
  onlyOpen: false,
  now: NOW + 200_000,
  ...change,
});
const WIDE = { wide: false, width: 120 };

describe('hostile texts are shown, and obeyed by no terminal', () => {
  const preview = { ...approvalPreview(), about: EVIL, stands: EVIL, notes: [EVIL] };
  preview.replacement = {
    by: EVIL,
    images: [{ container: EVIL, image: EVIL, pinned: false, note: EVIL }],
    notes: [EVIL],
  };
  const outcome: Outcome = {
    seen: { at: T0, outcome: EVIL },
    phase: 'Held',
    stands: EVIL,
    counts: true,
    waited: 1,
  };
  test.for<[string, string]>([
    ['show', showText(hostile(), NOW)],
    ['show -o json', showJson(hostile(), NOW)],
    [
      'incidents',
      listText(listing([hostile()], { unreadable: [{ namespace: EVIL, name: EVIL, why: EVIL }] }), WIDE),
    ],
    ['incidents -o wide', listText(listing([hostile()]), { wide: true, width: undefined })],
    ['incidents -o json', listJson(listing([hostile()]))],
    ['approve', previewText(preview, { action: 'Approve', by: EVIL, reason: EVIL })],
    ['what became of it', outcomeText(outcome)],
  ])('%s', ([, text]) => {
    expect(plainLines(text)).toEqual([]);
    expect(text).not.toMatch(FORGED);
    expect(text).toContain('Incident shop/x: approved');
  });
});

describe('the list', () => {
  const long = (name: string, change: Partial<DriftIncident['metadata']> = {}) => {
    const incident = waitingIncident();
    return { ...incident, metadata: { ...incident.metadata, name, ...change } };
  };
  const resolved = exampleIncident();
  const failed = waitingIncident({ phase: 'Failed' });
  const quarantined = anIncident({ status: { phase: 'Quarantined' } });
  const held = waitingIncident({ phase: 'Held' }, { decision: { action: 'Hold', by: 'b', reason: 'r' } });

  test('has first what needs a person, then what is held, failed, runs, rests, is over', () => {
    const responding = anIncident({ status: { phase: 'Responding' } });
    const all = [resolved, quarantined, responding, failed, held, waitingIncident()];
    expect(rowsOf(all).map(({ phase }) => phase)).toEqual([
      'AwaitingApproval',
      'Held',
      'Failed',
      'Responding',
      'Quarantined',
      'Resolved',
    ]);
  });

  test('has the more severe first, then the older', () => {
    const mild = long('mild');
    mild.spec = { ...mild.spec, trigger: { ...mild.spec.trigger, severity: 'Warning' } };
    const young = long('young', { creationTimestamp: new Date(NOW + 1000).toISOString() });
    expect(rowsOf([mild, young, long('old')]).map(({ name }) => name)).toEqual(['old', 'young', 'mild']);
  });

  test.for([80, 100, 120, 160])('fits into %d columns, and says all the same what is waited for', (width) => {
    const text = listText(listing([waitingIncident(), resolved, quarantined]), { wide: false, width });
    expect(text.split('\n').filter((line) => line.length > width)).toEqual([]);
    expect(text).toContain(EXAMPLE_NAME);
    expect(text).toContain('! a person to approve (LastReadyCopy)');
  });

  test('has one line an incident where there is no terminal, with every column', () => {
    const lines = listText(listing([waitingIncident(), resolved]), { wide: false, width: undefined })
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^NAMESPACE +NAME +POD +SEVERITY +PHASE +REASON +AGE +WAITS FOR$/);
    expect(lines[1]).toContain(EXAMPLE_NAME);
    expect(lines[1]).toContain('! a person to approve');
  });

  test('says that there is none, and counts who needs a person', () => {
    expect(listText(listing([], { namespace: 'shop', onlyOpen: true }), WIDE)).toBe(
      'no open incidents in namespace shop\n',
    );
    expect(listText(listing([waitingIncident(), resolved]), WIDE)).toContain(
      '2 incidents, 1 needs a person (!)',
    );
  });

  test('names what it cannot read', async () => {
    const odd = { ...waitingIncident(), spec: { odd: true } };
    const client = {
      list: async () => ({ metadata: { resourceVersion: '1' }, items: [odd, waitingIncident()] }),
    };
    const { incidents, unreadable } = await readAll(client as never, 'shop', true);
    expect(incidents).toHaveLength(1);
    expect(unreadable).toMatchObject([{ namespace: 'shop', name: EXAMPLE_NAME }]);
    expect(listText(listing([], { unreadable }), WIDE)).toContain(`CANNOT BE READ  shop/${EXAMPLE_NAME}`);
  });

  test.for([
    [0, '0s'],
    [119_000, '119s'],
    [120_000, '2m'],
    [7_200_000, '2h'],
    [172_800_000, '2d'],
    [-5_000, '0s'],
  ] as const)('writes an age of %d ms as %s', ([ms, text]) => {
    expect(age(T0, NOW + ms)).toBe(text);
  });
});

describe('show', () => {
  test.for([80, 120])('wraps at %d columns, commands and names that are too long apart', (width) => {
    const text = showText(waitingIncident(), NOW, width);
    const over = text.split('\n').filter((line) => line.length > width);
    expect(over.filter((line) => line.trim().includes(' ') && !line.includes('die-operator '))).toEqual([]);
    expect(text).toContain(`    die-operator approve -n shop ${EXAMPLE_NAME} --reason TEXT\n`);
  });

  test('tells of an incident that went all the way what was detected, done, kept and put in its place', () => {
    const text = showText(exampleIncident(), NOW);
    for (const part of [
      'How it ended',
      'Detected',
      'Done so far',
      'Still open in its network',
      'Evidence',
      'cart-7x2lm',
    ])
      expect(text).toContain(part);
    expect(text).not.toContain('answer it with');
  });

  test('tells what was found, how sure the detector is of the pod, and what it advises', () => {
    const incident = exampleIncident();
    Object.assign(incident.spec.trigger.detection, {
      confidence: 'Low',
      message: 'a drift binary \u001b[31m',
      remediation: ['Look at the process.'],
    });
    const text = showText(incident, NOW);
    expect(text).toMatch(/found +a drift binary/);
    expect(text).toMatch(/confidence +Low: it names the pod/);
    expect(text).toMatch(/advice +Look at the process\./);
    expect(text).not.toContain('\u001b');
  });

  test('tells of a decision that the operator has not seen yet', () => {
    const incident = waitingIncident({}, { decision: { action: 'Deny', by: 'ann', reason: 'no' } });
    expect(showText(incident, NOW)).toContain('ann: no. Not seen by the operator yet');
  });

  test('as JSON has the incident and the commands', () => {
    const told = JSON.parse(showJson(waitingIncident(), NOW)) as {
      answers: object[];
      incident: DriftIncident;
    };
    expect(told.answers).toHaveLength(4);
    expect(told.incident.metadata.name).toBe(EXAMPLE_NAME);
  });
});
