// Functions and types: what conditions do not have, and what would never hold, is refused when they are compiled.
import { describe, expect, test } from 'vitest';
import { refusal, verdict } from './support.ts';

describe('what must yield bool', () => {
  test.each([
    ['pod.name', 'string'],
    ['detection.priority', 'int'],
    ['detection.time', 'timestamp'],
    ['duration("1h")', 'duration'],
    ['pod.images', 'list<string>'],
    ['[]', 'list<never>'],
    ['[[1]]', 'list<list<int>>'],
    ['pod.labels', 'map<string>'],
    ['pod.images.map(i, i.size())', 'list<int>'],
    ['pod', 'pod'],
  ])('%s is refused, as it yields %s', (source, type) => {
    expect(refusal(source)).toContain(`a condition must yield bool, this yields ${type}`);
  });
});

describe('types that do not fit', () => {
  test.each([
    ['1 + "a" == 2', 'at character 3: `+` cannot be used with int and string'],
    ['detection.priority == "Critical"', 'at character 20: `==` cannot be used with int and string'],
    ['detection.severity <= "Error"', 'at character 20: `<=` cannot be used with string and string'],
    ['"7" in [1, 2]', 'at character 5: `in` cannot be used with string and list<int>'],
    ['1 in pod.labels', 'at character 3: `in` cannot be used with int and map<string>'],
    ['pod.images["a"] == "a"', 'at character 11: `[]` cannot be used with list<string> and string'],
    ['pod.labels[0] == "a"', 'at character 11: `[]` cannot be used with map<string> and int'],
    ['!pod.name', 'at character 1: `!` cannot be used with string'],
    ['-pod.name == 1', 'at character 1: `-` cannot be used with string'],
    ['pod.name && true', 'at character 1: `&&` cannot be used with string and bool'],
    ['pod.hostNetwork ? 1 : "a"', 'at character 1: `?:` cannot be used with bool, int and string'],
    ['detection.time > "2026"', 'at character 16: `>` cannot be used with timestamp and string'],
    ['detection.time + detection.time > detection.time', 'cannot be used with timestamp and timestamp'],
    ['pod.images.all(i, i)', '`&&` cannot be used with bool and string'],
    ['pod.images.exists_one(i, 1)', '`?:` cannot be used with int, int and int'],
    ['pod.images == ["a", 1]', 'the elements of a list must be of one type: these are string and int'],
    ['pod.images == [1]', 'cannot be used with list<string> and list<int>'],
    ['int(pod.name, pod.uid) == 1', '`int` cannot be used with string and string'],
    ['pod.name.size(1) == 1', '`size` cannot be used with string and int'],
    ['size() == 1', '`size` cannot be used with '],
    ['size(1) == 1', '`size` cannot be used with int'],
    ['detection.priority.matches("a")', '`matches` cannot be used with int and string'],
  ])('%s', (source, message) => {
    expect(refusal(source)).toContain(message);
  });

  test.each(['pod.name.exists(c, true)', 'detection.priority.all(c, true)', '"a".map(c, c) == []'])(
    '%s: what is no list is not gone through',
    (source) => {
      expect(refusal(source)).toMatch(/exists, exists_one, all, filter and map work on a list or map/);
    },
  );
});

