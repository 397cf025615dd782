// Bugs in evictions that do not simply go: past budgets, of pods that go already, and in what is said of their end.
import type { Mutant } from './mutant.ts';

export const EVICTION_MUTANTS: readonly Mutant[] = [
  {
    name: 'delete-although-hold',
    file: 'respond/evict.ts',
    find: 'orDelete = false,',
    replacement: 'orDelete = true,',
    about: 'a pod is deleted past its budget although no policy says so',
    prey: ['two-budgets'],
  },
  {
    name: 'delete-at-once',
    file: 'decide/plan.ts',
    find: '...(deletesPastBudget(incident, response.settings.eviction) ?',
    replacement:
      "...(deletesPastBudget(incident, response.settings.eviction) || response.settings.eviction.then === 'Delete' ?",
    about: 'a pod is deleted past its budget before the wait for it is over',
    prey: ['budget-delete', 'two-budgets-delete'],
  },
  {
    name: 'delete-without-asking',
    file: 'respond/evict.ts',
    find: 'const rehearsed = await post(client, pod, options, true);',
    replacement:
      'if (orDelete) return { answer: await remove(client, pod, options), isSpent }; const rehearsed = await post(client, pod, options, true);',
    about: 'a pod is deleted past its budget without asking whether the budget is still against it',
    prey: ['budget-delete', 'two-budgets-delete'],
  },
  {
    name: 'gone-is-contained',
    file: 'incidents/eviction-notes.ts',
    find: 'return withEnd(next, isKubeletEnd(next, lastSeen, silent), now);',
    replacement: 'return withEnd(next, true, now);',
    about: 'that a pod is gone counts as proof that its containers ended, whoever made it go',
    prey: ['deleted-by-force'],
  },
  {
    name: 'going-is-contained',
    file: 'api/pod-end.ts',
    find: 'if (all.some(({ state }) => state?.running)) return false;',
    replacement: 'if (all.some(({ state }) => state?.running)) return true;',
    about: 'a pod that is being deleted counts as contained while its containers run',
    prey: ['node-silent', 'deleted-gently', 'replace'],
  },
];
