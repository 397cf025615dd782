// Limits: of the source, of its tree, of the time it can take, and of the input it reads.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_DEPTH } from '../../../../src/decide/cel/check.ts';
import { MAX_SOURCE } from '../../../../src/decide/cel/condition.ts';
import { CONDITION_FIELDS, MAX_KEY, MAX_TEXT } from '../../../../src/decide/cel/input.ts';
import { compiled, entries, refusal, verdict } from './support.ts';

const TOO_LONG = /the condition can take too long/;
const TOO_DEEP = /nested (more than 48 levels deep|too deeply): split it/;

describe('the source', () => {
  test(`has at most ${MAX_SOURCE} characters`, () => {
    const padded = (length: number) => 'true'.padEnd(length);
    expect(compiled(padded(MAX_SOURCE)).source).toHaveLength(MAX_SOURCE);
    expect(refusal(padded(MAX_SOURCE + 1))).toBe(
      'a condition has at most 1024 characters: this one has 1025',
    );
  });

  test('may have as many terms as fit', () => {
    expect(verdict(`true${' && true'.repeat(127)}`)).toBe('True');
    expect(verdict(`pod.name in [${'"x", '.repeat(200)}"web-1"]`)).toBe('True');
  });

  test.each([
    ['parentheses', `${'('.repeat(500)}true${')'.repeat(500)}`],
    ['lists', `${'['.repeat(500)}${']'.repeat(500)} == []`],
    ['additions', `1${' + 1'.repeat(250)} > 0`],
    ['calls', `${'string('.repeat(100)}"a"${')'.repeat(100)} == "a"`],
    ['indexes', `pod.images${'[0'.repeat(200)}${']'.repeat(200)} == "a"`],
    ['alternatives', `${'true ? true : '.repeat(70)}true`],
  ])('of deep %s is refused', (_, source) => {
    expect(refusal(source)).toMatch(TOO_DEEP);
  });

  test('is as deep as the limit allows, and no deeper', () => {
    const sum = (terms: number) => `1${'+1'.repeat(terms)} > 0`;
    expect(verdict(sum(MAX_DEPTH - 2))).toBe('True');
    expect(refusal(sum(MAX_DEPTH - 1))).toMatch(TOO_DEEP);
  });
});

describe('comprehensions', () => {
  test('may stand within one other', () => {
    expect(verdict('pod.images.exists(i, detection.tags.all(t, t != i))')).toBe('True');
    expect(refusal('pod.images.all(i, pod.images.all(j, pod.images.all(k, true)))')).toMatch(
      /at most one comprehension can be within another/,
    );
  });

  test('may stand beside each other, as often as the time allows', () => {
    const term = 'detection.tags.exists(t, t == "T1059")';
    expect(verdict(Array.from({ length: 12 }, () => term).join(' && '))).toBe('True');
  });

  test.each([
    'pod.images.filter(i, true).exists(i, true)',
    'pod.images.map(i, pod.images).exists(l, l.exists(i, true))',
    '(pod.images + pod.images).exists(i, true)',
    '(pod.hostNetwork ? pod.images : detection.tags).exists(i, true)',
    '[pod.images][0].exists(i, true)',
  ])('%s: what is gone through is of a size that is known', (source) => {
    expect(refusal(source)).toMatch(/work on a list or map that a condition sees/);
  });
});

