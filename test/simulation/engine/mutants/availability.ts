// Bugs in what is known of the pods that a workload can spare.
import type { Mutant } from './mutant.ts';

export const AVAILABILITY_MUTANTS: readonly Mutant[] = [
  {
    name: 'share-rounded-up',
    file: 'decide/availability.ts',
    find: 'Math.floor((size * Number.parseInt(limit.maxUnavailable)) / 100)',
    replacement: 'Math.ceil((size * Number.parseInt(limit.maxUnavailable)) / 100)',
    about: 'of six pods a quarter are two',
    prey: ['share-race'],
  },
  {
    name: 'trust-budget-status',
    file: 'decide/availability.ts',
    find: 'const broken = brokenBudget(availability.budgets, now.pod.ready);',
    replacement: 'const broken = brokenBudget([], now.pod.ready);',
    about: 'what the status of a disruption budget says is believed, however old it is',
    prey: ['budget-stale-unlabelled'],
  },
  {
    name: 'orphans-stay-healthy',
    file: 'decide/disruption-budget.ts',
    find: '!out.has(pod.uid) && ',
    replacement: '',
    about: 'a pod that is just being taken out counts for its budget as one that serves',
    prey: ['budget-race-number'],
  },
  {
    name: 'quota-ignored',
    file: 'decide/availability.ts',
    find: 'if (known !== undefined || !quota.beside) return known;',
    replacement: "if (known !== undefined || !quota.beside || quota.beside.quota !== '') return known;",
    about: 'a pod is taken out, and no replacement can come',
    prey: ['quota-full'],
  },
  {
    name: 'quota-promised-twice',
    file: 'incidents/availability.ts',
    find: 'roomFor(usageOf(pod.object), quotas, owed({ absent, out }, before))',
    replacement: 'roomFor(usageOf(pod.object), quotas, owed({ absent, out }, before) * 0)',
    about: 'the room for one replacement counts for two pods',
    prey: ['quota-for-one'],
  },
];
