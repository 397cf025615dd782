// Policies: which are accepted, what is said of the others, and which pods and rules a compiled one is about.
import { describe, expect, test } from 'vitest';
import { unreadNamespace } from '../../../src/api/namespace.ts';
import { SEVERITY_LABEL, QUARANTINE_LABEL } from '../../../src/api/names.ts';
import { ACTIONS } from '../../../src/api/policy.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import { container, mayStand, pod, policy, settings, storedPolicy } from './builders.ts';

const RUNG = { name: 'contain', actions: ['Label'] };

/** The problems of a spec with one valid rung and the given fields. */
function problems(spec: unknown): { path: string; message: string }[] {
  const compiled = compilePolicy(storedPolicy(spec));
  return compiled.accepted ? [] : compiled.problems;
}
const problemsWith = (fields: object) => problems({ responses: [RUNG], ...fields });

describe('accepts', () => {
  test('a minimal policy, in Audit and with the defaults', () => {
    const compiled = compilePolicy(storedPolicy({ responses: [RUNG] }));
    expect(compiled).toMatchObject({
      accepted: true,
      policy: {
        name: 'web',
        namespace: 'shop',
        uid: 'policy-1',
        generation: 1,
        mode: 'Audit',
        rungs: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label'] }],
        settings: settings(),
      },
    });
  });

  test('every combination of actions without both Evict and Restart', () => {
    const subsets = Array.from({ length: 2 ** ACTIONS.length - 1 }, (_, bits) =>
      ACTIONS.filter((_action, index) => ((bits + 1) >> index) & 1),
    );
    const said = subsets.map((actions) => problems({ responses: [{ name: 'r', actions }] }).length === 0);
    expect(said).toEqual(subsets.map(mayStand));
    expect(said.filter(Boolean)).toHaveLength(23);
  });

  test.each(['0s', '24h', '1h30m'])('waitForBudget %s', (waitForBudget) => {
    expect(problemsWith({ eviction: { waitForBudget } })).toEqual([]);
  });

  test.each(['1s', '24h', '1440m'])('readyWithin %s', (readyWithin) => {
    expect(problemsWith({ eviction: { replacement: { readyWithin } } })).toEqual([]);
  });

  test('everything that it knows, and keeps the settings', () => {
    const accepted = policy({
      mode: 'Enforce',
      match: {
        podSelector: {
          matchLabels: { app: 'web', constructor: 'x' },
          matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['db'] }],
        },
        images: ['*'],
      },
      responses: [{ ...RUNG, minSeverity: 'Error', rules: ['DIE *'] }],
      eviction: { gracePeriodSeconds: 5, waitForBudget: '1m', replacement: { require: 'Pinned' } },
      limits: { perWorkload: { quarantined: 0 } },
    });
    expect(accepted.settings).toEqual(
      settings({ gracePeriodSeconds: 5, waitForBudget: '1m', require: 'Pinned', perWorkload: 0 }),
    );
  });
});

describe('refuses', () => {
  test.each<[string, unknown, string]>([
    ['no spec', undefined, 'spec'],
    ['null', null, 'spec'],
    ['no rungs', {}, 'spec.responses'],
    ['an empty ladder', { responses: [] }, 'spec.responses'],
    ['an unknown mode', { mode: 'Destroy', responses: [RUNG] }, 'spec.mode'],
    [
      'an unknown action',
      { responses: [{ name: 'r', actions: ['Format'] }] },
      'spec.responses[0].actions[0]',
    ],
    [
      'Evict with Restart in one rung',
      { responses: [{ name: 'r', actions: ['Evict', 'Restart'] }] },
      'spec.responses[0].actions',
    ],
    ['no action', { responses: [{ name: 'r', actions: [] }] }, 'spec.responses[0].actions'],
    [
      'a severity of another scale',
      { responses: [{ ...RUNG, minSeverity: 'High' }] },
      'spec.responses[0].minSeverity',
    ],
    ['an empty pattern', { responses: [{ ...RUNG, rules: [''] }] }, 'spec.responses[0].rules[0]'],
    [
      'grace 0',
      { responses: [RUNG], eviction: { gracePeriodSeconds: 0 } },
      'spec.eviction.gracePeriodSeconds',
    ],
    [
      'a duration in days',
      { responses: [RUNG], eviction: { waitForBudget: '1d' } },
      'spec.eviction.waitForBudget',
    ],
  ])('%s, naming the field', (_, spec, path) => {
    const found = problems(spec);
    expect(found.map((problem) => problem.path)).toContain(path);
    for (const { message } of found) expect(message).not.toBe('');
  });

  test('two rungs of one name, naming the later', () => {
    const responses = [RUNG, { ...RUNG, name: 'other' }, RUNG];
    expect(problems({ responses })).toEqual([
      {
        path: 'spec.responses[2].name',
        message: '"contain" is already the name of spec.responses[0]: give each rung its own name',
      },
    ]);
  });

  test.each([
    ['waitForBudget', '24h1s', { waitForBudget: '24h1s' }, '0s to 24h'],
    ['replacement.readyWithin', '0s', { replacement: { readyWithin: '0s' } }, '1s to 24h'],
    ['replacement.readyWithin', '25h', { replacement: { readyWithin: '25h' } }, '1s to 24h'],
  ])('%s %s, naming the range', (field, text, eviction, range) => {
    expect(problemsWith({ eviction })).toEqual([
      {
        path: `spec.eviction.${field}`,
        message: `"${text}" is out of range: write a duration from ${range}`,
      },
    ]);
  });

  test('a duration of more than a year without failing', () => {
    expect(problemsWith({ eviction: { waitForBudget: '99999h' } })).toEqual([
      { path: 'spec.eviction.waitForBudget', message: expect.stringContaining('longer than a year') },
    ]);
  });

  test('a selector that Kubernetes would refuse, by its full path', () => {
    const podSelector = {
      matchLabels: { '-app': 'web' },
      matchExpressions: [{ key: 'tier', operator: 'In' }],
    };
    expect(problemsWith({ match: { podSelector } }).map(({ path }) => path)).toEqual([
      'spec.match.podSelector.matchLabels["-app"]',
      'spec.match.podSelector.matchExpressions[0].values',
    ]);
  });

  test.each([' nginx:*', 'nginx:* ', 'ng\u0000inx', 'a\nb', '\u0085'])(
    'the pattern %j, which could never match',
    (pattern) => {
      expect(problemsWith({ match: { images: ['*', pattern] } })).toEqual([
        { path: 'spec.match.images[1]', message: expect.stringContaining('can never match: remove') },
      ]);
      expect(problems({ responses: [{ ...RUNG, rules: [pattern] }] })).toEqual([
        { path: 'spec.responses[0].rules[0]', message: expect.stringContaining('can never match: remove') },
      ]);
    },
  );

  test('fields of another version at any depth: ignoring one could do more than its author allowed', () => {
    const found = problems({
      responses: [{ ...RUNG, approvedBy: 2 }],
      approval: { requiredFor: ['StatefulSet'], quorum: 2 },
      match: { podSelector: { matchLabels: { app: 'web' }, matchNames: ['x'] } },
      limits: { perWorkload: { quarantined: 1, restarting: 1 } },
      prevention: {},
    });
    expect(found.map(({ path }) => path)).toEqual([
      'spec.responses[0].approvedBy',
      'spec.approval.quorum',
      'spec.match.podSelector.matchNames',
      'spec.limits.perWorkload.restarting',
      'spec.prevention',
    ]);
    expect(found[0]?.message).toBe(
      'this version of die-operator does not know the field: remove it, or upgrade die-operator',
    );
  });

  test('with all problems at once', () => {
    const found = problems({
      responses: [RUNG, RUNG],
      match: { images: [' x'] },
      eviction: { waitForBudget: '99h', replacement: { readyWithin: '0s' } },
    });
    expect(found.map(({ path }) => path)).toEqual([
      'spec.match.images[0]',
      'spec.responses[1].name',
      'spec.eviction.waitForBudget',
      'spec.eviction.replacement.readyWithin',
    ]);
  });
});

