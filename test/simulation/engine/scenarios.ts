// All scenarios by name.
import type { Scenario } from './scenario.ts';
import { LADDERS } from './scenarios/ladders.ts';
import { OWNED } from './scenarios/owners.ts';
import { PEOPLE } from './scenarios/people.ts';
import { SEVERAL } from './scenarios/several.ts';
import { SWITCHES } from './scenarios/switches.ts';

export const SCENARIOS: readonly Scenario[] = [...LADDERS, ...PEOPLE, ...SWITCHES, ...SEVERAL, ...OWNED];

/** The scenario of that name. @throws RangeError that names all, if there is none. */
export function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found) return found;
  throw new RangeError(`no scenario ${name}; there are ${SCENARIOS.map((each) => each.name).join(', ')}`);
}
