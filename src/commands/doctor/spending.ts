// Checks of what limits responses: the ledger of destructive acts, and the circuit breaker.
import { openOf } from '../../decide/breaker.ts';
import { LEDGER, LEDGER_CURE } from '../../decide/ledger.ts';
import { readStatus } from '../breaker/breaker.ts';
import { ok, warning, wrong, type Check, type DoctorContext } from './check.ts';

async function look({ client, clock }: DoctorContext): ReturnType<Check['look']> {
  const book = await readStatus(client, clock.now());
  if (book === undefined) return [ok(`${LEDGER} is made with the first act`)];
  if (typeof book === 'string') return [wrong(`${LEDGER} ${book}: nothing is evicted`, LEDGER_CURE)];
  const open = openOf(book.openings);
  return [
    ok(`the ledger holds ${book.acts.length} acts`),
    open
      ? warning(
          `the circuit breaker is open since ${open.openedAt}: ${open.message}`,
          'Find out why so much drifts. If it is a wrong rule, mend that, and then: die-operator breaker close --reason TEXT',
        )
      : ok('the circuit breaker is closed'),
  ];
}

export const SPENDING: Check = { name: 'limits', look };
