// The text of an explanation: compact, aligned, and safe to look at whoever wrote the objects.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hanging, table } from '../../../src/explain/layout.ts';
import { explanationText } from '../../../src/explain/text.ts';
import { visible, visibleJson } from '../../../src/explain/visible.ts';
import { anIncident, aPod } from '../../support/builders.ts';
import { anAlert, explained, stored, storedForCluster } from './support.ts';

const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const withoutBreaks = (text: string) => text.replaceAll('\n', '');
const textOf = (...given: Parameters<typeof explained>) => explanationText(explained(...given));

describe('the text', () => {
  test('of a usual pod has no more than 60 lines, none wider than the pod’s own words', () => {
    const lines = textOf([stored('web', { mode: 'Enforce' }), storedForCluster('base')]).split('\n');
    expect(lines.length).toBeLessThanOrEqual(60);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(130);
    expect(lines.filter((line) => /\s$/.test(line))).toEqual([]);
  });

  test('says on the first line which pod it is about, whose it is and how it is', () => {
    expect(textOf([]).split('\n')[0]).toBe(
      'Pod shop/web-1, of ReplicaSet web-5d4 (Running, Ready, on node-1)',
    );
    const bare = aPod({ ownerReferences: [], ready: false });
    expect(textOf([], { subject: { pod: bare } })).toContain('bare, no controller (Running, not Ready');
  });

  test('says so where there are no policies', () => {
    expect(textOf([])).toContain('Policies: none, so that no alert is answered');
  });

  test('shows protection first, and then promises nothing', () => {
    const text = textOf([stored('web', { mode: 'Enforce' })], { subject: { pod: aPod({ mirror: true }) } });
    expect(text).toContain('PROTECTED');
    expect(text).not.toContain('What is done');
    expect(text).not.toContain('What alerts meet');
  });

  test('lists of many policies that do not match the first twenty', () => {
    const many = Array.from({ length: 50 }, (_, index) => stored(`p${index}`, { match: { images: ['x'] } }));
    const text = textOf([...many, stored('web')]);
    expect(text.match(/no match/g)).toHaveLength(20);
    expect(text).toContain('and 30 more that do not match: -o json has all');
    expect(text).toContain('dp/web');
  });

  test('lets severities with the same answer share a row, and says what a rung needs', () => {
    const responses = [
      { name: 'note', minSeverity: 'Notice', actions: ['Label'] },
      { name: 'tagged', minSeverity: 'Alert', tags: ['a*'], actions: ['Evict'] },
      { name: 'again', minSeverity: 'Alert', tags: ['a*'], actions: ['Capture'] },
    ];
    const text = textOf([stored('web', { mode: 'Enforce', responses })]);
    expect(text).toMatch(
      /any +Emergency\.\.Alert +Label \(Capture\) \(Evict\) +dp\/web note tagged\[1\] again\[1\]/,
    );
    expect(text).toMatch(/any +Critical\.\.Notice +Label +dp\/web note/);
    expect(text).toMatch(/any +Informational\.\.Debug +- +none: no incident/);
    expect(text).toContain('[1]  only if the alert has a tag that matches "a*"');
    expect(text).not.toContain('ONLY RECORDED');
  });

  test('names break-glass and an open incident beside the pod', () => {
    const pod = aPod({ breakGlassUntil: '2026-11-22T01:00:00Z' });
    const text = textOf([stored('web')], { subject: { pod, incident: anIncident() } });
    expect(text).toContain('break-glass    until 2026-11-22T01:00:00Z: not honoured: no ClusterDriftPolicy');
    expect(text).toContain('incident       web-1-abcdef0123-1');
  });

  test('says that an alert is not of this pod before it says what it would meet', () => {
    const alert = { ...anAlert(), identified: { ok: false, message: 'another node' } };
    expect(textOf([stored('web')], { alert })).toContain('NOT OF THIS POD: another node; if it were:');
  });

  test.for([
    ['no rung', { minSeverity: 'Emergency' }, '=> nothing: no rung is met, so that no incident is opened'],
    ['a rung', {}, '=> only recorded: Label'],
  ] as const)('ends an alert that meets %s with what comes of it', ([, change, outcome]) => {
    const responses = [{ name: 'n', actions: ['Label'], ...change }];
    expect(textOf([stored('web', { responses })], { alert: anAlert() })).toContain(outcome);
  });
});

describe('texts of others', () => {
  const HOSTILE = '\u001b[2J\u202egnp\nfake\u009b31m\u{e0001}';
  const policies = [
    stored('web', {
      exceptions: [{ name: 'known', image: '*', reason: HOSTILE, expires: '2027-01-01T00:00:00Z' }],
      responses: [{ name: 'n', actions: ['Label'], tags: ['a'], condition: 'pod.name == "\u202e"' }],
    }),
    stored(HOSTILE),
  ];
  const [container] = aPod().containers;
  const pod = aPod({ containers: container ? [{ ...container, image: HOSTILE }] : [], nodeName: HOSTILE });
  const said = explained(policies, {
    alert: anAlert({ rule: HOSTILE }, { tags: [HOSTILE] }),
    subject: { pod },
  });

  test('never reach the terminal raw, as text or as JSON', () => {
    for (const text of [explanationText(said), visibleJson(said)])
      expect(withoutBreaks(text)).not.toMatch(DECEPTIVE);
    expect(explanationText(said)).toContain('\\u{1b}[2J\\u{202e}gnp\\u{a}fake\\u{9b}31m\\u{e0001}');
  });

  test('are whole for programs', () => {
    expect(JSON.parse(visibleJson(said))).toEqual(said);
  });

  test('are safe whatever they are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
        const all = { value, [text]: text };
        expect(JSON.stringify(visible(all))).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]|[\u0080-\u009f]/u);
        expect(withoutBreaks(visibleJson(all))).not.toMatch(DECEPTIVE);
        expect(JSON.parse(visibleJson(all))).toEqual(JSON.parse(JSON.stringify(all)));
      }),
    );
  });
});

describe('the layout', () => {
  test('aligns columns and wraps the last one below itself', () => {
    const long = 'word '.repeat(30).trim();
    const [first = '', second = '', third = ''] = table([
      ['a', 'bbb', long],
      ['aaa', 'b', 'short'],
    ]);
    expect(first).toMatch(/^ {2}a {4}bbb {2}word/);
    expect(second).toMatch(/^ {12}word/);
    expect(third).toBe('  aaa  b    short');
    expect(first.length).toBeLessThanOrEqual(110);
  });

  test('keeps a word that is too long whole', () => {
    const word = 'x'.repeat(200);
    expect(hanging('> ', `a ${word} b`)).toEqual(['> a', `  ${word}`, '  b']);
  });

  test('cuts a cell that would push the others aside, and never the last one', () => {
    const [line = ''] = table([['x'.repeat(100), 'b', 'y'.repeat(100)]]);
    expect(line).toBe(`  ${'x'.repeat(59)}…  b  ${'y'.repeat(100)}`);
  });

  test('of nothing is nothing', () => {
    expect(table([])).toEqual([]);
  });
});
