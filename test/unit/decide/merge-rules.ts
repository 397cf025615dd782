// What rows of the table “When several policies match” can say: of all policies together, from what each says alone.
import { expect } from 'vitest';
import { ACTIONS, CAPS, COLLECTORS, type Action, type CollectorName } from '../../../src/api/policy.ts';
import { candidateOf, type Candidate } from '../../../src/decide/comparison.ts';
import { verificationOf, type Allowances } from '../../../src/decide/verification.ts';
import { parseDuration } from '../../../src/decide/duration.ts';
import { inSystemOrder } from '../../../src/decide/merge.ts';
import { compileUnprotect } from '../../../src/decide/protect.ts';
import type { CompiledPolicy } from '../../../src/decide/policies.ts';
import { NOW } from '../../support/builders.ts';
import { rulebookOf, UNPROTECTED } from '../../support/matched.ts';
import { answerOf, compiled, SHOP, type Answer, type Scene } from './merge-worlds.ts';

/** What the row of the table says: of all policies together, from what each says alone. Fails the test if it does not hold. */
export type Row = (world: World) => void;

export interface World {
  scene: Scene;
  policies: readonly CompiledPolicy[];
  together: Answer;
  /** What each policy answers by itself, where it does; grants and annotation are as in the whole. */
  alone: ReadonlyMap<string, Answer>;
}

export const parts = ({ alone }: World) => [...alone].flatMap(([name, { parts: all }]) => all[name] ?? []);
export const actionsOf = (world: World, mode: string) =>
  inSystemOrder(parts(world).flatMap((part) => (part.mode === mode ? part.actions : [])));

/** Of a setting, what all together have, and what each has alone that has a say: those in Enforce, if one of them answers. */
export function setting<T>(
  { together, alone }: World,
  read: (settings: NonNullable<Answer['settings']>) => T,
): [T | undefined, T[]] {
  const answers = [...alone].flatMap(([name, { parts: all, settings }]) =>
    settings ? [{ mode: all[name]?.mode, value: read(settings) }] : [],
  );
  const enforcing = answers.filter(({ mode }) => mode === 'Enforce');
  const each = (enforcing.length > 0 ? enforcing : answers).map(({ value }) => value);
  return [together.settings && read(together.settings), each];
}

export const extreme =
  (
    pick: (...numbers: number[]) => number,
    read: (settings: NonNullable<Answer['settings']>) => number,
  ): Row =>
  (world) => {
    const [merged, each] = setting(world, read);
    expect(merged).toBe(each.length > 0 ? pick(...each) : undefined);
  };
export const longest = (read: (settings: NonNullable<Answer['settings']>) => string) =>
  extreme(Math.max, (settings) => parseDuration(read(settings)));

/** The careful value, if any policy has it. */
export const either =
  <T>(careful: T, read: (settings: NonNullable<Answer['settings']>) => T): Row =>
  (world) => {
    const [merged, each] = setting(world, read);
    expect(merged).toBe(each.includes(careful) ? careful : each[0]);
  };

/** How the pod is compared by all policies in force, and by each of them alone. */
export function compared({ policies, scene }: World): [Candidate | undefined, Candidate[]] {
  const inForce = [...rulebookOf(policies, SHOP).inForce.values()];
  const by = (some: readonly CompiledPolicy[]) => candidateOf(scene.pod, some, UNPROTECTED);
  return [by(inForce), inForce.flatMap((one) => by([one]) ?? [])];
}

/** How the pod is verified by all policies in force, and by each of them alone whose kind has a say: the cluster's, or all. */
export function verified({ policies, scene }: World) {
  const inForce = [...rulebookOf(policies, SHOP).inForce.values()];
  const by = (some: readonly CompiledPolicy[]) => verificationOf(scene.pod, some, UNPROTECTED);
  const each = inForce.flatMap((policy) => {
    const asked = by([policy]);
    return asked ? [{ policy, asked }] : [];
  });
  const ofCluster = each.filter(({ policy }) => policy.kind === 'ClusterDriftPolicy');
  return { merged: by(inForce), each: ofCluster.length > 0 ? ofCluster : each };
}