describe('the time that a condition can take', () => {
  test.each([
    'pod.labels.all(a, pod.labels.all(b, a != "x" && b != "y"))',
    'detection.fields.all(a, detection.fields.all(b, detection.fields[a].contains(detection.fields[b])))',
    'detection.fields.all(a, detection.fields.all(b, detection.fields[a].matches("x")))',
    'pod.images.all(i, detection.tags.all(t, detection.time.getHours("Europe/Berlin") > 1))',
    'detection.executable.matches("(.*a){250}$")',
    `pod.images.all(a, [pod.labels.map(k, k)].all(x, ${Array.from({ length: 6 }, () => 'x == x').join(' && ')}))`,
    Array.from(
      { length: 6 },
      () => 'detection.fields.all(k, detection.fields[k].contains(detection.rule))',
    ).join('||'),
    'pod.labels.map(a, pod.labels.map(b, b)) == pod.labels.map(a, pod.labels.map(b, b))',
    Array.from({ length: 20 }, (_, n) => `detection.rule.matches("(.*${n}){40}")`).join('||'),
    Array.from({ length: 20 }, () => 'pod.images.all(i,pod.images.all(j,i!=j))').join('||'),
  ])('%s is refused', (source) => {
    expect(refusal(source)).toMatch(TOO_LONG);
  });

  test.each([
    'pod.images.all(i, i.matches("^registry[.]example[.]com/"))',
    'detection.fields.exists(name, detection.fields[name].contains("xmrig"))',
    'detection.fields.exists(name, name.startsWith("k8s.") && detection.fields[name] == "x")',
    'detection.tags.exists(t, ["T1059", "T1105"].exists(known, t.startsWith(known)))',
    'pod.images.exists(a, pod.images.exists(b, a.startsWith(b)))',
  ])('%s is taken', (source) => {
    expect(verdict(source)).toMatch(/^(True|False)$/);
  });
});

describe('an input beyond its limits', () => {
  test('has its texts cut', () => {
    const executable = 'x'.repeat(MAX_TEXT + 1);
    const fields = { long: executable };
    const of = (path: string) =>
      verdict(`size(${path}) == ${MAX_TEXT}`, { detection: { executable, fields } });
    expect([of('detection.executable'), of('detection.fields.long')]).toEqual(['True', 'True']);
    expect(verdict('size(pod.images[0]) == 512', { pod: { images: ['x'.repeat(600)] } })).toBe('True');
  });

  test.each([
    ['detection.tags', CONDITION_FIELDS.detection.tags.size],
    ['pod.images', CONDITION_FIELDS.pod.images.size],
  ])('has no %s, as a part of them could make a wrong answer', (path, size) => {
    const of = (length: number) => {
      const texts = Array.from({ length }, () => 'x');
      return verdict(`${path}.all(each, each == "x")`, {
        detection: { tags: texts },
        pod: { images: texts },
      });
    };
    expect([of(size), of(size + 1)]).toEqual(['True', 'Error']);
  });

  test.each([
    ['detection.fields', CONDITION_FIELDS.detection.fields.size],
    ['pod.labels', CONDITION_FIELDS.pod.labels.size],
  ])('has no %s', (path, size) => {
    const of = (count: number) =>
      verdict(`!("x" in ${path})`, {
        detection: { fields: entries(count) },
        pod: { labels: entries(count) },
      });
    expect([of(size), of(size + 1)]).toEqual(['True', 'Error']);
  });

  test('has no labels where a key is longer than any of Kubernetes', () => {
    const of = (length: number) =>
      verdict('pod.labels.size() == 1', { pod: { labels: { ['k'.repeat(length)]: '' } } });
    expect([of(MAX_KEY), of(MAX_KEY + 1)]).toEqual(['True', 'Error']);
  });

  test.each(['', 'yesterday', '2026-13-01T00:00:00Z', '0000-01-01T00:00:00Z', '99999-01-01T00:00:00Z'])(
    'has no time where it is %j, and everything else is there',
    (time) => {
      const [always, late] = ['detection.time == detection.time', 'detection.priority == 2'].map((source) =>
        verdict(source, { detection: { time } }),
      );
      expect([always, late]).toEqual(['Error', 'True']);
    },
  );

  test('has its time to the nanosecond and in any zone', () => {
    const source = 'detection.time == timestamp("2026-11-22T23:30:00.123456789Z")';
    const of = (time: string) => verdict(source, { detection: { time } });
    expect(of('2026-11-23T01:30:00.123456789+02:00')).toBe('True');
    expect(of('2026-11-23T01:30:00.123456788+02:00')).toBe('False');
  });

  test('never changes which other fields there are', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), (tags, labels) => {
        const overrides = {
          detection: { tags: Array.from({ length: tags }, () => 'x') },
          pod: { labels: entries(labels) },
        };
        expect(verdict('pod.name == "web-1" && detection.rule != ""', overrides)).toBe('True');
      }),
      { numRuns: 20 },
    );
  });
});
