// Worlds for the properties of merging: policies of both kinds, a pod, a detection; and what they make of each other.
import fc from 'fast-check';
import type { Contribution } from '../../../src/api/incident.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { APPROVAL_CASES, CAPS, COLLECTORS, type Action, type PolicyKind } from '../../../src/api/policy.ts';
import { SEVERITIES } from '../../../src/api/severity.ts';
import { matchPolicies, type Match } from '../../../src/decide/match.ts';
import { effectiveActions } from '../../../src/decide/merge.ts';
import type { CompiledPolicy } from '../../../src/decide/policies.ts';
import { standingOf } from '../../../src/decide/standing.ts';
import { aDetection, anIncident, aPod, NOW } from '../../support/builders.ts';
import { rulebookOf } from '../../support/matched.ts';
import { FULL_RUNG, policy, rungActions } from './builders.ts';

const HOUR_MS = 3_600_000;
const at = (ms: number) => new Date(ms).toISOString();

/** The namespace of every world. */
export const SHOP = { name: 'shop', labels: { tenant: 'true' } };

/** A policy before it is compiled, so that a property can change a field of it. */
export interface Draft {
  kind: PolicyKind;
  spec: Readonly<Record<string, unknown>>;
}

/** A pod of the namespace `shop`, which has the label `tenant=true`, and a detection in it. */
export interface Scene {
  pod: PodFacts;
  detection: ReturnType<typeof aDetection>;
}

const names = fc.constantFrom('a', 'b', 'c', 'd');
const atLeastOne = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1 });
/** A list of entries with names of their own; undefined stands for an absent field. */
const named = <T>(entry: fc.Arbitrary<T>, minLength: number) =>
  fc
    .uniqueArray(fc.tuple(names, entry), { minLength, maxLength: 3, selector: ([name]) => name })
    .map((all) => all.map(([name, rest]) => ({ name, ...rest })));

// Every second one has nothing that narrows it, so that much is answered; conditions take long to compile, and are rare.
const narrow = fc.oneof(
  { weight: 5, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: fc.record({ rules: fc.constantFrom(['DIE *'], ['Terminal *'], ['*']) }) },
  { weight: 2, arbitrary: fc.record({ tags: fc.constantFrom(['drift'], ['mitre_*']) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      condition: fc.constantFrom('detection.priority <= 3', 'pod.labels["x"] == ""'),
    }),
  },
);
const rungs = named(
  fc
    .record({
      minSeverity: fc.constantFrom('Debug', 'Warning', 'Critical'),
      // Most policies of a namespace may not ask for Restart, and are not in force then.
      actions: fc.oneof(
        { weight: 8, arbitrary: atLeastOne(FULL_RUNG) },
        { weight: 1, arbitrary: rungActions },
      ),
      narrow,
    })
    .map(({ narrow: more, ...rung }) => ({ ...rung, ...more })),
  1,
);

/** Exceptions that apply, and some that have ended or are about another image. */
export const someExceptions = named(
  fc.record({
    image: fc.constantFrom('*', 'registry.example/shop/web*', 'registry.example/other*'),
    reason: fc.constant('known'),
    expires: fc.constantFrom(at(NOW + HOUR_MS), at(NOW)),
    maxAction: fc.constantFrom(...CAPS),
  }),
  0,
);

const durations = fc.constantFrom('1s', '59s', '60s', '1m', '90s', '1m30s', '1h', '60m', '24h');
const common = {
  mode: fc.constantFrom('Audit', 'Enforce'),
  match: fc.constantFrom(
    {},
    {},
    { podSelector: { matchLabels: { app: 'web' } } },
    { podSelector: { matchLabels: { app: 'db' } } },
    { images: ['registry.example/shop/*'] },
    { images: ['registry.example/other*'] },
  ),
  responses: rungs,
  exceptions: fc.oneof(fc.constant([]), someExceptions),
  isolation: fc.record({
    cut: fc.constantFrom('None', 'None', 'PodFirewall'),
    ttl: fc.constantFrom('60s', '1m', '90s', '1m30s', '1h', '60m', '24h'),
    onExpiry: fc.constantFrom('Notify', 'Evict'),
    onDrain: fc.constantFrom('CaptureThenAllow', 'Deny'),
  }),
  evidence: fc.record({
    collectors: fc.oneof(fc.constant([]), fc.shuffledSubarray([...COLLECTORS])),
    exec: fc.oneof(
      fc.constant(undefined),
      fc.uniqueArray(
        fc.record({
          container: fc.constantFrom('a', 'b'),
          command: fc.constantFrom(['ps'], ['ls', '-l'], ['id']),
        }),
        {
          maxLength: 4,
          selector: (one) => JSON.stringify(one),
        },
      ),
    ),
    contents: fc.boolean(),
    deadline: fc.constantFrom('59s', '60s', '1m', '90s', '1m30s', '9m'),
    maxBytes: fc.constantFrom('1023Mi', '1024Mi', '1Gi', '2Gi', '1048576Ki'),
    required: fc.boolean(),
  }),
  eviction: fc.record({
    gracePeriodSeconds: fc.integer({ min: 1, max: 3600 }),
    waitForBudget: durations,
    then: fc.constantFrom('Hold', 'Delete'),
    replacement: fc.record({
      require: fc.constantFrom('Baseline', 'Pinned'),
      readyWithin: durations,
      quietFor: durations,
    }),
  }),
  approval: fc.record({
    requiredFor: fc.shuffledSubarray([...APPROVAL_CASES]),
    before: fc.constantFrom('Evict', 'Isolate'),
    within: fc.constantFrom('60s', '1m', '90s', '1h', '60m', '24h'),
  }),
  limits: fc.record({
    perWorkload: fc.record({
      quarantined: fc.nat({ max: 1000 }),
      evicting: fc.nat({ max: 1000 }),
      maxUnavailable: fc.constantFrom('1%', '9%', '25%', '100%'),
      recurrences: fc.nat({ max: 1000 }),
      recurrenceWindow: fc.constantFrom('60s', '1m', '24h'),
    }),
    perNamespace: fc.record({
      quarantined: fc.nat({ max: 1000 }),
      evictions: fc.nat({ max: 1000 }),
      window: fc.constantFrom('60s', '1m', '90s', '1h'),
    }),
    cooldown: durations,
  }),
  approvedImages: fc.constantFrom(
    undefined,
    [`registry.example/shop/web@sha256:${'a'.repeat(64)}`],
    [
      `registry.example/shop/web@sha256:${'a'.repeat(64)}`,
      `registry.example/shop/web@sha256:${'b'.repeat(64)}`,
    ],
    [
      `registry.example/shop/web@sha256:${'b'.repeat(64)}`,
      `registry.example/shop/api@sha256:${'c'.repeat(64)}`,
    ],
  ),
  comparison: fc.constantFrom(
    ...Array.from({ length: 12 }, () => undefined),
    { interval: '60m' },
    { interval: '1h', expectedWrites: ['/b/*', '/a/*'] },
    { interval: '10m', expectedWrites: ['/b/*'] },
  ),
  approvedImagesFrom: fc.constantFrom(undefined, undefined, 'ConfigMap'),
  verification: fc.constantFrom(
    undefined,
    undefined,
    { interval: '60m' },
    { interval: '1h', allowedContainers: ['b-*', 'a'], allowedVolumes: ['token'] },
    { interval: '5m', allowedContainers: ['b-*'], allowedVariables: ['PATH', 'LD_*'] },
    { interval: '2h', allowedVolumes: ['b', 'token'], allowedVariables: ['PATH'] },
  ),
};
const namespaceSelector = fc.constantFrom<object>(
  {},
  { matchLabels: { tenant: 'true' } },
  { matchLabels: { tenant: 'false' } },
);

