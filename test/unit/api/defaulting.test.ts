// Defaults and pruning are those of an API server, and the defaults those of zod, from which the operator reads.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CUSTOM_KINDS, openApiSchema } from '../../../src/api/crd.ts';
import { pruneAndDefault, type JsonObject } from '../../../src/api/defaulting.ts';
import { DriftPolicySpecSchema } from '../../../src/api/policy.ts';
import { SEVERITIES } from '../../../src/api/severity.ts';

const [policies, , incidents] = CUSTOM_KINDS.map(openApiSchema);
if (!policies || !incidents) throw new Error('a kind is missing');

const settledSpec = (spec: unknown) => pruneAndDefault(policies, { spec }, [])['spec'];
const responses = [{ name: 'note', actions: ['Label'] }];

describe('defaults of a policy', () => {
  it('are those that the documentation names', () => {
    expect(settledSpec({ responses })).toEqual({
      mode: 'Audit',
      match: {},
      responses: [{ name: 'note', minSeverity: 'Warning', actions: ['Label'] }],
      isolation: { cut: 'None', ttl: '24h', onExpiry: 'Notify', onDrain: 'CaptureThenAllow' },
      evidence: {
        collectors: [],
        contents: true,
        deadline: '2m',
        maxBytes: '256Mi',
        required: false,
      },
      eviction: {
        gracePeriodSeconds: 1,
        waitForBudget: '10m',
        then: 'Hold',
        replacement: { require: 'Baseline', readyWithin: '5m', quietFor: '1m' },
      },
      approval: {
        requiredFor: ['StatefulSet', 'BarePod', 'SingleReplica', 'LastReadyCopy'],
        before: 'Evict',
        within: '24h',
      },
      limits: {
        perWorkload: {
          quarantined: 2,
          evicting: 1,
          maxUnavailable: '25%',
          recurrences: 3,
          recurrenceWindow: '24h',
        },
        perNamespace: { quarantined: 10, evictions: 5, window: '10m' },
        cooldown: '15m',
      },
    });
  });

  it.each<[string, object]>([
    ['nothing but responses', { responses }],
    ['one half of eviction', { responses, eviction: { gracePeriodSeconds: 30 } }],
    ['one half of replacement', { responses, eviction: { replacement: { require: 'Pinned' } } }],
    ['empty objects', { responses, match: {}, eviction: {}, limits: { perWorkload: {} } }],
    ['every default written out', { responses, mode: 'Audit', limits: { perWorkload: { quarantined: 2 } } }],
  ])('equal those of zod: %s', (_, spec) => {
    expect(settledSpec(spec)).toEqual(DriftPolicySpecSchema.parse(spec));
  });

  const some = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
  const duration = fc.constantFrom('90s', '10m', '1h30m');
  const spec = fc.record(
    {
      mode: fc.constantFrom('Audit', 'Enforce'),
      match: fc.record(
        { podSelector: fc.constant({ matchLabels: { app: 'web' } }), images: fc.constant(['a/*']) },
        { requiredKeys: [] },
      ),
      responses: fc.uniqueArray(
        fc.record(
          {
            name: fc.constantFrom('a', 'b', 'c'),
            minSeverity: fc.constantFrom(...SEVERITIES),
            actions: fc.constant(['Label']),
          },
          { requiredKeys: ['name', 'actions'] },
        ),
        { minLength: 1, selector: ({ name }) => name },
      ),
      isolation: fc.record(
        {
          cut: fc.constant('PodFirewall'),
          ttl: duration,
          onExpiry: fc.constant('Evict'),
          onDrain: fc.constant('Deny'),
        },
        { requiredKeys: [] },
      ),
      evidence: fc.record(
        {
          collectors: fc.subarray(['Processes', 'Filesystem']),
          contents: fc.boolean(),
          deadline: duration,
          maxBytes: fc.constantFrom('1Mi', '2Gi'),
          required: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
      eviction: fc.record(
        {
          gracePeriodSeconds: fc.integer({ min: 1, max: 3600 }),
          waitForBudget: duration,
          replacement: fc.record(
            { require: fc.constant('Pinned'), readyWithin: duration },
            { requiredKeys: [] },
          ),
        },
        { requiredKeys: [] },
      ),
      limits: fc.record(
        { perWorkload: fc.record({ quarantined: fc.nat(1000) }, { requiredKeys: [] }) },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: ['responses'] },
  );

  it('equal those of zod for every valid spec', () => {
    fc.assert(
      fc.property(spec, (value) => {
        expect(settledSpec(value)).toEqual(DriftPolicySpecSchema.parse(value));
      }),
    );
  });

  it('are filled in for a null too', () => {
    const nulls = some(fc.constant(null));
    fc.assert(
      fc.property(spec, nulls, nulls, (value, mode, eviction) => {
        const { mode: _, eviction: __, ...rest } = value;
        expect(settledSpec({ ...rest, mode, eviction })).toEqual(DriftPolicySpecSchema.parse(rest));
      }),
    );
  });

  it('are filled in once: an object that has them stays as it is', () => {
    fc.assert(
      fc.property(spec, (value) => {
        expect(settledSpec(settledSpec(value))).toEqual(settledSpec(value));
      }),
    );
  });
});

describe('defaults of an incident', () => {
  it('give it the maps that receivers patch into', () => {
    expect(pruneAndDefault(incidents, {}, [])).toEqual({ status: { reports: {} } });
    expect(pruneAndDefault(incidents, { status: { phase: 'Observed' } }, [])).toEqual({
      status: { phase: 'Observed', reports: {} },
    });
  });

  it('do not make up a spec', () => {
    expect(pruneAndDefault(incidents, { spec: {} }, [])['spec']).toEqual({});
  });
});

describe('unknown fields', () => {
  it('are left out and named by their path', () => {
    const unknown: string[] = [];
    const object = {
      spec: {
        responses: [
          { name: 'a', actions: [] },
          { name: 'b', colour: 'red' },
        ],
        match: { podSelector: { matchlabels: {} } },
      },
      extra: true,
    };
    const settled = pruneAndDefault(policies, object, unknown);
    expect(unknown).toEqual(['spec.responses[1].colour', 'spec.match.podSelector.matchlabels', 'extra']);
    expect(settled).not.toHaveProperty('extra');
    expect(JSON.stringify(settled)).not.toMatch(/colour|matchlabels/);
  });

  it('are not the keys of a map', () => {
    const unknown: string[] = [];
    const matchLabels = { anything: 'goes', 'example.com/too': '' };
    pruneAndDefault(policies, { spec: { match: { podSelector: { matchLabels } } } }, unknown);
    expect(unknown).toEqual([]);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('may be called %s', (name) => {
    const unknown: string[] = [];
    const object = JSON.parse(`{"spec": {"${name}": {"polluted": true}}}`) as JsonObject;
    const settled = pruneAndDefault(policies, object, unknown);
    expect(unknown).toEqual([`spec.${name}`]);
    expect(Object.keys(settled['spec'] as object)).not.toContain(name);
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('what is kept', () => {
  it('keeps metadata as it is, but not the same object', () => {
    const metadata = {
      name: 'web',
      labels: { a: 'b' },
      managedFields: [{ manager: 'kubectl', anything: null }],
    };
    const settled = pruneAndDefault(policies, { metadata }, []);
    expect(settled['metadata']).toEqual(metadata);
    expect(settled['metadata']).not.toBe(metadata);
  });

  it('keeps wrong values for validation to name', () => {
    expect(
      settledSpec({ responses: 'no list', eviction: { gracePeriodSeconds: '1' }, match: [] }),
    ).toMatchObject({
      responses: 'no list',
      eviction: { gracePeriodSeconds: '1' },
      match: [],
    });
  });

  it('leaves out nulls that stand for nothing', () => {
    expect(
      settledSpec({ match: { images: null, podSelector: { matchLabels: { app: null } } } }),
    ).toMatchObject({
      match: { podSelector: { matchLabels: {} } },
    });
  });

  it('does not change what it is given', () => {
    const object = Object.freeze({ spec: Object.freeze({ responses: Object.freeze(responses), extra: 1 }) });
    expect(() => pruneAndDefault(policies, object, [])).not.toThrow();
    expect(object.spec).toEqual({ responses, extra: 1 });
  });

  it('fills in defaults of its own: two objects share none', () => {
    const [one, other] = [settledSpec({}), settledSpec({})] as [JsonObject, JsonObject];
    (one['match'] as JsonObject)['images'] = ['a'];
    expect(other['match']).toEqual({});
    expect(settledSpec({})).toMatchObject({ match: {} });
  });
});
