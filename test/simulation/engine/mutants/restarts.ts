// Bugs in what is promised of pods that are made anew.
import type { Mutant } from './mutant.ts';

export const RESTART_MUTANTS: readonly Mutant[] = [
  {
    name: 'whoever-has-the-name',
    file: 'respond/restart.ts',
    find: 'if (isMarked && isCopyOf(found, pod))',
    replacement: 'if (found.metadata.uid !== incident.metadata.uid)',
    about: 'a pod that has the name is taken for the one that was made anew',
    prey: ['restart-name-taken'],
  },
  {
    name: 'any-manifest-will-do',
    file: 'respond/restart.ts',
    find: 'const isSame = found.metadata.uid === uid && hashOf(found.data) === hash;',
    replacement: 'const isSame = uid !== hash;',
    about: 'the manifest is used as it is found, whoever wrote it',
    prey: ['restart-tampered'],
  },
  {
    name: 'images-left-unpinned',
    file: 'decide/manifest.ts',
    find: 'list.push({ ...container, image: pin.image });',
    replacement: 'list.push(container);',
    about: 'the clean copy asks for its images by their tags',
    prey: ['restart-bare'],
  },
  {
    name: 'terminating-is-gone',
    file: 'incidents/facts.ts',
    find: 'if (pod?.metadata.uid !== uid) return { pod: undefined };',
    replacement:
      'if (pod?.metadata.uid !== uid || pod.metadata.deletionTimestamp !== undefined) return { pod: undefined };',
    about: 'a pod is made anew while the old one is still on its way out',
    prey: ['restart-bare'],
  },
  {
    name: 'whatever-it-became',
    file: 'decide/manifest.ts',
    find: "if (changed !== undefined) return { ok: false, reason: 'SpecChanged', message: changed };",
    replacement: '',
    about: 'a pod whose image somebody changed in place is made anew with that image',
    prey: ['restart-image-changed'],
  },
];
