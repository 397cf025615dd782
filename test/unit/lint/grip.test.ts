// Lint against the evaluator that answers alerts: where a process can make the difference by its own text, lint says so.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileCondition, type Condition } from '../../../src/decide/cel/condition.ts';
import { conditionInput } from '../../../src/decide/cel/input.ts';
import { expressionOf } from '../../../src/lint/expression.ts';
import { gripOn } from '../../../src/lint/grip.ts';
import { container, detection, pod } from '../decide/builders.ts';

// What is true of an attacker: the program was dropped, and it is not the file that the conditions name.
const PATHS = ['/tmp/x', '/opt/agent/x', '/tmp/agent'];
const NAMES = ['x', 'agent'];
const CONTAINERS = ['app', 'side'];

const path = 'detection.fields["proc.exepath"]';
const name = 'detection.fields["proc.name"]';
const fact = 'detection.fields["proc.is_exe_upper_layer"]';
const LEAVES = [
  `${path}.startsWith("/opt/agent/")`,
  `${path}.endsWith("/agent")`,
  `${path}.matches("^/opt/agent/.*$")`,
  `${path}.matches("^/opt/agent/agent$")`,
  `${path} == "/opt/agent/agent"`,
  `${path} in ["/opt/agent/agent", "/opt/agent/updater"]`,
  'detection.executable.contains("agent")',
  'detection.executable != "/opt/agent/agent"',
  `${name} == "agent"`,
  `${name} != "agent"`,
  `${name} in ["agent"]`,
  `["agent", "updater"].exists(n, n == ${name})`,
  `${fact} == "false"`,
  `${fact} == "true"`,
  `${fact} != "false"`,
  'container.name == "app"',
  'detection.rule == "DIE Drift"',
];
const { condition: conditions } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...LEAVES),
    tie('condition').map((a) => `!(${a})`),
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a}) && (${b})`),
    fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a}) || (${b})`),
    fc
      .tuple(tie('condition'), tie('condition'), tie('condition'))
      .map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`),
  ),
}));

function compile(source: string): Condition {
  const compiled = compileCondition(source);
  if (!compiled.ok) throw new Error(compiled.message);
  return compiled.condition;
}

/** Whether the condition holds for a dropped program that calls itself so, in such a container, which tells the rule. */
function holds(condition: Condition, exepath: string, comm: string, where: string): boolean {
  const seen = {
    ...detection({ executable: exepath, rule: where === 'app' ? 'DIE Drift' : 'other' }),
    fields: { 'proc.exepath': exepath, 'proc.name': comm, 'proc.is_exe_upper_layer': 'true' },
  };
  return condition.evaluate(conditionInput(seen, pod(), container({ name: where }))) === 'True';
}

const every = PATHS.flatMap((exepath) =>
  NAMES.flatMap((comm) => CONTAINERS.map((where) => ({ exepath, comm, where }))),
);

test('what a process can make true by its own text is Chosen', () => {
  fc.assert(
    fc.property(
      conditions.filter(({ length }) => length <= 1024),
      fc.boolean(),
      (source, wanted) => {
        const condition = compile(source);
        const met = every.filter(
          ({ exepath, comm, where }) => holds(condition, exepath, comm, where) === wanted,
        );
        // In the same container one text meets it and another one does not.
        const decides = met.some(
          ({ where }) => met.filter((one) => one.where === where).length < every.length / 2,
        );
        const { kind } = gripOn(expressionOf(source), wanted);
        if (decides) return kind === 'Chosen';
        return met.length === 0 || kind !== 'Firm';
      },
    ),
    { numRuns: 500 },
  );
});

test.each(LEAVES)('%s alone is judged exactly', (source) => {
  const condition = compile(source);
  for (const wanted of [true, false]) {
    const met = every.filter(({ exepath, comm, where }) => holds(condition, exepath, comm, where) === wanted);
    expect(gripOn(expressionOf(source), wanted).kind === 'Firm').toBe(met.length === 0);
  }
});
