// `die-operator explain` from files: what it reads, what it refuses, its exit codes.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Explanation } from '../../../src/explain/explanation.ts';
import { runProgram } from '../../support/printed.ts';

const EXAMPLES = join(import.meta.dirname, '../../../examples');
const WORKLOAD = join(EXAMPLES, 'workload.yaml');
const ENFORCE = join(EXAMPLES, 'policy-enforce.yaml');
const ALERT = join(EXAMPLES, 'alert-falcosidekick.json');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'explain-command-'));
});
afterEach(async () => {
  process.exitCode = undefined;
  await rm(folder, { recursive: true });
});

const run = (...args: string[]) => runProgram('explain', ...args);

async function json(...args: string[]): Promise<Explanation> {
  const { out, err, code } = await run(...args, '-o', 'json');
  expect({ err, code }).toEqual({ err: '', code: 0 });
  return JSON.parse(out) as Explanation;
}

async function file(name: string, ...objects: object[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, objects.map((object) => stringify(object)).join('---\n'));
  return path;
}

const POD_SPEC = { containers: [{ name: 'app', image: 'nginx' }] };
const workload = (kind: string, apiVersion: string, spec: object = {}, name = 'w') => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'shop' },
  spec: { template: { metadata: { labels: { app: 'w' } }, spec: POD_SPEC }, ...spec },
});
const POLICY = {
  apiVersion: 'die-operator.dev/v1alpha1',
  kind: 'DriftPolicy',
  metadata: { name: 'all', namespace: 'shop' },
  spec: { mode: 'Enforce', responses: [{ name: 'all', actions: ['Isolate', 'Evict'] }] },
};

describe('explain from files', () => {
  test('prints text, or the same as JSON', async () => {
    const { out, err, code } = await run('web', '-f', WORKLOAD, '-f', ENFORCE);
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out).toMatch(/^Pod shop\/web, of ReplicaSet web \(from files/);
    const said = await json('web', '-f', WORKLOAD, '-f', ENFORCE);
    expect(said).toMatchObject({ origin: 'Files', pod: { name: 'web' }, alert: null });
    expect(said.policies).toMatchObject([{ name: 'web', state: 'Matches' }]);
  });

  test('takes a whole folder; of policies with one name the last counts, as if they were applied', async () => {
    await file('a.yaml', workload('Deployment', 'apps/v1'), POLICY);
    await file('b.yaml', { ...POLICY, spec: { ...POLICY.spec, mode: 'Audit' } });
    expect((await json('w', '-f', folder)).policies).toMatchObject([{ state: 'Matches', mode: 'Audit' }]);
  });

  test.for([
    ['Deployment', 'apps/v1', { replicas: 2 }, 'ReplicaSet', 'Orphan', null],
    ['Deployment', 'apps/v1', { replicas: 1 }, 'ReplicaSet', 'Gentle', 'AwaitingApproval'],
    ['Deployment', 'apps/v1', {}, 'ReplicaSet', 'Gentle', 'AwaitingApproval'],
    ['ReplicaSet', 'apps/v1', { replicas: 2 }, 'ReplicaSet', 'Orphan', null],
    ['StatefulSet', 'apps/v1', { replicas: 2 }, 'StatefulSet', 'Gentle', 'AwaitingApproval'],
    ['DaemonSet', 'apps/v1', {}, 'DaemonSet', 'Orphan', null],
    ['Job', 'batch/v1', {}, 'Job', 'Orphan', null],
    ['Job', 'batch/v1', { parallelism: 3 }, 'Job', 'Orphan', null],
  ] as const)('knows the pod of a %s %s %j', async ([kind, apiVersion, spec, owner, form, held]) => {
    const path = await file('w.yaml', workload(kind, apiVersion, spec), POLICY);
    const { pod, response } = await json('w', '-f', path);
    expect(pod).toMatchObject({ namespace: 'shop', owner: { kind: owner, name: 'w' } });
    expect(response?.steps[0]?.form).toBe(form);
    expect(response?.held?.reason ?? null).toBe(held);
  });

  test('takes a Pod as its file says, with its siblings', async () => {
    const ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs', controller: true },
    ];
    const pod = (name: string, status?: object) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'shop', ownerReferences },
      spec: POD_SPEC,
      ...(status && { status }),
    });
    const alone = await file('alone.yaml', pod('a'), POLICY);
    expect((await json('a', '-f', alone)).response?.held?.reason).toBe('AwaitingApproval');
    const two = await file('two.yaml', pod('a'), pod('b'), POLICY);
    expect((await json('a', '-f', two)).response).toMatchObject({ held: null });
    const dryRun = await file('dry-run.yaml', pod('a', {}), pod('b', {}), POLICY);
    expect((await json('a', '-f', dryRun)).response).toMatchObject({ held: null });
    const ended = await file('ended.yaml', pod('a', { phase: 'Failed' }), POLICY);
    expect((await json('a', '-f', ended)).response?.held?.reason).toBe('Finished');
  });

  test('lets ClusterDriftPolicies select by the labels of the Namespace in the files', async () => {
    const base = {
      ...POLICY,
      kind: 'ClusterDriftPolicy',
      metadata: { name: 'base' },
      spec: { ...POLICY.spec, namespaceSelector: { matchLabels: { team: 'a' } } },
    };
    const space = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } };
    const path = await file('a.yaml', workload('Deployment', 'apps/v1'), base);
    expect((await json('w', '-f', path)).policies).toMatchObject([{ state: 'OtherNamespace' }]);
    const more = await file('b.yaml', space);
    expect((await json('w', '-f', path, '-f', more)).policies).toMatchObject([{ state: 'Matches' }]);
  });

  test('protects the namespaces that it is told', async () => {
    const path = await file('a.yaml', workload('Deployment', 'apps/v1'), POLICY);
    expect((await json('w', '-f', path)).pod.protected).toBeNull();
    const said = await json('w', '-f', path, '--protected-namespaces', 'a,shop');
    expect(said.pod.protected).toMatchObject({ reason: 'Namespace' });
  });

  test('explains an alert of Falcosidekick however old it is', async () => {
    const { alert } = await json('web', '-f', WORKLOAD, '-f', ENFORCE, '--alert', ALERT);
    expect(alert).toMatchObject({
      severity: 'Critical',
      container: 'web',
      identified: null,
      done: ['Label', 'Isolate', 'Capture', 'Evict'],
    });
  });

  test('explains a rule and a severity, as Falco spells it', async () => {
    const files = ['web', '-f', WORKLOAD, '-f', ENFORCE];
    const told = ['--rule', 'DIE x\u0000', '--severity', 'critical', '--tag', 'a', '--tag', 'b'];
    const { alert } = await json(...files, ...told);
    expect(alert).toMatchObject({ rule: 'DIE x\uFFFD', severity: 'Critical', tags: ['a', 'b'] });
    expect(alert?.policies[0]?.rungs.every(({ met }) => met)).toBe(true);
  });
});