describe('a function that is not there', () => {
  test('is refused with those that are', () => {
    const message = refusal('pod.name.lowerAscii() == "x"');
    expect(message).toMatch(
      /^at character 9: unknown function `lowerAscii`: a condition has the operators of CEL/,
    );
    for (const name of ['has', 'exists', 'size', 'startsWith', 'matches', 'timestamp', 'getHours']) {
      expect(message).toContain(name);
    }
  });

  test.each([
    'uint("1")',
    'double("1")',
    'bytes("1")',
    'bool("1")',
    'dyn(1)',
    'type(1)',
    'constructor("1")',
    '__proto__()',
    'pod.name.toString()',
    'pod.name.constructor("x")',
    'detection.time.getDayOfYear()',
    'detection.time.getMilliseconds()',
    'pod.name.replace("a", "b")',
    'pod.name.format([1])',
  ])('%s', (call) => {
    expect(refusal(`${call} == 1`)).toMatch(/unknown function/);
  });

  test('is not made of a field and a method', () => {
    expect(refusal('pod.name() == "x"')).toMatch(/unknown function `name`/);
    expect(refusal('detection.int("1") == 1')).toMatch(/`int` is written as int\(x\)/);
  });

  test.each([
    ['startsWith("a", "b")', 'written as x.startsWith(y)'],
    ['pod.name.string() == "a"', 'written as string(x)'],
    ['pod.images.exists("i", true)', 'exists takes a variable and an expression, as in pod.images.exists('],
    ['pod.images.exists(i.x, true)', 'exists takes a variable and an expression'],
    ['pod.images.map(i)', 'map takes a variable and an expression'],
    ['exists(pod.images, true)', 'exists takes a variable and an expression'],
    ['has(pod.labels["app"])', 'has takes a field or a key, as in has(pod.labels.app)'],
    ['timestamp(5) == detection.time', '`timestamp` cannot be used with int'],
    ['int(duration("1h")) == 3600', '`int` cannot be used with duration'],
  ])('%s is told how it is written', (source, message) => {
    expect(refusal(source)).toContain(message);
  });
});

describe('what cannot be written', () => {
  test.each([
    '{"a": 1}["a"] == 1',
    'google.protobuf.Timestamp{seconds: 1} == detection.time',
    '{} == {}',
    'X{}.y',
  ])('%s: maps and messages are not made', (source) => {
    expect(refusal(source)).toMatch(/maps and messages cannot be made in a condition/);
  });

  test.each(['null == null', 'pod.name == null', '1u == 1u', '1.5 > 1.0', '1e3 == 1000.0', 'b"a" == b"a"'])(
    '%s: only strings, whole numbers, true and false are',
    (source) => {
      expect(refusal(source)).toMatch(/only strings, whole numbers, true and false can be written/);
    },
  );

  test.each(['9223372036854775808', '-9223372036854775809', `0x${'f'.repeat(16)}`])(
    '%s: a number is of 64 bits',
    (number) => {
      expect(refusal(`detection.priority < ${number}`)).toMatch(/is no 64-bit integer/);
    },
  );

  test.each([
    'pod.?name == "x"',
    'pod.labels[?"x"] == "y"',
    'pod.labels.`a/b` == "x"',
    '"a" "b"',
    'pod.name &&',
    '',
  ])('%s: a text that is no CEL is told where it ends to be', (source) => {
    expect(refusal(source)).toMatch(/^at line 1, character \d+: this is no expression in CEL: found /);
  });

  test('what is told of a text that is no CEL shows no control characters and no half of a character', () => {
    for (const source of ['\u0000', 'true \u001b[31m', '\ud800', '\u202e']) {
      expect(refusal(source)).not.toMatch(/\p{C}/u);
    }
  });
});

describe('a call of what is written out', () => {
  test.each([
    ['duration("1d") < duration("1h")', 'at character 1: Failed to parse duration'],
    ['detection.time > timestamp("22 Nov")', 'at character 18: Failed to parse timestamp'],
    ['int("0x10") == 16', 'at character 1: int() takes decimal digits'],
    ['detection.priority == 1 || 1 / 0 == 1', 'int divide by zero'],
    ['9223372036854775807 + 1 > 0', 'int overflow'],
    ['detection.time.getHours("Mars/Base") == 1', 'Invalid time zone specified: Mars/Base'],
  ])('%s is refused, as it always fails', (source, message) => {
    expect(refusal(source)).toContain(message);
  });

  test('a time zone is written out, never text of an alert', () => {
    expect(refusal('detection.time.getHours(pod.name) == 1')).toMatch(/a time zone must be written out/);
  });
});

describe('int()', () => {
  test.each([
    ['', 'Error'],
    [' 7', 'Error'],
    ['0x7', 'Error'],
    ['+7', 'Error'],
    ['7.0', 'Error'],
    ['9223372036854775808', 'Error'],
    ['9'.repeat(1024), 'Error'],
    ['7', 'True'],
    ['007', 'True'],
    ['-7', 'False'],
  ] as const)('takes decimal digits only: %j is %s', (text, expected) => {
    expect(verdict('int(detection.executable) == 7', { detection: { executable: text } })).toBe(expected);
  });
});
