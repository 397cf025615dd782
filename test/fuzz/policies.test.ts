// Policies: any object is compiled or refused with what is wrong, and one that is accepted never does more than is
// written in it.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { openApiSchema, CUSTOM_KINDS } from '../../src/api/crd.ts';
import { pruneAndDefault } from '../../src/api/defaulting.ts';
import type { PodFacts } from '../../src/api/pod.ts';
import { ACTIONS, type DriftPolicy } from '../../src/api/policy.ts';
import { SEVERITIES, type Severity } from '../../src/api/severity.ts';
import { validators } from '../../src/api/validate.ts';
import type { Match } from '../../src/decide/match.ts';
import { matched } from '../support/matched.ts';
import { compilePolicy, type CompiledPolicy } from '../../src/decide/policies.ts';
import { aDetection, aPod, aPolicy } from '../support/builders.ts';
import { policySpecs } from './support/corpus.ts';
import { fuzz } from './support/fuzz.ts';
import { mutationsOf } from './support/mutate.ts';
import { anyText, oddJson, oddText, type Json } from './support/noise.ts';

const specs = policySpecs();
const kind = CUSTOM_KINDS.find(({ plural }) => plural === 'driftpolicies');
assert.ok(kind);
const schema = openApiSchema(kind);

fuzz({
  name: 'policies',
  promise: 'any object is compiled or refused, as the API server would have it',
  input: fc.oneof({ weight: 19, arbitrary: mutationsOf(specs) }, { weight: 1, arbitrary: oddJson }),
  check: (written, seen) => {
    const policy = asServed(written);
    const verdict = validators.driftpolicies(policy);
    // Of the same action twice we make one; the API server refuses it.
    const problems = verdict.problems.filter(({ reason }) => reason !== 'FieldValueDuplicate');
    const served = problems.length === 0 && verdict.unknownFields.length === 0;
    const compilation = compilePolicy(policy);
    seen(compilation.accepted ? 'accepted' : served ? 'served and refused' : 'refused');
    if (!compilation.accepted) {
      assert.ok(compilation.problems.length > 0, 'refused without a reason');
      for (const { path, message } of compilation.problems) {
        assert.ok(path.startsWith('spec') && message.length > 0, `${path}: ${message}`);
      }
      return;
    }
    // What we accept the API server has too: nothing that it would refuse ever acts.
    assert.ok(served, `accepted here and refused there: ${JSON.stringify(verdict)}`);
    const { spec } = pruneAndDefault(schema, { spec: policy.spec }, []) as { spec: DriftPolicy['spec'] };
    const { isolation, evidence, eviction, approval, limits } = spec;
    assert.deepEqual(
      compilation.policy.settings,
      { isolation, evidence, eviction, approval, limits },
      'the API server sets other defaults',
    );
    assertNoMore(compilation.policy, policy.spec);
  },
  reaches: ['accepted', 'served and refused', 'refused'],
});

const pod = fc
  .record({
    labels: fc.oneof(fc.constant({ app: 'web', tier: 'b' }), fc.dictionary(oddText, oddText, { maxKeys: 4 })),
    images: fc.array(fc.oneof(fc.constantFrom('registry.example/shop/web:1.2', 'nginx'), anyText), {
      maxLength: 3,
    }),
    namespace: fc.constantFrom('shop', 'shop', 'shop', 'other'),
  })
  .map(({ images, ...rest }) =>
    aPod({
      ...rest,
      containers: images.map((image, index) => ({ name: `c${index}`, image, terminated: false })),
    }),
  );
const detection = fc
  .record({
    rule: fc.oneof(
      fc.constantFrom('DIE Binary Drift Executed', 'Drop and execute new binary in container'),
      anyText,
    ),
    severity: fc.constantFrom(...SEVERITIES),
  })
  .map((change) => aDetection(change));

fuzz({
  name: 'matching',
  promise:
    'accepted policies ask for what their rungs say and for nothing else, whatever pod and alert are like',
  input: fc.record({
    policies: fc.array(mutationsOf(specs, 3), { minLength: 1, maxLength: 4 }),
    pod,
    detection,
  }),
  check: ({ policies, pod: victim, detection: alert }, seen) => {
    const served = policies.map((spec, index) => asServed(spec, `policy-${index}`));
    const compiled = served.flatMap((policy) => {
      const compilation = compilePolicy(policy);
      return compilation.accepted ? [{ policy, compiled: compilation.policy }] : [];
    });
    const match = matched(
      compiled.map((one) => one.compiled),
      victim,
      alert,
    );
    seen(match ? 'matched' : 'no match');
    if (match)
      assertAsked(
        match,
        compiled.map((one) => one.policy),
        victim,
        alert.summary.severity,
      );
  },
  reaches: ['matched', 'no match'],
});

/** Only what an independent reading of the written policies allows. */
function assertAsked(
  match: Match,
  policies: readonly DriftPolicy[],
  victim: PodFacts,
  severity: Severity,
): void {
  for (const { uid, mode, actions, rungs } of match.contributions) {
    const policy = policies.find(({ metadata }) => metadata.uid === uid);
    assert.ok(policy, 'a contribution of a policy that is not there');
    assert.equal(policy.metadata.namespace, victim.namespace, 'a policy reaches into another namespace');
    assert.equal(mode === 'Enforce', policy.spec.mode === 'Enforce', 'enforces what is not in Enforce');
    const met = policy.spec.responses.filter(
      (rung) => SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(rung.minSeverity ?? 'Warning'),
    );
    const allowed = met.filter(({ name }) => rungs.includes(name)).flatMap((rung) => rung.actions);
    assert.ok(
      actions.every((action) => allowed.includes(action)),
      `${actions.join()} is more than ${allowed.join()}`,
    );
    assert.deepEqual(
      actions,
      ACTIONS.filter((action) => actions.includes(action)),
      'not in the order of the system',
    );
  }
}

function assertNoMore({ rungs, mode }: CompiledPolicy, written: DriftPolicy['spec']): void {
  assert.equal(mode === 'Enforce', written.mode === 'Enforce');
  const asWritten = written.responses.map(({ name, actions }) => ({ name, actions }));
  const compiled = rungs.map(({ name, actions }) => ({ name, actions }));
  assert.ok(isDeepStrictEqual(compiled, asWritten), 'a rung does something else than written');
}

/** The spec in an object as an API server gives it. */
function asServed(spec: Json, name = 'web'): DriftPolicy {
  const { metadata, ...rest } = aPolicy();
  return {
    ...rest,
    metadata: { ...metadata, name, uid: `uid-of-${name}` },
    spec: spec as unknown as DriftPolicy['spec'],
  };
}
