// The table of rights: what each action needs, that config/ grants exactly these, and what people are told.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ACTIONS, POLICY_KINDS, type Action } from '../../../src/api/policy.ts';
import {
  describeMissing,
  isGapOnly,
  restartRights,
  rightsFor,
  type NeededRight,
} from '../../../src/incidents/policy-rights.ts';
import type { Manifest } from '../../support/manifests.ts';
import { describeRight, rightsOf } from '../../support/rights.ts';

// Bound namespace by namespace, by people.
const UNBOUND = ACTIONS.filter((action) => action !== 'Restart');
interface Role {
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

const CONFIG = join(import.meta.dirname, '../../../config');
/** As long as the API server allows. */
const LONG_NAMESPACE = 'n'.repeat(63);
/** An Event says `Ready=False: ` before it, and has at most 1024 bytes; a condition too. */
const MAX_BYTES = 1024 - Buffer.byteLength('Ready=False: ');

const lineOf = ({ verb, resource: { group, plural }, at, stops }: NeededRight): string => {
  const { namespace, name, subresource } = at;
  const path = [plural, ...(subresource === undefined ? [] : [subresource])].join('/');
  const where = [namespace, name].filter((part) => part !== undefined).join('/');
  return [verb, group && `${group}:`, path, where && `@${where}`, '->', stops.join(' ') || 'gap']
    .filter(Boolean)
    .join(' ');
};

const COMMON = (stops: string) => [
  `get die-operator.dev: driftincidents @shop -> ${stops}`,
  `patch die-operator.dev: driftincidents/status @shop -> ${stops}`,
  `get pods @shop -> ${stops}`,
];
const COUNTED = ['list policy: poddisruptionbudgets @shop -> gap', 'list resourcequotas @shop -> gap'];
const EVIDENCE = [
  'get pods/log @shop -> gap',
  'list events @shop -> gap',
  'get serviceaccounts @shop -> gap',
  'get apps: replicasets @shop -> gap',
  'get apps: deployments @shop -> gap',
  'get apps: statefulsets @shop -> gap',
  'get apps: daemonsets @shop -> gap',
  'get batch: jobs @shop -> gap',
  'list discovery.k8s.io: endpointslices @shop -> gap',
  'list networking.k8s.io: networkpolicies @shop -> gap',
  'list policy: poddisruptionbudgets @shop -> gap',
];

describe('the rights for', () => {
  test.each<[Action[], string[]]>([
    [
      ['Label'],
      [
        ...COMMON('Label'),
        'patch die-operator.dev: driftincidents @shop -> Label Release',
        'patch pods @shop -> Label Release',
        'get namespaces @shop/shop -> Release',
      ],
    ],
    [
      ['Isolate'],
      [
        ...COMMON('Isolate'),
        'patch die-operator.dev: driftincidents @shop -> Isolate Release Contain',
        'patch pods @shop -> Isolate Release',
        'get networking.k8s.io: networkpolicies @shop/die-operator-quarantine -> Isolate',
        'patch networking.k8s.io: networkpolicies @shop/die-operator-quarantine -> Isolate',
        'create networking.k8s.io: networkpolicies @shop -> Isolate',
        'get configmaps @die-operator-system/die-operator -> Contain',
        'get namespaces @shop/shop -> Release Contain',
        'delete pods @shop -> Contain',
        ...COUNTED,
      ],
    ],
    [
      ['Capture'],
      [...COMMON('Capture'), ...EVIDENCE, 'get namespaces @shop/shop -> gap', 'get nodes -> gap'],
    ],
    [
      ['Evict'],
      [
        ...COMMON('Evict'),
        'create pods/eviction @shop -> Evict',
        'get apps: statefulsets @shop -> Touch',
        'patch apps: statefulsets @shop -> Touch',
        'get die-operator.dev: driftpolicies @shop -> Evict',
        'get configmaps @die-operator-system/die-operator -> Evict',
        ...COUNTED,
      ],
    ],
    [[], []],
  ])('%j are those that its calls need', (actions, expected) => {
    expect(rightsFor(actions, 'shop').map(lineOf)).toEqual(expected);
  });

  test('actions that are asked for twice are asked for once', () => {
    expect(rightsFor(['Evict', 'Evict'], 'shop')).toEqual(rightsFor(['Evict'], 'shop'));
  });

  test('Label and Capture name the Namespace once, as what stops a release', () => {
    const lines = rightsFor(['Label', 'Capture'], 'shop').map(lineOf);
    expect(lines.filter((line) => line.includes('namespaces'))).toEqual([
      'get namespaces @shop/shop -> Release',
    ]);
    expect(lines).toEqual(expect.arrayContaining(EVIDENCE));
  });

  test('several actions are those of each of them', () => {
    fc.assert(
      fc.property(fc.subarray([...ACTIONS]), (actions) => {
        const keyOf = (right: NeededRight) => lineOf(right).split(' -> ')[0];
        const together = rightsFor(actions, 'shop').map(keyOf);
        const each = actions.flatMap((action) => rightsFor([action], 'shop').map(keyOf));
        expect(new Set(together)).toEqual(new Set(each));
        expect(together).toHaveLength(new Set(together).size);
      }),
    );
  });
});

describe('config/', () => {
  const load = async (file: string): Promise<string[]> => {
    const documents = parseAllDocuments(await readFile(join(CONFIG, file), 'utf8'));
    return rightsOf(documents.map((document) => document.toJS() as Manifest)).map(describeRight);
  };
  // The table asks about one namespace; the roles are bound in all of them, and only the switch has one of its own.
  const needed = (actions: readonly Action[]): string[] =>
    POLICY_KINDS.flatMap((kind) => rightsFor(actions, 'shop', kind)).map(
      ({ verb, resource, at: { namespace, name, subresource } }) =>
        describeRight({
          account: 'responder',
          verb,
          group: resource.group,
          resource: [resource.plural, subresource].filter((part) => part !== undefined).join('/'),
          ...(name !== undefined && resource.namespaced && { name }),
          ...(namespace === 'die-operator-system' && { namespace }),
        }),
    );

  test('overlays/enforce grants besides what actions need only that a deny policy can be removed', async () => {
    const granted = await load('overlays/enforce/responder-rights.yaml');
    expect(granted.length).toBeGreaterThan(15);
    const all = needed(ACTIONS);
    expect(granted.filter((right) => !all.includes(right))).toEqual([
      'responder: delete networkpolicies.networking.k8s.io "die-operator-quarantine"',
    ]);
  });

  test('components/restart has what Restart needs besides, and nobody has it', async () => {
    const text = await readFile(join(CONFIG, 'components/restart/rights.yaml'), 'utf8');
    const [role, ...bindings] = parseAllDocuments(text).map((document) => document.toJS() as Role);
    expect(bindings).toEqual([]);
    const given = (role?.rules ?? []).flatMap(({ apiGroups, resources, verbs }) =>
      verbs.map((verb) => `${verb} ${resources[0]}${apiGroups[0] && `.${apiGroups[0]}`}`),
    );
    const asked = restartRights(['shop']).map(
      ({ verb, resource: { plural, group } }) => `${verb} ${plural}${group && `.${group}`}`,
    );
    expect(given.toSorted()).toEqual(asked.toSorted());
  });

  test('grants all that the actions need', async () => {
    const granted = await Promise.all(
      ['default', 'overlays/enforce'].map((of) => load(`${of}/responder-rights.yaml`)),
    );
    expect(needed(UNBOUND).filter((right) => !granted.flat().includes(right))).toEqual([]);
  });

  test('default grants besides only what a responder needs to run at all, and to tell', async () => {
    const granted = await load('default/responder-rights.yaml');
    const all = needed(ACTIONS);
    // What it may do to objects of its own namespace is about itself.
    const toOthers = granted.filter((right) => !right.endsWith(' in die-operator-system'));
    expect(toOthers.filter((right) => !all.includes(right)).toSorted()).toEqual([
      'responder: create events.events.k8s.io',
      'responder: list clusterdriftpolicies.die-operator.dev',
      'responder: list driftincidents.die-operator.dev',
      'responder: list driftpolicies.die-operator.dev',
      'responder: list namespaces',
      'responder: list pods',
      'responder: patch clusterdriftpolicies.die-operator.dev/status',
      'responder: patch driftpolicies.die-operator.dev/status',
      'responder: watch clusterdriftpolicies.die-operator.dev',
      'responder: watch driftincidents.die-operator.dev',
      'responder: watch driftpolicies.die-operator.dev',
      'responder: watch namespaces',
      'responder: watch networkpolicies.networking.k8s.io',
      'responder: watch pods',
    ]);
  });
});

describe('people are told', () => {
  const pick = (actions: Action[], ...lines: string[]): NeededRight[] => {
    const found = rightsFor(actions, 'shop').filter((right) =>
      lines.some((line) => lineOf(right).startsWith(line)),
    );
    expect(found).toHaveLength(lines.length);
    return found;
  };
  const CURE = 'Install config/overlays/enforce.';

  test('which rights are missing and which steps fail', () => {
    const missing = pick(['Label', 'Evict'], 'patch pods', 'create pods/eviction');
    expect(describeMissing(missing)).toBe(
      `die-operator lacks pods patch, pods/eviction create in namespace shop. These steps fail and are retried: Label, Evict, Release. ${CURE}`,
    );
  });

  test('of several verbs on a kind together', () => {
    const missing = pick(['Isolate'], 'patch pods', 'delete pods', 'get networking', 'create networking');
    expect(describeMissing(missing)).toContain(
      'lacks pods patch/delete, networkpolicies.networking.k8s.io get/create in namespace shop. ',
    );
  });

  test('where each right is missing', () => {
    const missing = pick(['Evict', 'Capture'], 'get configmaps', 'create pods/eviction', 'get nodes');
    expect(describeMissing(missing)).toBe(
      `die-operator lacks pods/eviction create in namespace shop, and configmaps get in namespace die-operator-system. These steps fail and are retried: Evict. Evidence has gaps without nodes get. ${CURE}`,
    );
  });

  test('that it is not known what a workload can spare, and the response goes on', () => {
    const missing = pick(['Isolate', 'Capture'], 'list policy', 'list resourcequotas', 'get nodes');
    expect(missing.every(isGapOnly)).toBe(true);
    expect(describeMissing(missing)).toBe(
      `Responses are carried out. Facts are missing without poddisruptionbudgets.policy list, resourcequotas list in namespace shop, and nodes get. ${CURE}`,
    );
  });

  test('that evidence is incomplete, and the response goes on', () => {
    const missing = pick(['Capture'], 'get pods/log', 'list networking.k8s.io', 'get nodes');
    expect(missing.every(isGapOnly)).toBe(true);
    expect(describeMissing(missing)).toBe(
      `Responses are carried out. Evidence has gaps without pods/log get, networkpolicies.networking.k8s.io list in namespace shop, and nodes get. ${CURE}`,
    );
  });

  test('of every missing right, whichever are missing, in a text that is never cut', () => {
    const all = rightsFor(ACTIONS, LONG_NAMESPACE);
    const some = fc.subarray(all, { minLength: 1 });
    fc.assert(
      fc.property(some, (missing) => {
        const text = describeMissing(missing);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_BYTES);
        for (const { verb, resource, at } of missing) {
          const group = resource.group && `.${resource.group}`;
          const part = at.subresource === undefined ? '' : `/${at.subresource}`;
          expect(text).toMatch(new RegExp(` ${resource.plural}${group}${part} ([a-z]+/)*${verb}[/,. ]`));
        }
      }),
    );
    expect(Buffer.byteLength(describeMissing(all))).toBeLessThanOrEqual(MAX_BYTES);
  });

  test('of few places, where a right is missing in many', () => {
    const many = Array.from({ length: 500 }, (_, i) => `${i}`.padStart(63, 'n'));
    const text = describeMissing(restartRights(many));
    expect(text).toContain('and in 497 more namespaces');
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_BYTES);
  });
});

test('the rights of Restart are asked for in namespaces only', () => {
  const ofRestart = (namespace: string | undefined) =>
    rightsFor(['Restart'], namespace, 'ClusterDriftPolicy').filter(({ stops }) => stops.includes('Keep'));
  expect(ofRestart(undefined).filter(({ resource }) => resource.plural === 'controllerrevisions')).toEqual(
    [],
  );
  expect(ofRestart('shop').length).toBeGreaterThan(ofRestart(undefined).length);
});
