// What the status of a policy says about what it asks of nodes: which helpers and rights are missing, and what that means.
import { beforeEach, describe, expect, test } from 'vitest';
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../../../src/api/names.ts';
import type { CompiledPolicy } from '../../../src/decide/policies.ts';
import { ensureNamespace } from '../../../src/embedded/seed.ts';
import { nodeAsks, nodeTrouble, rightsOfAsks } from '../../../src/incidents/policy-node.ts';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import { createStage, type Stage } from './policy-stage.ts';

const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;
const READ = { evidence: { collectors: ['Processes', 'Filesystem'] } };
const CHECKPOINT = { evidence: { collectors: ['Checkpoint'] } };
const EXEC = { evidence: { exec: [{ container: 'web', command: ['id'] }] } };
const COMPARE = { comparison: { interval: '10m' } };
const CONFIRMED = { responses: [{ name: 'only', confirmed: true, actions: ['Evict'] }] };
const ADD = 'Add capture to profiles of ConfigMap die-operator-capture/die-operator-helpers.';
const SLOW = { kind: 'requeue', afterMs: 300_000, reason: 'Prepared' };

let stage: Stage;
beforeEach(() => {
  stage = createStage();
  ensureNamespace(stage.cluster.api, CAPTURE_NAMESPACE);
});

/** Says which helpers there are, from then on. */
function allow(profiles: string, image = IMAGE): void {
  const { api } = stage.cluster;
  const at = { namespace: CAPTURE_NAMESPACE, name: HELPERS_CONFIGMAP };
  const data = { image, profiles };
  const there = api.list(CONFIG_MAPS, CAPTURE_NAMESPACE).some(({ metadata }) => metadata.name === at.name);
  if (there) api.update(CONFIG_MAPS, at, 'object', (map) => ({ ...map, data }));
  else api.create(CONFIG_MAPS, CAPTURE_NAMESPACE, { metadata: { name: at.name }, data });
}

describe('a policy that asks for what a capture pod does', () => {
  test.each<[string, object]>([
    ['confirmed', CONFIRMED],
    ['comparison', COMPARE],
    [
      'evidence.collectors Processes, Filesystem',
      {
        evidence: { ...READ.evidence, required: true },
        responses: [{ name: 'only', actions: ['Capture', 'Evict'] }],
      },
    ],
  ])('is not Ready while the profile is not allowed, for %s, and is once it is', async (fields, spec) => {
    allow('canary');
    stage.create(['Label'], { spec });
    expect(await stage.judge()).toEqual(SLOW);
    const message = `Not carried out: ${fields}. ${ADD} This is noticed within 5 minutes.`;
    expect(stage.ready()).toMatchObject({ status: 'False', reason: 'CaptureUnavailable', message });
    expect(stage.events).toMatchObject([
      { type: 'Warning', reason: 'CaptureUnavailable', note: `Ready=False: ${message}` },
    ]);

    allow('canary, capture');
    await stage.clock.advance(300_000);
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'True', reason: 'Enforcing' });

    allow('canary');
    await stage.clock.advance(600_000);
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'False', reason: 'CaptureUnavailable' });
    expect(stage.events).toHaveLength(2);
  });

  test('for evidence that is not required is Ready, with gaps', async () => {
    allow('canary');
    stage.create(['Capture'], { spec: READ });
    await stage.judge();
    expect(stage.ready()).toMatchObject({
      status: 'True',
      reason: 'IncompleteEvidence',
      message: `Responses are carried out. Evidence has gaps without evidence.collectors Processes, Filesystem. ${ADD} This is noticed within 5 minutes.`,
    });
  });

  test('names the installation that is missing, and the image that is', async () => {
    stage.create(['Label'], { spec: COMPARE });
    await stage.judge();
    expect(stage.ready()?.message).toContain('(config/components/helpers)');
    allow('canary, capture', '');
    await stage.clock.advance(300_000);
    await stage.judge();
    expect(stage.ready()?.message).toContain('image must be named by digest');
  });

  test.each<[string, string]>([
    ['configmaps get', 'config/components/helpers with the profile capture'],
    ['helpers.die-operator.dev run', 'config/components/helpers with the profile capture'],
    ['driftincidents.die-operator.dev create', 'config/components/comparison'],
  ])('names the right %s that is missing, and the component that has it', async (right, component) => {
    allow('canary, capture');
    stage.create(['Label'], { spec: COMPARE });
    stage.denied.add(right);
    await stage.judge();
    const { status, reason, message } = stage.ready() ?? {};
    expect([status, reason]).toEqual(['False', 'CaptureUnavailable']);
    expect(message).toMatch(`die-operator lacks ${right}`);
    expect(message).toContain(`apply ${component}.`);
  });

  test('does not read what it may not', async () => {
    stage.create(['Label'], { spec: COMPARE });
    stage.denied.add('configmaps get');
    await stage.judge();
    expect(stage.cluster.audit.filter(({ path }) => path.includes(HELPERS_CONFIGMAP))).toEqual([]);
  });

  test('names what it lacks itself first, and both', async () => {
    allow('canary');
    stage.create(['Label', 'Capture'], { spec: READ });
    stage.denied.add('pods patch');
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'False', reason: 'MissingPermission' });
    expect(stage.ready()?.message).toMatch(/^die-operator lacks pods patch .*Evidence has gaps/);
  });

  test('is not Ready for it also where only evidence has gaps besides', async () => {
    allow('canary');
    stage.create(['Label', 'Capture'], { spec: COMPARE });
    stage.denied.add('pods/log get');
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'False', reason: 'CaptureUnavailable' });
    expect(stage.ready()?.message).toContain('without pods/log get');
  });

  test('says that it is not known where nobody answers', async () => {
    stage = createStage((inner) => (request) => {
      if (request.path.includes(HELPERS_CONFIGMAP)) throw new Error('the line is cut');
      return inner(request);
    });
    stage.create(['Label'], { spec: COMPARE });
    await Promise.all([stage.judge(), stage.clock.advance(120_000)]);
    expect(stage.ready()).toMatchObject({ status: 'Unknown', reason: 'RightsUnknown' });
  });
});