const own: fc.Arbitrary<Draft> = fc.record(common).map((spec) => ({ kind: 'DriftPolicy', spec }) as const);
const cluster: fc.Arbitrary<Draft> = fc
  .record({ ...common, namespaceSelector })
  .map((spec) => ({ kind: 'ClusterDriftPolicy', spec }) as const);

/** One policy of either kind, without grants. */
export const aDraft = fc.oneof(own, cluster);
/** Some, without grants. */
export const drafts = fc.array(aDraft, { minLength: 1, maxLength: 5 });
/** ClusterDriftPolicies that only grant. */
export const granting: fc.Arbitrary<Draft[]> = fc.array(
  fc
    .record({
      namespaceSelector,
      grants: fc.record(
        {
          enforce: fc.boolean(),
          exceptions: fc.boolean(),
          cut: fc.boolean(),
          collectors: fc.subarray([...COLLECTORS]),
          exec: fc.boolean(),
          comparison: fc.boolean(),
          restart: fc.boolean(),
          breakGlass: fc.record({ maxDuration: fc.constantFrom('1m', '60s', '2h') }),
        },
        { requiredKeys: [] },
      ),
    })
    .map((spec) => ({ kind: 'ClusterDriftPolicy', spec }) as const),
  { maxLength: 3 },
);

/** A detection in a pod with or without a break-glass annotation. */
export const scenes: fc.Arbitrary<Scene> = fc
  .record({
    severity: fc.constantFrom(...SEVERITIES),
    rule: fc.constantFrom('DIE Binary Drift Executed', 'Terminal shell in container', 'Other'),
    containerName: fc.constantFrom('web', 'web', 'unknown'),
    tags: fc.constantFrom([], ['drift'], ['drift', 'mitre_execution']),
    glass: fc.constantFrom(undefined, undefined, at(NOW + 30_000), at(NOW + HOUR_MS), at(NOW - 1)),
  })
  .map(({ tags, glass, ...summary }) => ({
    pod: aPod(glass === undefined ? {} : { breakGlassUntil: glass }),
    detection: { ...aDetection(summary), tags },
  }));

/** Policies of which some only grant, and what they are asked about. */
export const worlds: fc.Arbitrary<{ policies: readonly CompiledPolicy[]; scene: Scene }> = fc
  .tuple(drafts, granting, scenes)
  .map(([some, grants, scene]) => ({ policies: compiled([...some, ...grants]), scene }));

/** Compiles policies; each gets a name and a UID by its place, so that two alike are two policies. */
export function compiled(all: readonly Draft[], from = 0): CompiledPolicy[] {
  return all.map(({ kind, spec }, index) => {
    const name = `p${from + index}`;
    return policy({ responses: undefined, ...spec }, { name, uid: name }, kind);
  });
}

/** What the policies make of the scene. */
export interface Answer {
  /** By name of the policy. */
  parts: Readonly<Record<string, Contribution>>;
  settings: Match['settings'] | undefined;
  done: Action[];
  recorded: Action[];
}

/** See {@link Answer}; by the rulebook of the namespace, as the operator has it. */
export function answerOf(policies: readonly CompiledPolicy[], { pod, detection }: Scene): Answer {
  const book = rulebookOf(policies, SHOP);
  const container = pod.containers.find(({ name }) => name === detection.summary.containerName);
  const { match } = matchPolicies(book, { detection, pod, container, at: NOW });
  const contributions = match?.contributions ?? [];
  const { enforce, audit } = effectiveActions(contributions, standingOf(anIncident(), contributions, book));
  return {
    parts: Object.fromEntries(contributions.map((part) => [part.name, part])),
    settings: match?.settings,
    done: enforce,
    recorded: audit,
  };
}
