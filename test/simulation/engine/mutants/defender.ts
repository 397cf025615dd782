// Bugs in what is done to pods that an alert only names.
import type { Mutant } from './mutant.ts';

export const DEFENDER_MUTANTS: readonly Mutant[] = [
  {
    name: 'act-on-a-name',
    file: 'decide/plan.ts',
    find: 'const held = identityHeld(now);\n  if (!held) return decision;',
    replacement: 'const held = identityHeld(now);\n  if (held || !held) return decision;',
    about: 'a pod that an alert only names is isolated before a person approves',
    prey: ['defender-asked', 'defender-approved'],
  },
  {
    name: 'younger-pod-is-named',
    file: 'decide/identify.ts',
    find: 'const isOlder = Date.parse(pod.createdAt) + CREATION_STEP_MS <= since;',
    replacement: 'const isOlder = since > CREATION_STEP_MS;',
    about: 'whoever has the name of the pod now is meant',
    prey: ['defender-name-reused'],
  },
  {
    name: 'defender-of-any-cluster',
    file: 'detect/defender.ts',
    find: 'if (clusters.every((id) => id === own)) return undefined;',
    replacement: 'if (own) return undefined;',
    about: 'an alert about another cluster names a pod of this one',
    prey: ['defender-other-cluster'],
  },
];
