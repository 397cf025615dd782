// Names and subjects of NATS.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers, nameFault, overlap, patternFault } from '../../../../src/detect/stream/subjects.ts';

/** Whether a plain subject is taken in, as the documentation of NATS has it: the plainest way to say it. */
function matches(pattern: string, subject: string): boolean {
  const [first = '', ...rest] = pattern.split('.');
  const [head, ...tail] = subject.split('.');
  if (head === undefined || head === '') return false;
  if (first === '>') return true;
  if (first !== '*' && first !== head) return false;
  if (rest.length === 0) return tail.length === 0;
  return tail.length > 0 && matches(rest.join('.'), tail.join('.'));
}

const token = fc.constantFrom('a', 'b', 'falco');
const pattern = fc
  .tuple(fc.array(fc.oneof(token, fc.constant('*')), { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([tokens, open]) => [...tokens, ...(open ? ['>'] : [])].join('.'));
const subject = fc.array(token, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join('.'));

describe('a name', () => {
  it.each(['FALCO', 'die-operator', 'a_1', 'x'.repeat(64)])('may be %s', (name) => {
    expect(nameFault(name)).toBeUndefined();
  });

  it.each(['', 'a.b', 'a b', 'a*', '>', 'a/b', '$JS', 'x'.repeat(65), 'ä', 'a\n'])(
    'may not be %j',
    (name) => {
      expect(nameFault(name)).toMatch(/^must be 1 to 64/);
    },
  );
});

describe('a subject', () => {
  it.each(['falco.>', 'falco.*.drift', 'falco', '>', '*', 'a.*.>', 'tenant-1.falco.>'])(
    'may be %s',
    (text) => {
      expect(patternFault(text)).toBeUndefined();
    },
  );

  it.each(['', '.', 'falco.', '.falco', 'a..b', 'a.>.b', 'a b', 'fal*co', 'a.>>', 'a\r\nPUB x', 'ä', 'a\tb'])(
    'may not be %j',
    (text) => {
      expect(patternFault(text)).toMatch(/^must be tokens/);
    },
  );

  it('has a limit', () => {
    expect(patternFault('x'.repeat(257))).toMatch(/at most 256/);
  });
});

describe('a pattern covers another', () => {
  it.each([
    ['falco.>', 'falco.>', true],
    ['falco.>', 'falco.*.>', true],
    ['>', 'falco.>', true],
    ['falco.*.*', 'falco.error.*', true],
    ['falco.error', 'falco.error', true],
    ['falco.>', 'falco', false],
    ['falco', 'falco.>', false],
    ['falco.*', 'falco.>', false],
    ['falco.*', 'falco.a.b', false],
    ['falco.error.>', 'falco.>', false],
    ['falco.error', 'falco.*', false],
  ])('%s, %s: %s', (outer, inner, expected) => {
    expect(covers(outer, inner)).toBe(expected);
  });

  it('only if it takes in every subject of it', () => {
    fc.assert(
      fc.property(pattern, pattern, subject, (outer, inner, plain) => {
        fc.pre(covers(outer, inner) && matches(inner, plain));
        expect(matches(outer, plain)).toBe(true);
      }),
    );
  });

  it('a plain subject exactly when it takes it in', () => {
    fc.assert(
      fc.property(pattern, subject, (outer, plain) => {
        expect(covers(outer, plain)).toBe(matches(outer, plain));
      }),
    );
  });
});

describe('two patterns overlap', () => {
  it.each([
    ['falco.>', 'die-operator.>', false],
    ['>', 'die-operator.dead-letters.>', true],
    ['*.dead-letters.>', 'die-operator.dead-letters.>', true],
    ['die-operator.>', 'die-operator.dead-letters.>', true],
    ['die-operator.*', 'die-operator.dead-letters.>', false],
    ['die-operator', 'die-operator.>', false],
    ['a.*', '*.b', true],
    ['a.b', 'a.c', false],
  ])('%s, %s: %s', (one, other, expected) => {
    expect(overlap(one, other)).toBe(expected);
    expect(overlap(other, one)).toBe(expected);
  });

  it('whenever some subject is in both', () => {
    fc.assert(
      fc.property(pattern, pattern, subject, (one, other, plain) => {
        fc.pre(matches(one, plain) && matches(other, plain));
        expect(overlap(one, other)).toBe(true);
      }),
    );
  });
});
