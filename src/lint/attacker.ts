// Conditions that excuse drift and that an attacker in the container can meet.
import { expressionOf } from './expression.ts';
import type { PolicyRule, Remark } from './finding.ts';
import { deniedTests, gripOn } from './grip.ts';

/** Rule: what a process can make up does not excuse it, neither by an exception nor by what a rung leaves out. */
export const attackerConditions: PolicyRule = ({ rungs, spec: { exceptions = [] } }) => [
  ...rungs.flatMap(({ name, condition }, index) =>
    condition === undefined ? [] : rungRemarks(name, condition, `spec.responses[${index}].condition`),
  ),
  ...exceptions.flatMap(({ name, condition }, index) =>
    condition === undefined ? [] : exceptionRemarks(name, condition, `spec.exceptions[${index}].condition`),
  ),
];

function exceptionRemarks(name: string, condition: string, path: string): Remark[] {
  const grip = gripOn(expressionOf(condition), true);
  if (grip.kind !== 'Chosen') return [];
  const message = `an attacker in the container can meet the condition of exception "${name}": ${grip.by}`;
  return [{ code: 'AttackerSatisfies', path, message }];
}

// A rung may well ask for text of the process; it is weak where it lets off those that look as they should.
function rungRemarks(name: string, condition: string, path: string): Remark[] {
  const expr = expressionOf(condition);
  const [denied] = deniedTests(expr);
  if (denied === undefined || gripOn(expr, false).kind !== 'Chosen') return [];
  const message = `an attacker in the container can stay out of rung "${name}", which lets off what it can pretend: ${denied}`;
  return [{ code: 'AttackerSatisfies', path, message }];
}
