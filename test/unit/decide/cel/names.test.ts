// Names: what is not of the table is refused when the condition is compiled, and JavaScript's own names mean nothing.
import { describe, expect, test } from 'vitest';
import { CONDITION_FIELDS, type ConditionField } from '../../../../src/decide/cel/input.ts';
import { compiled, input, refusal, verdict } from './support.ts';

const OF_PROTOTYPES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];

describe('a name', () => {
  test('that is unknown is refused with those that are known', () => {
    expect(refusal('true && pd.name == "x"')).toBe(
      'at character 9: unknown name `pd`: a condition sees detection, pod, container and workload',
    );
  });

  test.each(['int', 'string', 'google.protobuf.Timestamp', 'a.b.c', 'x == y', ...OF_PROTOTYPES])(
    '%s is refused',
    (name) => {
      expect(refusal(`${name} == "x"`)).toMatch(/unknown name/);
      expect(refusal(`pod.images.exists(i, i == ${name})`)).toMatch(/unknown name/);
    },
  );

  test('of a variable is known within its comprehension only', () => {
    expect(verdict('pod.images.exists(image, image == "nginx:1.27")')).toBe('True');
    expect(refusal('pod.images.exists(image, true) && image == "x"')).toMatch(/unknown name `image`/);
    expect(refusal('[image].exists(image, true)')).toMatch(/unknown name `image`/);
  });

  test('of something else is refused for a variable', () => {
    expect(refusal('pod.images.exists(pod, pod == "x")')).toMatch(/`pod` is the name of something else/);
    expect(refusal('pod.images.all(i, detection.tags.all(i, i == "x"))')).toMatch(/`i` is the name/);
  });

  test.each(OF_PROTOTYPES)('%s is taken for a variable, and means that', (name) => {
    expect(verdict(`pod.images.exists(${name}, ${name} == "nginx:1.27")`)).toBe('True');
    expect(verdict(`pod.images.exists(${name}, ${name} == "other")`)).toBe('False');
  });

  test.each(Object.keys(CONDITION_FIELDS))('%s alone is no value', (root) => {
    expect(refusal(root)).toMatch(/must yield bool/);
    for (const source of [
      `${root} == ${root}`,
      `[${root}] == []`,
      `size(${root}) == 1`,
      `"name" in ${root}`,
    ]) {
      expect(refusal(source)).toContain(`\`${root}\` is no value: use a field of it, which are `);
    }
    expect(refusal(`has(${root})`)).toMatch(/has takes a field/);
  });
});

describe('a field', () => {
  test('that is unknown is refused with those that are known', () => {
    expect(refusal('workload.nam == "x"')).toBe(
      'at character 9: unknown field `workload.nam`: workload has apiVersion, kind and name',
    );
  });

  test.each(OF_PROTOTYPES)('%s is refused, also in has()', (name) => {
    for (const root of Object.keys(CONDITION_FIELDS)) {
      expect(refusal(`${root}.${name} == "x"`)).toContain(`unknown field \`${root}.${name}\``);
      expect(refusal(`has(${root}.${name})`)).toContain(`unknown field \`${root}.${name}\``);
    }
  });

  test('of a string, a number, a list or a time is refused', () => {
    for (const value of [
      'pod.name',
      'pod.labels.app',
      'pod.images',
      'detection.priority',
      'detection.time',
    ]) {
      expect(refusal(`${value}.x == "x"`)).toMatch(/has no fields, so no `x`/);
      expect(refusal(`has(${value}.x)`)).toMatch(/has no fields, so no `x`/);
    }
  });

  test('cannot be reached by an index', () => {
    expect(refusal('pod["name"] == "x"')).toMatch(/`pod` is no value/);
  });

  test.each(
    Object.entries(CONDITION_FIELDS).flatMap(([root, fields]) =>
      Object.entries<ConditionField>(fields).map(([name, { type }]) => [`${root}.${name}`, type] as const),
    ),
  )('%s has the type %s, and is there when everything is empty', (path, type) => {
    const { detection, pod, container, workload } = input();
    const blank = <T extends object>(fields: T) =>
      Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [
          name,
          typeof value === 'string' ? '' : Array.isArray(value) ? [] : typeof value === 'object' ? {} : value,
        ]),
      ) as T;
    const holds = {
      string: `${path} == "" && size(${path}) == 0`,
      int: `${path} >= 0`,
      bool: `!${path}`,
      timestamp: `${path}.getFullYear() == 2026`,
      'list<string>': `${path} == [] && !("a" in ${path})`,
      'map<string>': `size(${path}) == 0 && !("a" in ${path})`,
    }[type];
    const empty = {
      detection: { ...blank(detection), time: detection.time },
      pod: blank(pod),
      container: blank(container),
      workload: blank(workload),
    };
    expect(compiled(holds).evaluate(empty)).toBe('True');
  });
});

describe('a key of a map', () => {
  test.each(OF_PROTOTYPES)('%s is absent unless it is really there', (key) => {
    for (const path of ['pod.labels', 'detection.fields']) {
      expect(verdict(`"${key}" in ${path}`)).toBe('False');
      expect(verdict(`has(${path}.${key})`)).toBe('False');
      expect(verdict(`${path}.${key} == "x" || true`)).toBe('True');
      expect(verdict(`${path}["${key}"] != "x"`)).toBe('Error');
    }
  });

  test.each(OF_PROTOTYPES)('%s is a key like others where it is really there', (key) => {
    const labels = JSON.parse(`{${JSON.stringify(key)}: "yes"}`) as Record<string, string>;
    for (const source of [
      `pod.labels["${key}"] == "yes"`,
      `pod.labels.${key} == "yes"`,
      `has(pod.labels.${key})`,
      `pod.labels.exists(k, k == "${key}")`,
    ]) {
      expect(verdict(source, { pod: { labels } })).toBe('True');
    }
  });

  test('counts as there when its value is empty', () => {
    const pod = { labels: { empty: '' } };
    expect(verdict('has(pod.labels.empty) && "empty" in pod.labels', { pod })).toBe('True');
  });
});