test.each([
  'driftincidents.die-operator.dev create',
  'replicasets.apps get',
  'statefulsets.apps get',
  'daemonsets.apps get',
  'jobs.batch get',
  'replicationcontrollers get',
  'controllerrevisions.apps get',
])('a policy that verifies is not Ready without the right %s, and names it', async (right) => {
  stage.create(['Label'], { spec: { verification: {} } });
  stage.denied.add(right);
  await stage.judge();
  const { status, reason, message } = stage.ready() ?? {};
  expect([status, reason]).toEqual(['False', 'MissingPermission']);
  expect(message).toMatch(`die-operator lacks ${right}`);
  expect(message).toContain('apply config/components/verification.');
});

describe('a policy in Audit', () => {
  test('has pods compared all the same, and says where that cannot be', async () => {
    allow('canary');
    stage.create(['Evict'], { mode: 'Audit', spec: { ...COMPARE, ...READ } });
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'False', reason: 'CaptureUnavailable' });
    expect(stage.ready()?.message).toMatch(/^Not carried out: comparison\. /);
    allow('capture');
    await stage.clock.advance(300_000);
    await stage.judge();
    expect(stage.ready()).toMatchObject({
      status: 'True',
      reason: 'Audit',
      message: 'responses are recorded, nothing is touched; running pods are compared with their images',
    });
  });

  test('asks nothing else of nodes', async () => {
    stage.create(['Capture'], { mode: 'Audit', spec: READ });
    expect(await stage.judge()).toEqual({ kind: 'done' });
    expect(stage.ready()).toMatchObject({ status: 'True', reason: 'Audit' });
  });
});

describe('evidence', () => {
  test('that nobody captures is not missed', async () => {
    stage.create(['Label'], { spec: READ });
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'True', reason: 'Enforcing' });
  });

  test('by checkpoints needs their own profile, and the token for kubelets', async () => {
    allow('capture');
    stage.create(['Capture'], { spec: CHECKPOINT });
    stage.denied.add('serviceaccounts/token create');
    await stage.judge();
    const { reason, message } = stage.ready() ?? {};
    expect(reason).toBe('IncompleteEvidence');
    expect(message).toContain('Add checkpoint to profiles');
    expect(message).toContain('apply config/components/checkpoint.');
  });

  test('by commands in the pod needs a right, and no helper', async () => {
    stage.create(['Capture'], { spec: EXEC });
    stage.denied.add('pods/exec create');
    await stage.judge();
    expect(stage.ready()).toMatchObject({
      status: 'True',
      reason: 'IncompleteEvidence',
      message:
        'Responses are carried out. Evidence has gaps without evidence.exec. die-operator lacks pods/exec create in namespace shop: apply config/components/exec-evidence. This is noticed within 5 minutes.',
    });
    stage.denied.clear();
    await stage.clock.advance(300_000);
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'True', reason: 'Enforcing' });
  });
});

test('what is missing in many namespaces is told in few words', () => {
  const policy = { mode: 'Enforce', rungs: [], comparison: {}, settings: { evidence: { collectors: [] } } };
  const places = Array.from({ length: 100 }, (_, n) => `${n}`.padStart(63, 'n'));
  const asks = nodeAsks(policy as unknown as CompiledPolicy, [], places);
  const trouble = nodeTrouble(asks, { missing: rightsOfAsks(asks), settings: undefined });
  expect(Buffer.byteLength(trouble?.message ?? '')).toBeLessThan(1_000);
  expect(trouble?.message).toContain('and others');
});
