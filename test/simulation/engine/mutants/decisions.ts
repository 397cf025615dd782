// Bugs in what people decide.
import type { Mutant } from './mutant.ts';

export const DECISION_MUTANTS: readonly Mutant[] = [
  {
    name: 'approve-any-plan',
    file: 'decide/approved.ts',
    find: 'if (planHash === undefined || planHash !== currentHash(now))',
    replacement: 'if (planHash === undefined)',
    about: 'an approval counts for whatever plan there is',
    prey: ['approved-other'],
  },
  {
    name: 'evict-unapproved',
    file: 'decide/approved.ts',
    find: "if (decision?.action === 'Approve') return approved(now, needs, decision);",
    replacement: "return { kind: 'Approved', message: '' };",
    about: 'nobody has to approve anything',
    prey: ['approved', 'approved-other', 'held-resumed'],
  },
  {
    name: 'ignore-denial',
    file: 'decide/approved.ts',
    find: "if (decision?.action === 'Deny') return denied(now.incident, decision);",
    replacement: '',
    about: 'a denied eviction is carried out',
    prey: ['denied'],
  },
  {
    name: 'ignore-hold',
    file: 'decide/decided.ts',
    find: "if (decision?.action !== 'Hold') return undefined;",
    replacement: "if (decision?.action !== 'Hold' || decision.by !== '') return undefined;",
    about: 'the response goes on while a person holds it',
    prey: ['held'],
  },
  {
    name: 'orphan-while-held',
    file: 'decide/form.ts',
    find: "if (isKept(incident) && byOwner.form === 'Orphan')",
    replacement: "if (isKept(incident) && byOwner.form !== 'Orphan')",
    about: 'a pod is taken out of its workload while a person holds its incident',
    prey: ['held-escalated'],
  },
];
