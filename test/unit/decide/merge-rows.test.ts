// The table "When several policies match" of docs/policies.md: a property for each row, and no row without one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CUSTOM_KINDS, openApiSchema } from '../../../src/api/crd.ts';
import { BREAK_GLASS_ANNOTATION } from '../../../src/api/names.ts';
import { ACTIONS, CAPS, COLLECTORS, type Action, type CollectorName } from '../../../src/api/policy.ts';
import { candidateOf, type Candidate } from '../../../src/decide/comparison.ts';
import { parseDuration } from '../../../src/decide/duration.ts';
import { inSystemOrder } from '../../../src/decide/merge.ts';
import type { CompiledPolicy } from '../../../src/decide/policies.ts';
import { parseQuantity } from '../../../src/decide/quantity.ts';
import { NOW } from '../../support/builders.ts';
import { rulebookOf } from '../../support/matched.ts';
import { walk, type Json } from '../api/structural-rules.ts';
import { answerOf, compiled, SHOP, worlds, type Answer, type Scene } from './merge-worlds.ts';

/** What the row of the table says: of all policies together, from what each says alone. Fails the test if it does not hold. */
type Row = (world: World) => void;

interface World {
  scene: Scene;
  policies: readonly CompiledPolicy[];
  together: Answer;
  /** What each policy answers by itself, where it does; grants and annotation are as in the whole. */
  alone: ReadonlyMap<string, Answer>;
}

const parts = ({ alone }: World) => [...alone].flatMap(([name, { parts: all }]) => all[name] ?? []);
const actionsOf = (world: World, mode: string) =>
  inSystemOrder(parts(world).flatMap((part) => (part.mode === mode ? part.actions : [])));

