// What a detection costs to match, with 1, 100 and 1,000 policies in its namespace. Limits are ratios of one run.
import { afterAll, describe, expect, test } from 'vitest';
import { unreadNamespace } from '../../src/api/namespace.ts';
import { matchPolicies } from '../../src/decide/match.ts';
import type { CompiledPolicy } from '../../src/decide/policies.ts';
import type { Rulebook } from '../../src/decide/rulebook.ts';
import { aDetection, aPod, NOW } from '../support/builders.ts';
import { rulebookOf } from '../support/matched.ts';
import { policy } from '../unit/decide/builders.ts';

const SIZES = [1, 100, 1_000] as const;
const WARM_UP_MS = 200;
const MEASURE_MS = 400;
const SPACE = unreadNamespace('shop');
const SIGHTING = { detection: aDetection({ containerName: 'web' }), pod: aPod(), at: NOW };
const RUNGS = [
  { name: 'note', minSeverity: 'Notice', actions: ['Label'] },
  { name: 'replace', minSeverity: 'Error', rules: ['DIE *'], actions: ['Isolate', 'Capture', 'Evict'] },
];

const lines: string[] = [];
afterAll(() => process.stdout.write(`${lines.join('\n')}\n`));

/** One policy about the pod, the others about pods with another value of the same label. */
function oneOf(count: number): CompiledPolicy[] {
  return Array.from({ length: count }, (_, n) => {
    const app = n === 0 ? 'web' : `app-${n}`;
    const match = { podSelector: { matchLabels: { app } } };
    return policy({ match, responses: RUNGS }, { name: `p${n}`, uid: `p${n}` });
  });
}

/** All policies about the pod. */
function allOf(count: number): CompiledPolicy[] {
  return Array.from({ length: count }, (_, n) =>
    policy({ responses: RUNGS }, { name: `p${n}`, uid: `p${n}` }),
  );
}

/** All about the pod, each with a condition. */
function conditionsOf(count: number): CompiledPolicy[] {
  const condition = 'detection.priority <= 2 && pod.labels["app"] == "web"';
  return Array.from({ length: count }, (_, n) =>
    policy({ responses: RUNGS.map((rung) => ({ ...rung, condition })) }, { name: `p${n}`, uid: `p${n}` }),
  );
}

/** Microseconds of one match. */
function cost(book: Rulebook): number {
  run(book, WARM_UP_MS);
  const { runs, tookMs } = run(book, MEASURE_MS);
  return (tookMs * 1000) / runs;
}

function run(book: Rulebook, forMs: number): { runs: number; tookMs: number } {
  const started = performance.now();
  let runs = 0;
  while (performance.now() - started < forMs) {
    matchPolicies(book, SIGHTING);
    runs += 1;
  }
  return { runs, tookMs: performance.now() - started };
}

describe('a match', () => {
  test.each([
    // A namespace full of other people's policies must cost next to nothing.
    { what: 'one of them is about the pod', made: oneOf, limit: 20 },
    // Each that answers is part of the response: a little more than in proportion.
    { what: 'all are about the pod', made: allOf, limit: 5_000 },
    { what: 'all are about the pod, with a condition a rung', made: conditionsOf, limit: 5_000 },
  ])(
    'with 1,000 policies, $what, costs at most $limit times one with a single policy',
    ({ what, made, limit }) => {
      const costs = SIZES.map((size) => ({ size, us: cost(rulebookOf(made(size), SPACE)) }));
      lines.push(
        `match, ${what}: ${costs.map(({ size, us }) => `${size} policies ${us.toFixed(1)} us`).join(', ')}`,
      );
      const [single, , thousand] = costs;
      expect((thousand?.us ?? Infinity) / (single?.us ?? 1)).toBeLessThan(limit);
    },
  );

  test('finds its policies anew after a change in less time than compiling them takes', () => {
    const started = performance.now();
    const policies = oneOf(1_000);
    const compiled = performance.now();
    rulebookOf(policies, SPACE);
    const indexed = performance.now();
    lines.push(
      `1,000 policies: compiled in ${(compiled - started).toFixed(1)} ms, indexed in ${(indexed - compiled).toFixed(1)} ms`,
    );
    expect(indexed - compiled).toBeLessThan(compiled - started);
  });
});
