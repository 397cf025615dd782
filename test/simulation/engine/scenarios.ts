// All scenarios by name.
import type { Scenario } from './scenario.ts';
import { AVAILABILITY } from './scenarios/availability.ts';
import { CANARIES } from './scenarios/canaries.ts';
import { DECISIONS } from './scenarios/decisions.ts';
import { CUTTING } from './scenarios/cutting.ts';
import { DEFENDED } from './scenarios/defender.ts';
import { DENY_POLICY } from './scenarios/deny-policy.ts';
import { EVICTIONS } from './scenarios/evictions.ts';
import { EVIDENCE } from './scenarios/evidence.ts';
import { EXPIRING } from './scenarios/expiry.ts';
import { LADDERS } from './scenarios/ladders.ts';
import { NOTIFIED } from './scenarios/notified.ts';
import { OWNED } from './scenarios/owners.ts';
import { PEOPLE } from './scenarios/people.ts';
import { PROTECTED_PODS } from './scenarios/protected.ts';
import { RECOVERY } from './scenarios/recovery.ts';
import { RESTARTED } from './scenarios/restarts.ts';
import { SEVERAL } from './scenarios/several.ts';
import { SILENCE } from './scenarios/silence.ts';
import { SPENDING } from './scenarios/spending.ts';
import { SWITCHES } from './scenarios/switches.ts';
import { VERIFIED } from './scenarios/verification.ts';
import { UNPROTECTED } from './scenarios/unprotected.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...LADDERS,
  ...PEOPLE,
  ...DECISIONS,
  ...SWITCHES,
  ...SEVERAL,
  ...AVAILABILITY,
  ...OWNED,
  ...EXPIRING,
  ...RECOVERY,
  ...DENY_POLICY,
  ...PROTECTED_PODS,
  ...UNPROTECTED,
  ...CUTTING,
  ...CANARIES,
  ...EVIDENCE,
  ...EVICTIONS,
  ...RESTARTED,
  ...SPENDING,
  ...DEFENDED,
  ...VERIFIED,
  ...SILENCE,
  ...NOTIFIED,
];

/** The scenario of that name. @throws RangeError that names all, if there is none. */
export function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found) return found;
  throw new RangeError(`no scenario ${name}; there are ${SCENARIOS.map((each) => each.name).join(', ')}`);
}