describe('exit code 1, with what to do, for', () => {
  const expectRefusal = async (message: RegExp, ...args: string[]) => {
    const { out, err, code } = await run(...args);
    expect({ out, code }).toEqual({ out: '', code: 1 });
    expect(err).toMatch(message);
    expect(err).toMatch(/^die-operator: [^\n]+\n$/);
  };

  test('a pod that is not there, naming those that are', async () => {
    await expectRefusal(/is called nope: there are shop\/web$/m, 'nope', '-f', WORKLOAD);
    await expectRefusal(/in namespace bank is called web/, 'web', '-f', WORKLOAD, '-n', 'bank');
    await expectRefusal(/there are no pods and no workloads/, 'web', '-f', ENFORCE);
  });

  test('a pod that is there twice', async () => {
    const path = await file('a.yaml', workload('Deployment', 'apps/v1'), workload('Job', 'batch/v1'));
    await expectRefusal(
      /2 objects are called w \(Deployment w .*Job w .*\): give --namespace/,
      'w',
      '-f',
      path,
    );
  });

  test('a file that is not there, or no YAML', async () => {
    await expectRefusal(/missing\.yaml: does not exist/, 'web', '-f', join(folder, 'missing.yaml'));
    const path = join(folder, 'bad.yaml');
    await writeFile(path, 'a: [');
    await expectRefusal(/bad\.yaml:\d+: /, 'web', '-f', path);
  });

  test.for([
    ['an object without a name', { apiVersion: 'v1', kind: 'Pod', metadata: {} }, /metadata\.name/],
    [
      'labels that are no texts',
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'w', labels: 1 } },
      /labels/,
    ],
    ['a pod without a spec', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'w' } }, /Pod w .*spec/],
    [
      'a workload without a template',
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'w' }, spec: {} },
      /Deployment w .*spec\.template/,
    ],
  ] as const)('%s', async ([, object, message]) => {
    await expectRefusal(message, 'w', '-f', await file('a.yaml', object));
  });

  test('a container that the pod does not have', async () => {
    await expectRefusal(/has no container db: it has web/, 'web', '-f', WORKLOAD, '--container', 'db');
  });

  test('an alert that is none, or about no pod', async () => {
    const alert = async (body: string) => {
      const path = join(folder, 'alert.json');
      await writeFile(path, body);
      return ['web', '-f', WORKLOAD, '--alert', path];
    };
    await expectRefusal(/alert\.json: body is not valid JSON/, ...(await alert('{')));
    await expectRefusal(/alert\.json is no alert of Falco: rule/, ...(await alert('{}')));
    await expectRefusal(/would open no incident for any pod/, ...(await alert('{"rule":"Test rule"}')));
    await expectRefusal(/more than 262144 bytes/, ...(await alert(`"${'x'.repeat(300_000)}"`)));
    await expectRefusal(
      /cannot be read: ENOENT/,
      'web',
      '-f',
      WORKLOAD,
      '--alert',
      join(folder, 'nope.json'),
    );
  });

  test('a kubeconfig that is not there', async () => {
    await expectRefusal(/ENOENT/, 'web', '--kubeconfig', join(folder, 'none'));
  });

  test('names that would deceive, shown as escapes', async () => {
    const path = await file('a.yaml', workload('Deployment', 'apps/v1', {}, '\u001b[2J'));
    await expectRefusal(/there are shop\/\\u\{1b\}\[2J/, 'w', '-f', path);
  });
});

describe('exit code 2 for', () => {
  test.for([
    ['no pod', []],
    ['a severity that is none', ['web', '--severity', 'bad', '--rule', 'x']],
    ['a rule without a severity', ['web', '--rule', 'x']],
    ['a severity without a rule', ['web', '--severity', 'Error']],
    ['a tag without a rule', ['web', '--tag', 'x']],
    ['an alert and a rule', ['web', '--alert', ALERT, '--rule', 'x', '--severity', 'Error']],
    ['an unknown source', ['web', '--source', 'Else']],
    ['an unknown format', ['web', '-o', 'xml']],
    ['files and a kubeconfig', ['web', '-f', WORKLOAD, '--kubeconfig', 'x']],
    ['standard input twice', ['web', '-f', '-', '--alert', '-']],
    ['an unknown option', ['web', '--nope']],
  ] as const)('%s', async ([, args]) => {
    const { out, err, code } = await run(...args);
    expect({ out, code }).toEqual({ out: '', code: 2 });
    expect(err).toMatch(/^error: /);
  });
});
