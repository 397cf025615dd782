// What is found of a pod without its template: it may have none, and it may have been taken from its controller.
import { controllerOf, type PodFacts } from '../api/pod.ts';
import { NOTHING, shownName, shownPart, type TemplateFinding } from './template-finding.ts';

/**
 * What can be said without a template: no template has a container for debugging.
 * @param made the pod with the controller that it had when it was seen first.
 */
export function withoutTemplate(pod: PodFacts, made: PodFacts): TemplateFinding[] {
  const added = (pod.ephemeralContainers ?? []).map(({ name, image }): TemplateFinding => ({
    kind: 'EphemeralContainer',
    container: shownName(name),
    field: `spec.ephemeralContainers[${shownName(name)}]`,
    approved: NOTHING,
    runs: shownPart(image),
    danger: false,
    message: `ephemeral container ${shownName(name)} was added to the running pod`,
  }));
  return [...added, ...leftController(pod, made)];
}

/**
 * A pod whose controller is another one than it was, or that has none any more: somebody changed its labels or owners, so that
 * it would be compared with another template, or with none.
 */
export function leftController(pod: PodFacts, made: PodFacts): TemplateFinding[] {
  const [owner, now] = [controllerOf(made), controllerOf(pod)];
  if (!owner || now?.uid === owner.uid) return [];
  const from = shownPart(`${owner.kind} ${owner.name}`);
  const runs = now ? shownPart(`${now.kind} ${now.name}`) : NOTHING;
  const has = now ? `belongs to ${runs}` : 'has no controller any more';
  return [
    {
      kind: 'Controller',
      field: 'metadata.ownerReferences',
      approved: from,
      runs,
      danger: false,
      message: `the pod was made by ${from} and ${has}: its labels or owners were changed`,
    },
  ];
}