/** What is allowed by those that have a say: the ones in Enforce, if one of them is. */
export const allowing =
  (key: keyof Allowances): Row =>
  (world) => {
    const { merged, each } = verified(world);
    const enforcing = each.filter(({ policy }) => policy.mode === 'Enforce');
    const having = enforcing.length > 0 ? enforcing : each;
    expect(new Set(merged?.[key])).toEqual(new Set(having.flatMap(({ asked }) => asked[key])));
  };

export const granted = ({ policies }: World) =>
  policies.flatMap(({ grants, matchesNamespace }) => (grants && matchesNamespace(SHOP) ? [grants] : []));
const EVERYTHING = compiled(
  [
    {
      kind: 'ClusterDriftPolicy',
      spec: {
        namespaceSelector: {},
        grants: {
          enforce: true,
          exceptions: true,
          cut: true,
          collectors: [...COLLECTORS],
          exec: true,
          comparison: true,
          restart: true,
        },
      },
    },
  ],
  100,
);
const isCollector = (power: string): power is CollectorName => COLLECTORS.some((name) => name === power);
/** What the policies of a namespace may do where nobody grants anything. */
const FREE: ReadonlySet<string> = new Set(['enforce', 'exceptions']);
const ASKS = {
  enforce: ({ mode }: CompiledPolicy) => mode === 'Enforce',
  exceptions: ({ exceptions }: CompiledPolicy) => exceptions.length > 0,
  comparison: ({ comparison }: CompiledPolicy) => comparison !== undefined,
  cut: ({ settings }: CompiledPolicy) => settings.isolation.cut === 'PodFirewall',
  exec: ({ settings }: CompiledPolicy) => (settings.evidence.exec ?? []).length > 0,
  restart: ({ rungs }: CompiledPolicy) => rungs.some(({ actions }) => actions.includes('Restart')),
} as const;
/** A policy of the namespace that asks for a power is in force exactly where it is granted; one of the cluster always. */
export function inForceIfGranted(world: World, power: keyof typeof ASKS | CollectorName): void {
  const asks = (policy: CompiledPolicy) =>
    Object.entries(ASKS).every(([name, of]) => of(policy) === (name === power)) &&
    COLLECTORS.every((name) => policy.settings.evidence.collectors.includes(name) === (name === power));
  const grants = granted(world);
  const isFreeWithout = FREE.has(power) && grants.length === 0;
  const isGranted =
    isFreeWithout ||
    grants.some((grant) => (isCollector(power) ? grant.collectors.includes(power) : grant[power]));
  const ungoverned = answerOf(
    [...world.policies.filter((one) => !one.grants), ...EVERYTHING],
    world.scene,
  ).parts;
  for (const one of world.policies) {
    const isFree = one.kind === 'ClusterDriftPolicy' || isGranted;
    if (one.kind === 'ClusterDriftPolicy' || asks(one))
      expect(one.name in world.together.parts).toBe(isFree && one.name in ungoverned);
  }
}
/** The cap of the exceptions of a policy that apply. */
export function capFor({ exceptions }: CompiledPolicy, { pod, detection }: Scene): string | undefined {
  const container = pod.containers.find(({ name }) => name === detection.summary.containerName);
  const caps = exceptions.flatMap(({ matchesImage, expires, maxAction }) =>
    container && matchesImage(container) && Date.parse(expires) > NOW ? [maxAction] : [],
  );
  return CAPS.find((cap) => caps.includes(cap));
}
/** The policy with an exception to the protection of the namespace. */
export function withException(policy: CompiledPolicy, forOthers: boolean): CompiledPolicy {
  const podSelector = forOthers ? { matchLabels: { no: 'such' } } : {};
  const one = { name: 'one', namespace: SHOP.name, critical: false, reason: 'known', podSelector };
  return { ...policy, exemptions: [compileUnprotect(policy.name, policy.mode, one)] };
}
export const leaves = (cap: string, actions: readonly Action[]) =>
  actions.filter((action) => ACTIONS.indexOf(action) < CAPS.indexOf(cap as (typeof CAPS)[number]));

/** A policy that grants changes what others may: it is there also when a policy is asked alone. */
export function worldOf(policies: readonly CompiledPolicy[], scene: Scene): World {
  const grants = policies.filter((one) => one.grants);
  const alone = policies
    .filter((one) => !one.grants)
    .map((one) => [one.name, answerOf([one, ...grants], scene)] as const);
  return { scene, policies, together: answerOf(policies, scene), alone: new Map(alone) };
}