/** Of a setting, what all together have, and what each has alone that has a say: those in Enforce, if one of them answers. */
function setting<T>(
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

const extreme =
  (
    pick: (...numbers: number[]) => number,
    read: (settings: NonNullable<Answer['settings']>) => number,
  ): Row =>
  (world) => {
    const [merged, each] = setting(world, read);
    expect(merged).toBe(each.length > 0 ? pick(...each) : undefined);
  };
const longest = (read: (settings: NonNullable<Answer['settings']>) => string) =>
  extreme(Math.max, (settings) => parseDuration(read(settings)));

/** The careful value, if any policy has it. */
const either =
  <T>(careful: T, read: (settings: NonNullable<Answer['settings']>) => T): Row =>
  (world) => {
    const [merged, each] = setting(world, read);
    expect(merged).toBe(each.includes(careful) ? careful : each[0]);
  };

/** How the pod is compared by all policies in force, and by each of them alone. */
function compared({ policies, scene }: World): [Candidate | undefined, Candidate[]] {
  const inForce = [...rulebookOf(policies, SHOP).inForce.values()];
  const by = (some: readonly CompiledPolicy[]) => candidateOf(scene.pod, some, new Set());
  return [by(inForce), inForce.flatMap((one) => by([one]) ?? [])];
}

const granted = ({ policies }: World) =>
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
} as const;
/** A policy of the namespace that asks for a power is in force exactly where it is granted; one of the cluster always. */
function inForceIfGranted(world: World, power: keyof typeof ASKS | CollectorName): void {
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
function capFor({ exceptions }: CompiledPolicy, { pod, detection }: Scene): string | undefined {
  const container = pod.containers.find(({ name }) => name === detection.summary.containerName);
  const caps = exceptions.flatMap(({ matchesImage, expires, maxAction }) =>
    container && matchesImage(container) && Date.parse(expires) > NOW ? [maxAction] : [],
  );
  return CAPS.find((cap) => caps.includes(cap));
}
const leaves = (cap: string, actions: readonly Action[]) =>
  actions.filter((action) => ACTIONS.indexOf(action) < CAPS.indexOf(cap as (typeof CAPS)[number]));

const ROWS: Readonly<Record<string, Row>> = {
  mode: (world) => {
    expect(world.together.done).toEqual(actionsOf(world, 'Enforce'));
    expect(world.together.recorded).toEqual(
      actionsOf(world, 'Audit').filter((action) => !world.together.done.includes(action)),
    );
  },
  match: (world) => {
    for (const one of world.policies)
      if (!one.matchesPod(world.scene.pod)) expect(world.together.parts).not.toHaveProperty(one.name);
    expect(Object.keys(world.together.parts).toSorted()).toEqual(
      [...world.alone].flatMap(([name, { parts: all }]) => (all[name] ? [name] : [])).toSorted(),
    );
  },
  namespaceSelector: (world) => {
    for (const one of world.policies) {
      const inNamespace = one.matchesNamespace(SHOP);
      if (!inNamespace) expect(world.together.parts).not.toHaveProperty(one.name);
    }
  },
  responses: (world) => {
    const { done, recorded } = world.together;
    expect(inSystemOrder([...done, ...recorded])).toEqual(
      inSystemOrder(parts(world).flatMap(({ actions }) => actions)),
    );
  },
  exceptions: (world) => {
    for (const one of world.policies) {
      const part = world.together.parts[one.name];
      if (!part) continue;
      expect(part).toEqual(world.alone.get(one.name)?.parts[one.name]);
      if (part.cap?.by === 'BreakGlass') continue;
      expect(part.cap?.maxAction).toBe(capFor(one, world.scene));
      const asked = one.rungs
        .filter(({ name }) => part.rungs.includes(name))
        .flatMap(({ actions }) => actions);
      expect(part.actions).toEqual(inSystemOrder(part.cap ? leaves(part.cap.maxAction, asked) : asked));
    }
  },
  [BREAK_GLASS_ANNOTATION]: (world) => {
    const { breakGlassUntil } = world.scene.pod;
    const glass = parts(world).filter(({ cap }) => cap?.by === 'BreakGlass');
    if (breakGlassUntil === undefined || granted(world).every(({ breakGlass }) => !breakGlass)) {
      expect(glass).toEqual([]);
    } else if (glass.length > 0) {
      for (const { actions, cap } of Object.values(world.together.parts)) {
        expect(leaves('Label', actions)).toEqual(actions);
        expect(['None', 'Label']).toContain(cap?.maxAction);
      }
    }
  },
  'isolation.cut': either('PodFirewall', ({ isolation }) => isolation.cut),
  'isolation.ttl': longest(({ isolation }) => isolation.ttl),
  'isolation.onExpiry': either('Notify', ({ isolation }) => isolation.onExpiry),
  'isolation.onDrain': either('Deny', ({ isolation }) => isolation.onDrain),
  'evidence.collectors': (world) => {
    const [merged, each] = setting(world, ({ evidence }) => evidence.collectors);
    expect(merged).toEqual(
      each.length > 0 ? COLLECTORS.filter((name) => each.some((one) => one.includes(name))) : undefined,
    );
  },
  'evidence.contents': either(true, ({ evidence }) => evidence.contents),
  'evidence.deadline': longest(({ evidence }) => evidence.deadline),
  'evidence.maxBytes': extreme(Math.max, ({ evidence }) => parseQuantity(evidence.maxBytes)),
  'evidence.exec': (world) => {
    const [merged, each] = setting(world, ({ evidence }) => evidence.exec ?? []);
    const keys = (some: typeof each) =>
      some.flatMap((all) => all.map(({ container, command }) => JSON.stringify([container, command])));
    expect(keys(merged ? [merged] : [])).toEqual([...new Set(keys(each))].toSorted().slice(0, 4));
  },
  'evidence.required': either(true, ({ evidence }) => evidence.required),
  'eviction.gracePeriodSeconds': extreme(Math.max, ({ eviction }) => eviction.gracePeriodSeconds),
  'eviction.waitForBudget': longest(({ eviction }) => eviction.waitForBudget),
  'eviction.replacement.require': either('Pinned', ({ eviction }) => eviction.replacement.require),
  'eviction.replacement.readyWithin': longest(({ eviction }) => eviction.replacement.readyWithin),
  'limits.perWorkload.quarantined': extreme(Math.min, ({ limits }) => limits.perWorkload.quarantined),
  'limits.perNamespace.quarantined': extreme(Math.min, ({ limits }) => limits.perNamespace.quarantined),
  'comparison.interval': (world) => {
    const [merged, each] = compared(world);
    expect(merged?.intervalMs).toBe(
      each.length > 0 ? Math.min(...each.map(({ intervalMs }) => intervalMs)) : undefined,
    );
  },
  'comparison.expectedWrites': (world) => {
    const [merged, each] = compared(world);
    const all = new Set(each.flatMap(({ expectedWrites }) => expectedWrites));
    expect(new Set(merged?.expectedWrites)).toEqual(all);
  },
  'grants.enforce': (world) => inForceIfGranted(world, 'enforce'),
  'grants.exceptions': (world) => inForceIfGranted(world, 'exceptions'),
  'grants.cut': (world) => inForceIfGranted(world, 'cut'),
  'grants.collectors': (world) => {
    for (const name of COLLECTORS) inForceIfGranted(world, name);
  },
  'grants.exec': (world) => inForceIfGranted(world, 'exec'),
  'grants.comparison': (world) => inForceIfGranted(world, 'comparison'),
  'grants.breakGlass.maxDuration': (world) => {
    const times = granted(world).flatMap(({ breakGlass }) =>
      breakGlass ? [parseDuration(breakGlass.maxDuration)] : [],
    );
    const left =
      Date.parse(world.scene.pod.breakGlassUntil ?? '') -
      Date.parse(world.scene.detection.summary.receivedAt);
    const isHonoured = left > 0 && left <= Math.min(...times) && times.length > 0;
    for (const { actions, cap } of Object.values(world.together.parts)) {
      if (isHonoured) expect(leaves('Label', actions)).toEqual(actions);
      else expect(cap?.by).not.toBe('BreakGlass');
    }
  },
};

/** A policy that grants changes what others may: it is there also when a policy is asked alone. */
function worldOf(policies: readonly CompiledPolicy[], scene: Scene): World {
  const grants = policies.filter((one) => one.grants);
  const alone = policies
    .filter((one) => !one.grants)
    .map((one) => [one.name, answerOf([one, ...grants], scene)] as const);
  return { scene, policies, together: answerOf(policies, scene), alone: new Map(alone) };
}

const COLUMN = /^\| `([^`]+)` \|/gm;
const page = readFileSync(join(import.meta.dirname, '../../../docs/policies.md'), 'utf8');
const section = /^## When several policies match\n([\s\S]*?)^## /m.exec(page)?.[1] ?? '';

describe('the table of the page', () => {
  test('has a row for each property here, and no other', () => {
    expect([...section.matchAll(COLUMN)].map(([, field]) => field)).toEqual(Object.keys(ROWS));
  });

  test('has a row for each field that a policy can have', () => {
    const fields = CUSTOM_KINDS.filter(({ kind }) => kind !== 'DriftIncident').flatMap((kind) => {
      const paths: string[] = [];
      walk(openApiSchema(kind) as unknown as Json, (node, path) => {
        if (path.startsWith('spec.') && node['type'] !== 'object' && node['type'] !== 'array')
          paths.push(path.slice(5));
      });
      return paths;
    });
    const rows = Object.keys(ROWS);
    const isIn = (field: string) => (row: string) => field === row || new RegExp(`^${row}[.[]`).test(field);
    expect(fields.length).toBeGreaterThan(20);
    expect(fields.filter((field) => !rows.some(isIn(field)))).toEqual([]);
  });
});

describe.each(Object.entries(ROWS))('%s', (_field, holds) => {
  test('is what the page says, from what each policy says alone', () => {
    fc.assert(
      fc.property(worlds, ({ policies, scene }) => holds(worldOf(policies, scene))),
      { numRuns: 200 },
    );
  });
});
