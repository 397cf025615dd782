// Bugs in the verification of running pods.
import type { Mutant } from './mutant.ts';

const PREY = ['verified-change', 'verified-again', 'verified-and-falco'];

export const VERIFICATION_MUTANTS: readonly Mutant[] = [
  {
    name: 'verifies-others',
    file: 'decide/verification.ts',
    find: 'policy.verification !== undefined && policy.matchesPod(pod)',
    replacement: 'policy.verification !== undefined && !policy.matchesPod(pod)',
    about: 'the pods that a policy selects are not verified',
    prey: PREY,
  },
  {
    name: 'each-look-is-another-finding',
    file: 'detect/verification.ts',
    find: 'const identity = JSON.stringify([source, rule, pod.uid, found]);',
    replacement: 'const identity = JSON.stringify([source, rule, pod.uid, found, time]);',
    about: 'what is found again is counted again',
    prey: PREY,
  },
  {
    name: 'compared-with-itself',
    file: 'roles/verification.ts',
    find: 'const drift = templateDrift(raw, template.template,',
    replacement: 'const drift = templateDrift(raw, raw,',
    about: 'a pod is compared with itself',
    prey: PREY,
  },
];
