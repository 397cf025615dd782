// The facts about a NetworkPolicy that isolation depends on, and how its spec is read.
import { z } from 'zod';
import type { KubeObject, LabelSelector } from './meta.ts';
import { MANAGED_BY_LABEL, OPERATOR_NAME } from './names.ts';

/** A NetworkPolicy as far as isolation is concerned. */
export interface NetworkPolicyFacts {
  namespace: string;
  name: string;
  uid: string;
  /** Made by die-operator: all others are left alone. */
  isOurs: boolean;
  /** As the API server sent it. */
  spec: unknown;
}

/** Reads a NetworkPolicy. Never throws for an object that the API server sent. */
export function networkPolicyFacts({ metadata, ...rest }: KubeObject): NetworkPolicyFacts {
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    isOurs: metadata.labels?.[MANAGED_BY_LABEL] === OPERATOR_NAME,
    spec: rest['spec'],
  };
}

/** Whether a policy opens or closes the way to a pod or the way from it. */
export const DIRECTIONS = ['Ingress', 'Egress'] as const;
/** See {@link DIRECTIONS}. */
export type Direction = (typeof DIRECTIONS)[number];

// As the API has them, and nothing else: what has a field that is not known here may mean anything.
const SelectorSchema = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).nullish(),
  matchExpressions: z
    .array(
      z.strictObject({
        key: z.string(),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
});

const PeerSchema = z.strictObject({
  podSelector: SelectorSchema.nullish(),
  namespaceSelector: SelectorSchema.nullish(),
  ipBlock: z.strictObject({ cidr: z.string(), except: z.array(z.string()).nullish() }).nullish(),
});

const PortSchema = z.strictObject({
  protocol: z.string().nullish(),
  port: z.union([z.int(), z.string()]).nullish(),
  endPort: z.int().nullish(),
});

const RuleSchema = z.strictObject({
  from: z.array(PeerSchema).nullish(),
  to: z.array(PeerSchema).nullish(),
  ports: z.array(PortSchema).nullish(),
});

const SpecSchema = z.strictObject({
  podSelector: SelectorSchema.nullish(),
  policyTypes: z.array(z.enum(DIRECTIONS)).nullish(),
  ingress: z.array(z.unknown()).nullish(),
  egress: z.array(z.unknown()).nullish(),
});

/** A peer of a rule. */
export type Peer = z.infer<typeof PeerSchema>;
/** A port of a rule. */
export type Port = z.infer<typeof PortSchema>;
/** One rule; `from` of an ingress rule and `to` of an egress rule are both its peers. */
export interface Rule {
  peers: readonly Peer[];
  ports: readonly Port[];
}

/** The spec of a NetworkPolicy. */
export interface NetworkPolicySpec {
  podSelector: LabelSelector;
  policyTypes: readonly Direction[];
  /** As the API server sent them: see {@link readRule}. Most policies select other pods, and some have many. */
  rules: Readonly<Record<Direction, readonly unknown[]>>;
}

/**
 * Reads a label selector as the API server stores it: an absent one selects everything. Undefined for what this version
 * does not know, an operator for instance.
 */
export function readSelector(selector: unknown): LabelSelector | undefined {
  const { success, data } = SelectorSchema.nullish().safeParse(selector);
  return success ? selectorOf(data) : undefined;
}

/**
 * Reads the spec of a NetworkPolicy. Undefined if it cannot be read: unknown fields are not passed over, since what they
 * mean is not known.
 */
export function readNetworkPolicySpec(spec: unknown): NetworkPolicySpec | undefined {
  const { success, data } = SpecSchema.safeParse(spec);
  if (!success) return undefined;
  const { podSelector, policyTypes, ingress, egress } = data;
  // The API server's own default: always Ingress, and Egress where there are rules for it.
  const types: Direction[] = (egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  return {
    podSelector: selectorOf(podSelector),
    policyTypes: policyTypes && policyTypes.length > 0 ? policyTypes : types,
    rules: { Ingress: ingress ?? [], Egress: egress ?? [] },
  };
}

/** Reads one rule; undefined if it cannot be read. */
export function readRule(rule: unknown, direction: Direction): Rule | undefined {
  const [peers, others] = direction === 'Ingress' ? (['from', 'to'] as const) : (['to', 'from'] as const);
  const { success, data } = RuleSchema.safeParse(rule);
  if (!success || data[others] !== undefined) return undefined;
  return { peers: data[peers] ?? [], ports: data.ports ?? [] };
}

/** Go writes what is empty as null. */
function selectorOf(selector: z.infer<typeof SelectorSchema> | null | undefined): LabelSelector {
  const { matchLabels, matchExpressions } = selector ?? {};
  return {
    ...(matchLabels && { matchLabels }),
    ...(matchExpressions && {
      matchExpressions: matchExpressions.map(({ key, operator, values }) => ({
        key,
        operator,
        ...(values && { values }),
      })),
    }),
  };
}
