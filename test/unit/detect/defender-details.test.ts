// What an alert of Defender for Cloud tells besides: ours and the sender's fields, and paths of programs.
import { describe, expect, test } from 'vitest';
import { FIELD_LIMITS } from '../../../src/api/detection.ts';
import { anAlert, detectedIn, entities } from './defender-support.ts';

const fieldsOf = (change: object) => detectedIn(anAlert(change)).fields;
const process = { processId: '6787', commandLine: '/tmp/nc -l', type: 'process' };

describe('extended properties', () => {
  test.each(['commandLine', 'intent', 'processId', 'imageId', 'status', 'CommandLine'])(
    'do not speak in the place of %s where the alert is silent',
    (name) => {
      const change = { intent: undefined, status: undefined, entities: entities() };
      const fields = fieldsOf({ ...change, extendedProperties: { [name]: 'mine', other: 'kept' } });
      expect(fields).not.toHaveProperty([`defender.${name}`]);
      expect(fields['defender.other']).toBe('kept');
    },
  );

  test('push none of ours out, however many and however long they are', () => {
    const own = fieldsOf({ extendedProperties: {}, entities: entities(process) });
    expect(Object.keys(own)).toContain('defender.compromisedEntity');
    const many = (name: (n: number) => string, value: string) =>
      Object.fromEntries(Array.from({ length: 200 }, (_, n) => [name(n), value]));
    for (const extendedProperties of [
      many((n) => `${n}`, 'x'),
      many((n) => `${n}`, 'x'.repeat(2_000)),
      many((n) => `${n}`.padStart(39, 'n'), 'x'.repeat(2_000)),
    ]) {
      const fields = fieldsOf({ extendedProperties, entities: entities(process) });
      expect(fields).toMatchObject(own);
      const texts = Object.entries(fields);
      expect(texts.length).toBeLessThanOrEqual(FIELD_LIMITS.fields);
      expect(texts.length).toBeGreaterThan(Object.keys(own).length + 10);
      expect(texts.join('').length - texts.length).toBeLessThanOrEqual(FIELD_LIMITS.total);
      expect(texts.every(([, value]) => value !== '')).toBe(true);
    }
  });

  test('share what room is left: a long one pushes no short one out', () => {
    const extendedProperties = {
      a: 'x'.repeat(9_000),
      b: 'y'.repeat(9_000),
      c: 'z'.repeat(9_000),
      tail: 'kept',
    };
    const entity = { ...process, commandLine: 'c'.repeat(9_000) };
    const fields = fieldsOf({ extendedProperties, entities: entities(entity) });
    expect(fields['defender.commandLine']).toHaveLength(FIELD_LIMITS.value);
    expect(fields['defender.tail']).toBe('kept');
    const lengths = ['a', 'b', 'c'].map((name) => fields[`defender.${name}`]?.length ?? 0);
    expect(Math.min(...lengths)).toBeGreaterThan(700);
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
  });
});

describe('the path of a program', () => {
  const executableOf = (directory: string, name = 'nc') =>
    detectedIn(anAlert({ entities: entities({ directory, name, type: 'file' }) })).summary.executable;

  test.each([
    ['/tmp', '/tmp/nc'],
    ['/tmp/', '/tmp/nc'],
    [`/tmp${'/'.repeat(600)}`, '/tmp/nc'],
    ['/', '/nc'],
    ['/'.repeat(600), '/nc'],
    ['tmp', undefined],
  ])('is that of its directory %s', (directory, expected) => {
    expect(executableOf(directory)).toBe(expected);
  });

  // Where the work grows with the square of the length, this takes more than the time that a test has.
  test('is found by a work that is bounded by its length', () => {
    expect(executableOf(`${'/'.repeat(230_000)}x`)).toBe('/'.repeat(512));
  });
});
