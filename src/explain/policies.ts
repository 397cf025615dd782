// Which policies are about the pod, and why the others are not: each requirement asked by itself.
import type { LabelSelector } from '../api/meta.ts';
import { foreignLabels } from '../api/pod.ts';
import type { AnyPolicy } from '../api/policy.ts';
import { imageMatcher } from '../decide/image-patterns.ts';
import type { Compilation } from '../decide/policies.ts';
import type { Problem } from '../decide/problem.ts';
import { compileSelector } from '../decide/selector.ts';
import type { ExplainedPolicy, PolicyState } from './explanation.ts';
import { byName, type Case } from './subject.ts';
import { listed, quoted } from './words.ts';

type Labels = Readonly<Record<string, string>>;
type Judged = { state: PolicyState; reasons: Problem[] };

/** Every policy of the case, those of the namespace first, each by name. */
export function explainPolicies(one: Case): ExplainedPolicy[] {
  return one.entries
    .map(({ kind, policy, compilation }) => ({
      kind,
      name: policy.metadata.name,
      mode: compilation.accepted ? compilation.policy.mode : null,
      ...judge(one, policy, compilation),
    }))
    .toSorted(byName);
}

function judge(one: Case, policy: AnyPolicy, compilation: Compilation): Judged {
  const { space, rulebook, asRecorded } = one;
  const { namespace = space.name } = policy.metadata;
  if (namespace !== space.name) {
    const message = `is ${namespace}, the pod is in ${space.name}`;
    return { state: 'OtherNamespace', reasons: [{ path: 'metadata.namespace', message }] };
  }
  if (!compilation.accepted) return { state: 'NotAccepted', reasons: compilation.problems };
  const { policy: compiled } = compilation;
  if (!compiled.matchesNamespace(space))
    return { state: 'OtherNamespace', reasons: namespaceMisses(one, policy) };
  if (!compiled.matchesPod(asRecorded)) return { state: 'OtherPod', reasons: podMisses(one, policy) };
  const refused = rulebook.refused.get(compiled.uid);
  if (refused) return { state: 'NotPermitted', reasons: [...refused] };
  return { state: compiled.rungs.length === 0 ? 'GrantsOnly' : 'Matches', reasons: [] };
}

function namespaceMisses({ space }: Case, { spec }: AnyPolicy): Problem[] {
  const selector = 'namespaceSelector' in spec ? spec.namespaceSelector : undefined;
  return selectorMisses('spec.namespaceSelector', selector, space.labels, 'the namespace');
}

function podMisses({ asRecorded: pod }: Case, { spec: { match } }: AnyPolicy): Problem[] {
  // Defaults are not filled in where the policy comes from a file.
  const { podSelector, images } = match ?? {};
  const misses = selectorMisses('spec.match.podSelector', podSelector, foreignLabels(pod.labels), 'the pod');
  if (images === undefined || pod.containers.some(imageMatcher(images))) return misses;
  const has = listed(pod.containers.map(({ image }) => quoted(image)));
  return [
    ...misses,
    {
      path: 'spec.match.images',
      message: `no image of the pod matches ${listed(images.map(quoted))}: it has ${has}`,
    },
  ];
}

/** The requirements of a selector that do not hold, each with its path. */
export function selectorMisses(
  path: string,
  { matchLabels = {}, matchExpressions = [] }: LabelSelector = {},
  labels: Labels,
  whose: string,
): Problem[] {
  const missing = (selector: LabelSelector) => !compileSelector(selector)(labels);
  const has = (key: string) =>
    Object.hasOwn(labels, key) ? `${whose} has ${quoted(labels[key] ?? '')}` : `${whose} has no such label`;
  return [
    ...Object.entries(matchLabels)
      .filter(([key, value]) => missing({ matchLabels: { [key]: value } }))
      .map(([key, value]) => ({
        path: `${path}.matchLabels[${quoted(key)}]`,
        message: `wants ${quoted(value)}, ${has(key)}`,
      })),
    ...matchExpressions.flatMap((requirement, index) => {
      if (!missing({ matchExpressions: [requirement] })) return [];
      const { key, operator, values = [] } = requirement;
      const wants = [quoted(key), operator, ...(values.length > 0 ? [listed(values.map(quoted))] : [])].join(
        ' ',
      );
      return [{ path: `${path}.matchExpressions[${index}]`, message: `wants ${wants}, ${has(key)}` }];
    }),
  ];
}
