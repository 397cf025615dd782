// docs/images.md: what the page shows is what the program prints, takes and needs, and its policies are accepted.
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { AnyPolicy } from '../../../src/api/policy.ts';
import { VERIFICATION_VERDICTS } from '../../../src/api/verification.ts';
import { command } from '../../../src/commands/verify-images.ts';
import { verifyCluster } from '../../../src/commands/verify-images/from-cluster.ts';
import { reportJson, reportText } from '../../../src/commands/verify-images/print.ts';
import { NO_REGISTRIES } from '../../../src/commands/verify-images/registries.ts';
import { emptyReport } from '../../../src/commands/verify-images/report.ts';
import { readApproved } from '../../../src/decide/approved-text.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import { TEMPLATE_FINDING_KINDS } from '../../../src/decide/template-finding.ts';
import { VERIFICATION_RULES } from '../../../src/detect/verification.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import type { Resource } from '../../../src/kube/resources.ts';
import { examplesOf } from '../../support/docs-commands.ts';
import { runProgram } from '../../support/printed.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = 'images.md';
const page = await readFile(join(ROOT, 'docs', PAGE), 'utf8');

const IMAGE = 'registry.example/shop/web:1.4';
const API = `registry.example/shop/api@sha256:${'77aa'.repeat(16)}`;
const [GOOD, BAD] = [`sha256:${'9f40'.repeat(16)}`, `sha256:${'c0de'.repeat(16)}`];

/** A pod of the page, as an API server sends it; made up for it. */
function pod(name: string, image: string, imageID: string, more: object = {}): KubeObject {
  const owner = name.slice(0, name.lastIndexOf('-'));
  const controller = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true };
  return {
    metadata: {
      name,
      namespace: 'shop',
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '2026-11-22T00:00:00Z',
      ownerReferences: [controller],
    },
    spec: { containers: [{ name: owner.split('-', 1)[0], image }], ...more },
    status: { phase: 'Running', containerStatuses: [{ name: owner.split('-', 1)[0], imageID }] },
  };
}

const PODS = [
  pod('api-5f7c9-8wkzq', API, API),
  pod('api-5f7c9-lm2pd', API, API, { ephemeralContainers: [{ name: 'debug', image: 'busybox:1' }] }),
  pod('web-7d4b9-4kq9t', IMAGE, `registry.example/shop/web@${GOOD}`),
  pod('web-7d4b9-j7v5c', IMAGE, `registry.example/shop/web@${GOOD}`),
  pod('web-7d4b9-x2x1q', IMAGE, `registry.example/shop/web@${BAD}`),
];

/** An API server that has these pods, and the ReplicaSets that made them. */
const client = {
  list: ({ plural }: Resource) =>
    Promise.resolve({ metadata: { resourceVersion: '1' }, items: plural === 'pods' ? PODS : [] }),
  get: ({ plural }: Resource, { name }: { name: string }) => {
    const image = name.startsWith('api') ? API : IMAGE;
    const template = { spec: { containers: [{ name: name.split('-', 1)[0], image }] } };
    const metadata = { name, uid: name, resourceVersion: '1', creationTimestamp: '' };
    return Promise.resolve(plural === 'namespaces' ? { metadata } : { metadata, spec: { template } });
  },
} as unknown as KubeClient;

test('the example of a cluster is what it prints', async () => {
  const means = { client, clock: new VirtualClock(), registries: NO_REGISTRIES };
  const report = await verifyCluster(means, { namespace: 'shop' });
  const [shown] = await examplesOf(PAGE, 'At once', 'text');
  expect(shown).toBe(reportText(report, { isAll: false, width: undefined }));
});

test('the example of files is what it prints', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'images-docs-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'deploy'));
  const [policy = '', list = ''] = await examplesOf(PAGE, 'Lists of approved images', 'yaml');
  const deployment = (name: string, image: string) =>
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: 'shop' },
      spec: { template: { spec: { containers: [{ name, image }] } } },
    });
  await writeFile(join(folder, 'deploy/policy.yaml'), `${policy}---\n${list}`);
  const all = [deployment('api', API), deployment('web', `${IMAGE}@${BAD}`), deployment('queue', 'redis:8')];
  await writeFile(join(folder, 'deploy/workloads.yaml'), all.map((one) => `${one}\n`).join('---\n'));
  const { out, err } = await runProgram('verify-images', '-f', join(folder, 'deploy'));
  process.exitCode = undefined;
  const [shown] = await examplesOf(PAGE, 'Manifests in files', 'text');
  // The table is as wide as the path: only that of the folder differs.
  const lines = out.replaceAll(`${folder}/`, '').replace(`FILE${' '.repeat(folder.length + 1)}`, 'FILE');
  expect({ err, lines }).toEqual({ err: '', lines: shown });
});

test('the options that it names are there, and the exit codes are those of the help', () => {
  const options = [...page.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([option]) => option);
  const known = command().options.map(({ long }) => long);
  for (const option of options) expect(known).toContain(option);
  let help = '';
  command()
    .configureOutput({ writeOut: (text) => void (help += text) })
    .outputHelp();
  const told = [...page.matchAll(/^\| (\d) \| (.*) \|$/gm)].map(
    ([, code, meaning]) => `  ${code}  ${meaning}`,
  );
  expect(told).toHaveLength(3);
  for (const line of told) expect(help.split('\n')).toContain(line);
});

test('the policy and the ConfigMap are accepted', async () => {
  const [policy = '', list = ''] = await examplesOf(PAGE, 'Lists of approved images', 'yaml');
  const compiled = compilePolicy(parse(policy) as AnyPolicy);
  expect(compiled).toMatchObject({
    accepted: true,
    policy: {
      approvedFromConfigMap: true,
      verification: { intervalMs: 3_600_000, allowedContainers: ['istio-proxy', 'istio-init'] },
    },
  });
  const { data } = parse(list) as { data: Record<string, string> };
  const read = readApproved(data);
  expect(read.problem).toBeUndefined();
  expect(read.images).toHaveLength(2);
});

test('it names every verdict, rule, kind of difference and field of the JSON', () => {
  const means = { ...emptyReport(), problems: [] };
  const { summary } = JSON.parse(reportJson(means)) as { summary: Record<string, unknown> };
  const words = [
    ...VERIFICATION_VERDICTS,
    ...Object.values(VERIFICATION_RULES),
    ...TEMPLATE_FINDING_KINDS,
    ...Object.keys(summary).filter((key) => key !== 'leftOut'),
  ];
  for (const word of words) expect(page).toContain(`\`${word}\``);
});

test('the component gives the responder what the page says, as the command needs it', async () => {
  interface Rule {
    resources: string[];
    resourceNames?: string[];
    verbs: string[];
  }
  const rulesOf = (text: string) =>
    parseAllDocuments(text)
      .slice(0, 1)
      .flatMap((one) => (one.toJS() as { rules: Rule[] }).rules);
  const [asked = ''] = await examplesOf(PAGE, 'What it needs', 'yaml');
  const given = rulesOf(await readFile(join(ROOT, 'config/components/verification/rights.yaml'), 'utf8'));
  const keyed = (rules: Rule[]) =>
    rules.flatMap(({ resources, resourceNames = [''], verbs }) =>
      resources.flatMap((one) => verbs.map((verb) => `${verb} ${one} ${resourceNames.join()}`)),
    );
  const templates = keyed(given).filter((right) => !right.includes('driftincidents'));
  expect(keyed(rulesOf(asked))).toEqual(expect.arrayContaining(templates));
});
