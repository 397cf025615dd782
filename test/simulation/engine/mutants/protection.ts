// Bugs in what protects the pods of a namespace.
import type { Mutant } from './mutant.ts';

export const PROTECTION_MUTANTS: readonly Mutant[] = [
  {
    name: 'critical-is-like-any-other',
    file: 'decide/protect.ts',
    find: 'return pod.critical === true && !one.critical ?',
    replacement: "return pod.name === '' && !one.critical ?",
    about: 'an exception lets pods of critical priority be touched that does not name them',
    prey: ['unprotected'],
  },
  {
    name: 'ended-exception-counts',
    file: 'decide/protect.ts',
    find: 'if (!(now < one.until)) return',
    replacement: 'if (now < 0) return',
    about: 'an exception to the protection counts after its end',
    prey: ['unprotected-ended'],
  },
  {
    name: 'audit-lets-others-touch',
    file: 'decide/protect.ts',
    find: "if (!one.enforced) return 'does not",
    replacement: "if (one.policy === '') return 'does not",
    about: 'an exception of a policy in Audit lets the policies of others touch protected pods',
    prey: ['unprotected-audit'],
  },
  {
    name: 'wrong-exception-is-accepted',
    file: 'decide/validate.ts',
    find: 'OWN_NAMESPACES.has(namespace) ?',
    replacement: "namespace === '' ?",
    about: 'a policy is accepted that excepts our own namespace, and with it all its exceptions',
    prey: ['unprotected-refused'],
  },
];
