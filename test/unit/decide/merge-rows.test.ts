// The table "When several policies match" of docs/policies.md: a property for each row, and no row without one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CUSTOM_KINDS, openApiSchema } from '../../../src/api/crd.ts';
import { BREAK_GLASS_ANNOTATION } from '../../../src/api/names.ts';
import { APPROVAL_CASES, COLLECTORS } from '../../../src/api/policy.ts';
import { askLists, uniteApproved } from '../../../src/decide/approved-images.ts';
import { listsForVerification } from '../../../src/decide/verification.ts';
import { parseDuration } from '../../../src/decide/duration.ts';
import { inSystemOrder } from '../../../src/decide/merge.ts';
import { protectionOf } from '../../../src/decide/protect.ts';
import type { CompiledPolicy } from '../../../src/decide/policies.ts';
import { parseQuantity } from '../../../src/decide/quantity.ts';
import { NOW } from '../../support/builders.ts';
import { rulebookOf } from '../../support/matched.ts';
import { walk, type Json } from '../api/structural-rules.ts';
import { SHOP, worlds } from './merge-worlds.ts';

import {
  parts,
  actionsOf,
  setting,
  extreme,
  longest,
  either,
  compared,
  verified,
  allowing,
  granted,
  inForceIfGranted,
  capFor,
  withException,
  leaves,
  worldOf,
  type Row,
} from './merge-rules.ts';

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
  'eviction.then': either('Hold', ({ eviction }) => eviction.then),
  'eviction.replacement.require': either('Pinned', ({ eviction }) => eviction.replacement.require),
  'eviction.replacement.readyWithin': longest(({ eviction }) => eviction.replacement.readyWithin),
  'eviction.replacement.quietFor': longest(({ eviction }) => eviction.replacement.quietFor),
  'approval.requiredFor': (world) => {
    const [merged, each] = setting(world, ({ approval }) => approval.requiredFor);
    expect(merged).toEqual(
      each.length > 0 ? APPROVAL_CASES.filter((one) => each.some((some) => some.includes(one))) : undefined,
    );
  },
  'approval.before': either('Isolate', ({ approval }) => approval.before),
  'approval.within': longest(({ approval }) => approval.within),
  'limits.perWorkload.quarantined': extreme(Math.min, ({ limits }) => limits.perWorkload.quarantined),
  'limits.perWorkload.evicting': extreme(Math.min, ({ limits }) => limits.perWorkload.evicting),
  'limits.perWorkload.maxUnavailable': extreme(Math.min, ({ limits }) =>
    parseInt(limits.perWorkload.maxUnavailable),
  ),
  'limits.perWorkload.recurrences': extreme(Math.min, ({ limits }) => limits.perWorkload.recurrences),
  'limits.perWorkload.recurrenceWindow': longest(({ limits }) => limits.perWorkload.recurrenceWindow),
  'limits.perNamespace.quarantined': extreme(Math.min, ({ limits }) => limits.perNamespace.quarantined),
  'limits.perNamespace.evictions': extreme(Math.min, ({ limits }) => limits.perNamespace.evictions),
  'limits.perNamespace.window': longest(({ limits }) => limits.perNamespace.window),
  'limits.cooldown': longest(({ limits }) => limits.cooldown),
  approvedImages: ({ policies, scene }) => {
    const selecting = policies.filter((one) => one.matchesPod(scene.pod) && one.approvedImages);
    const lists = selecting.map(({ kind, name, approvedImages }) => ({
      policy: { kind, name },
      images: approvedImages ?? new Map<string, Set<string>>(),
      approves: true,
    }));
    for (const [repository, digests] of lists.flatMap(({ images }) => [...images])) {
      for (const digest of digests) {
        const isNamed = lists.every(({ images }) => images.get(repository)?.has(digest) ?? true);
        const asked = askLists(lists, repository, (listed) => listed === digest);
        expect('approved' in asked).toBe(isNamed);
      }
    }
  },
  // What a ConfigMap lists is judged like what a policy names.
  approvedImagesFrom: ({ policies, scene }) => {
    const listed = new Map([['registry.example/shop/other', new Set(['sha256:1'])]]);
    const lists = listsForVerification(scene.pod, policies, (one) =>
      uniteApproved(one.approvedImages, one.approvedFromConfigMap && listed),
    );
    const selecting = policies.filter((one) => one.matchesPod(scene.pod));
    const isOfCluster = ({ kind }: CompiledPolicy) => kind === 'ClusterDriftPolicy';
    const enforcing = selecting.filter(({ mode }) => mode === 'Enforce');
    const heard = selecting.filter(
      (one) =>
        one.mode === 'Enforce' ||
        (!enforcing.some(isOfCluster) && (isOfCluster(one) || enforcing.length === 0)),
    );
    const saying = heard.filter((one) => one.approvedImages ?? one.approvedFromConfigMap);
    expect(lists.map(({ policy }) => policy.name)).toEqual(saying.map(({ name }) => name));
    for (const [index, one] of saying.entries()) {
      const repositories = new Set(lists[index]?.images.keys());
      const own = [...(one.approvedImages?.keys() ?? [])];
      expect(repositories).toEqual(new Set([...own, ...(one.approvedFromConfigMap ? listed.keys() : [])]));
    }
  },
  'verification.interval': (world) => {
    const { merged, each } = verified(world);
    expect(merged?.intervalMs).toBe(
      each.length > 0 ? Math.min(...each.map(({ asked }) => asked.intervalMs)) : undefined,
    );
  },
  'verification.allowedContainers': allowing('allowedContainers'),
  'verification.allowedVolumes': allowing('allowedVolumes'),
  'verification.allowedVariables': allowing('allowedVariables'),
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
  'grants.restart': (world) => inForceIfGranted(world, 'restart'),
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
  unprotect: ({ policies, scene: { pod } }) => {
    const excepting = policies.map((one, index) =>
      one.kind === 'DriftPolicy' ? one : withException(one, index % 2 === 1),
    );
    const touched = (some: readonly CompiledPolicy[]) => {
      const { exemptions } = rulebookOf(some, SHOP);
      return protectionOf(pod, { namespaces: new Set([SHOP.name]), exemptions, now: NOW }) === undefined;
    };
    expect(touched(excepting)).toBe(excepting.some((one) => touched([one])));
  },
};

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
