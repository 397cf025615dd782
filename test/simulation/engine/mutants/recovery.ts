// Bugs in the proof of recovery.
import type { Mutant } from './mutant.ts';

export const RECOVERY_MUTANTS: readonly Mutant[] = [
  {
    name: 'ready-is-enough',
    file: 'decide/verify.ts',
    find: 'if (now >= quiet.until) return judged;',
    replacement: 'if (now >= quiet.from) return judged;',
    about: 'a replacement counts as soon as it is Ready, though it crashes some seconds later',
    prey: ['replace', 'crash-looping', 'starts-twice'],
  },
  {
    name: 'drift-of-a-replacement-is-ignored',
    file: 'incidents/replacement.ts',
    find: 'const again = before === undefined ? undefined : driftOf(sources, before);',
    replacement: 'const again = undefined;',
    about: 'that what took the place drifts, too, does not count',
    prey: ['drifts-again'],
  },
  {
    name: 'init-containers-are-clean',
    file: 'decide/images.ts',
    find: "...(replacement.initContainers ?? []).map((container) => judge(container, known, 'Init')),",
    replacement: '',
    about: 'what init containers run is not looked at',
    prey: ['moved-init-tag'],
  },
  {
    name: 'two-share-a-replacement',
    file: 'incidents/replacement.ts',
    find: 'isTaken: (uid) => claimed.has(uid) || !reservations.mayClaim(uid, incident.metadata.uid),',
    replacement: 'isTaken: () => false,',
    about: 'one replacement counts for two incidents',
    prey: ['two-pods', 'beyond-limits', 'storm'],
  },
];
