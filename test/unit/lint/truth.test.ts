// What is said to be always or never true is so for every detection, by the evaluator that answers alerts.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SEVERITIES, severityRank } from '../../../src/api/severity.ts';
import { compileCondition } from '../../../src/decide/cel/condition.ts';
import { conditionInput } from '../../../src/decide/cel/input.ts';
import { truthOf } from '../../../src/lint/truth.ts';
import { detection, pod } from '../decide/builders.ts';

test.each<[condition: string, truth: ReturnType<typeof truthOf>]>([
  ['true', 'Always'],
  ['false', 'Never'],
  ['1 == 2', 'Never'],
  ['detection.source == "Falco"', 'Depends'],
  ['detection.source in ["Falco", "Filesystem", "Digest", "Configuration", "Defender"]', 'Always'],
  ['detection.source == "falco"', 'Never'],
  ['detection.severity == "ERROR"', 'Never'],
  ['detection.severity in ["Error", "Critical", "Alert", "Emergency"]', 'Always'],
  ['detection.severity in []', 'Never'],
  ['!(detection.severity in ["Notice"])', 'Always'],
  ['detection.priority <= 3', 'Always'],
  ['detection.priority > 3', 'Never'],
  ['detection.priority == 2', 'Depends'],
  ['pod.hostNetwork && false', 'Never'],
  ['pod.hostNetwork || true', 'Always'],
  ['pod.hostNetwork', 'Depends'],
  ['pod.hostNetwork ? false : false', 'Depends'],
  ['detection.source == "Falco" ? pod.hostNetwork : true', 'Depends'],
  ['detection.source == "Falco" ? false : true', 'Depends'],
  ['detection.source == "" ? true : false', 'Never'],
  ['detection.fields["a"] == "b"', 'Depends'],
  ['pod.images.exists(i, true)', 'Depends'],
  ['detection.severity in pod.images', 'Depends'],
])('%s from Error on: %s', (condition, truth) => {
  expect(compileCondition(condition).ok).toBe(true);
  expect(truthOf(condition, 'Error')).toBe(truth);
});

const leaf = fc.constantFrom(
  'true',
  'false',
  'detection.severity == "Error"',
  'detection.severity != "Critical"',
  'detection.severity in ["Alert", "Emergency"]',
  'detection.priority < 3',
  'detection.priority >= 1',
  'detection.source == "Falco"',
  'pod.hostNetwork',
  'detection.fields["x"] == "y"',
);
const { condition: conditions } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    tie('condition').map((a) => `!(${a})`),
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a}) && (${b})`),
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a}) || (${b})`),
    fc
      .tuple(tie('condition'), tie('condition'), tie('condition'))
      .map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`),
  ),
}));

test('never disagrees with the evaluator', () => {
  fc.assert(
    fc.property(
      conditions.filter(({ length }) => length <= 1024),
      fc.constantFrom(...SEVERITIES),
      (source, minSeverity) => {
        const compiled = compileCondition(source);
        if (!compiled.ok) throw new Error(compiled.message);
        const inputs = SEVERITIES.slice(severityRank(minSeverity)).flatMap((severity) =>
          [true, false].map((hostNetwork) =>
            conditionInput(detection({ severity }), pod({ hostNetwork }), undefined),
          ),
        );
        const verdicts = inputs.map((input) => compiled.condition.evaluate(input));
        const truth = truthOf(source, minSeverity);
        const holds = {
          Always: verdicts.every((verdict) => verdict === 'True'),
          Never: !verdicts.includes('True'),
          Depends: true,
        };
        expect(holds[truth], `${truth}: ${verdicts.join()}`).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});