describe('a compiled policy is about', () => {
  test('pods of its own namespace only', () => {
    expect(policy().matchesNamespace(unreadNamespace('shop'))).toBe(true);
    expect(policy().matchesNamespace(unreadNamespace('shop-2'))).toBe(false);
    expect(policy({}, { namespace: 'other' }).matchesNamespace(unreadNamespace('shop'))).toBe(false);
  });

  test('pods that its selector selects', () => {
    const web = policy({ match: { podSelector: { matchLabels: { app: 'web' } } } });
    expect(web.matchesPod(pod({ labels: { app: 'web', x: 'y' } }))).toBe(true);
    expect(web.matchesPod(pod({ labels: {} }))).toBe(false);
  });

  test.each([QUARANTINE_LABEL, SEVERITY_LABEL])('the same pods with and without our label %s', (key) => {
    const operators = ['Exists', 'DoesNotExist'] as const;
    for (const operator of operators) {
      const about = policy({ match: { podSelector: { matchExpressions: [{ key, operator }] } } });
      expect(about.matchesPod(pod({ labels: { [key]: 'true' } }))).toBe(
        about.matchesPod(pod({ labels: {} })),
      );
    }
  });

  test.each([
    ['nginx:1.27', 'nginx:1.27', true],
    ['nginx:*', 'nginx:1.27', true],
    ['docker.io/library/nginx:*', 'nginx:1.27', true],
    ['docker.io/library/nginx:*', 'nginx', true],
    ['docker.io/library/nginx:*', 'docker.io/nginx:1.27', true],
    ['docker.io/library/*', 'bitnami/nginx', false],
    ['docker.io/*', 'registry.example/shop/web', false],
    ['registry.example/shop/*', 'registry.example/shop/web@sha256:00', true],
    ['registry.example/shop/*', 'registry.example/shopping/web', false],
  ])('images %s: %s is %j', (pattern, image, matched) => {
    const about = policy({ match: { images: ['never', pattern] } });
    expect(about.matchesPod(pod({ containers: [container({ image })] }))).toBe(matched);
  });

  test('a pod of which any container has the image', () => {
    const about = policy({ match: { images: ['sidecar:*'] } });
    const containers = [container(), container({ name: 'proxy', image: 'sidecar:2' })];
    expect(about.matchesPod(pod({ containers }))).toBe(true);
    expect(about.matchesPod(pod({ containers: [container()] }))).toBe(false);
    expect(about.matchesPod(pod({ containers: [] }))).toBe(false);
  });

  test('pods that meet namespace, selector and images together', () => {
    const about = policy({ match: { podSelector: { matchLabels: { app: 'web' } }, images: ['nginx:*'] } });
    expect(about.matchesPod(pod())).toBe(true);
    expect(about.matchesPod(pod({ labels: { app: 'api' } }))).toBe(false);
    expect(about.matchesPod(pod({ containers: [container({ image: 'httpd:2' })] }))).toBe(false);
  });

  test('rules that match a pattern of the rung, or all if it has none', () => {
    const [some, all] = policy({
      responses: [
        { ...RUNG, name: 'some', rules: ['DIE *', 'Exact'] },
        { ...RUNG, name: 'all' },
      ],
    }).rungs;
    expect(['DIE x', 'Exact', 'exact', 'Other'].map((rule) => some?.matchesRule(rule))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(all?.matchesRule('anything')).toBe(true);
  });
});
