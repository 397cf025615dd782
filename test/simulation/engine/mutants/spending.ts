// Planted bugs in what limits responses: the ledger, the limits, the circuit breaker.
import type { Mutant } from './mutant.ts';

export const SPENDING_MUTANTS: readonly Mutant[] = [
  {
    name: 'ledger-after-the-act',
    file: 'incidents/execute.ts',
    find: "(await entered(context, record, { act, step: 'Evict' }, live)) &&",
    replacement: "(void entered(context, record, { act, step: 'Evict' }, live), true) &&",
    about: 'an eviction is entered while it is carried out, and not before',
  },
  {
    name: 'refund-on-deletion',
    file: 'incidents/spent.ts',
    find: 'const acts = book.acts.filter(({ pod }) => pod !== uid);',
    replacement:
      'const acts = book.acts.filter((act) => act.pod !== uid && incidentOf(caches, act) !== undefined);',
    about: 'what was spent counts no more once its incident is deleted',
    prey: ['spent-stays-spent'],
  },
  {
    name: 'cooldown-by-replica-set',
    file: 'decide/spending.ts',
    find: 'return topWorkload(target).key;',
    replacement: 'return target.workload?.uid ?? topWorkload(target).key;',
    about: 'each rollout of a workload starts with limits of its own',
    prey: ['spent-stays-spent'],
  },
  {
    name: 'breaker-ignored-by-expiry',
    file: 'decide/spending.ts',
    find: 'const held = now.facts.spent && spentLimit(now, now.facts.spent);',
    replacement:
      "const held = now.actions.enforce.includes('Evict') && now.facts.spent ? spentLimit(now, now.facts.spent) : undefined;",
    about: 'a quarantine that expires is evicted whatever limits and breaker say',
    prey: ['storm-of-expiries'],
  },
  {
    name: 'garbled-ledger-is-empty',
    file: 'incidents/ledger.ts',
    find: "if (typeof book === 'string') this.#refuse(`${book}: ${LEDGER_CURE}`);",
    replacement: "if (typeof book === 'string') this.#adopt(found, { acts: [], openings: [] });",
    about: 'a ledger that cannot be understood counts as one in which nothing was spent',
    prey: ['garbled-ledger'],
  },
  {
    name: 'breaker-never-opens',
    file: 'incidents/spent.ts',
    find: 'breaker: breakerNow(book.openings, breakerView(sources, book.acts)),',
    replacement: '',
    about: 'the breaker is open in the ledger, and nobody looks',
    prey: ['storm-of-workloads'],
  },
];
