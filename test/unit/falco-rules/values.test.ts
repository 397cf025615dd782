// The settings and values in config/falco lead from Falco to the receiver of config/default, with all that rungs need.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parseSeverity, severityRank } from '../../../src/api/severity.ts';
import { examplesOf } from '../../support/docs-commands.ts';
import { shippedRules } from '../../support/falco-rules.ts';
import { KNOWN_FIELDS } from './known.ts';
import { page, ROOT } from './page.ts';

const textOf = (file: string) => readFile(join(ROOT, 'config', file), 'utf8');

interface FalcoSettings {
  rule_matching: string;
  append_output: { suggested_output?: true; match?: object; extra_fields?: string[] }[];
  http_output: { enabled: boolean; url: string };
  [setting: string]: unknown;
}
interface Sidekick {
  config: {
    existingSecret: string;
    webhook: { address: string; minimumpriority?: string };
    nats: { minimumpriority: string; subjecttemplate: string };
    [output: string]: unknown;
  };
  [value: string]: unknown;
}
interface NetworkPolicy {
  metadata: { name: string; namespace: string };
  spec: {
    podSelector: { matchLabels: Record<string, string> };
    ingress: { from: object[]; ports: object[] }[];
  };
}

const plain = parse(await textOf('falco/falco.yaml')) as FalcoSettings;
const { falco, ...chart } = parse(await textOf('falco/falco-values.yaml')) as { falco: FalcoSettings };
const token = parse(await textOf('falco/falcosidekick-values.yaml')) as Sidekick;
const mtls = parse(await textOf('falco/falcosidekick-mtls-values.yaml')) as Sidekick;
const nats = parse(await textOf('falco/falcosidekick-nats-values.yaml')) as Sidekick;
const network = parse(await textOf('falco/network-policy.yaml')) as NetworkPolicy;

describe.each([
  ['falco.yaml', plain],
  ['falco-values.yaml', falco],
])('%s', (_, settings) => {
  test('sends JSON with fields and tags, of each rule that matches', () =>
    expect(settings).toMatchObject({
      json_output: true,
      json_include_output_property: true,
      json_include_output_fields_property: true,
      json_include_tags_property: true,
      rule_matching: 'all',
      http_output: { enabled: true },
    }));

  test('adds to stock rules what identifies a pod, and keeps what Falco suggests', () => {
    const [added] = settings.append_output.filter((entry) => entry.extra_fields !== undefined);
    expect(added?.match).toEqual({ source: 'syscall' });
    expect(added?.extra_fields).toEqual(
      expect.arrayContaining(['k8s.pod.uid', 'container.full_id', 'container.image.digest', 'proc.exepath']),
    );
    expect(added?.extra_fields?.filter((field) => !KNOWN_FIELDS.has(field))).toEqual([]);
    // A file in config.d adds to the lists of falco.yaml; values take their place.
    const suggested = settings.append_output.filter((entry) => entry.suggested_output);
    expect(suggested).toHaveLength(settings === falco ? 1 : 0);
  });
});

test('both say the same, but for what is a list of the chart and where Falcosidekick is', () => {
  const common = ({ append_output: added, http_output: { enabled }, ...rest }: FalcoSettings) => ({
    ...rest,
    enabled,
    added: added.filter((entry) => !entry.suggested_output),
  });
  expect(common(falco)).toEqual(common(plain));
});

test('alerts carry the name of the node, and the runtime is asked', () =>
  expect(chart).toEqual({ falcoHostnameEnv: true, collectors: { containerEngine: { enabled: true } } }));

test('Falco sends to the Service that the policy guards, in the namespace that may reach the receiver', async () => {
  const { hostname, port, pathname } = new URL(falco.http_output.url);
  const { matchLabels } = network.spec.podSelector;
  expect([hostname, port, pathname]).toEqual([
    `${matchLabels['app.kubernetes.io/name']}.${network.metadata.namespace}.svc`,
    '2801',
    '/',
  ]);
  const policies = parseAllDocuments(await textOf('default/network-policies.yaml')).map(
    (one) => one.toJS() as NetworkPolicy,
  );
  const intake = policies.find(({ metadata }) => metadata.name === 'receiver-intake');
  expect(intake?.spec.ingress[0]?.from).toEqual([
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': network.metadata.namespace } } },
  ]);
});

test('nobody but the pods of Falco in its own namespace, and those of die-operator, may send to Falcosidekick', () => {
  expect(network).toMatchObject({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' });
  expect(network.spec).toEqual({
    podSelector: {
      matchLabels: {
        'app.kubernetes.io/name': 'falcosidekick',
        'app.kubernetes.io/component': 'core',
      },
    },
    policyTypes: ['Ingress'],
    ingress: [
      {
        // Without a namespaceSelector it means the namespace of the policy.
        from: [
          { podSelector: { matchLabels: { 'app.kubernetes.io/name': 'falco' } } },
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'die-operator-system' } },
            podSelector: { matchLabels: { 'app.kubernetes.io/name': 'die-operator' } },
          },
        ],
        ports: [{ port: 'http', protocol: 'TCP' }],
      },
    ],
  });
});

describe('Falcosidekick', () => {
  test('calls the Service of the receiver', async () => {
    const objects = parseAllDocuments(await textOf('default/receiver.yaml')).map(
      (one) =>
        one.toJS() as {
          kind: string;
          metadata: NetworkPolicy['metadata'];
          spec: { ports: { port: number }[] };
        },
    );
    const service = objects.find(({ kind }) => kind === 'Service');
    const { name, namespace } = service?.metadata ?? {};
    expect(token.config.webhook.address).toBe(
      `https://${name}.${namespace}.svc:${service?.spec.ports[0]?.port}/v1/falco`,
    );
  });

  test('has the values of docs/install.md, and a lowest priority', async () => {
    const [example = ''] = await examplesOf('install.md', 'Point Falcosidekick at it', 'yaml');
    const { minimumpriority, ...webhook } = token.config.webhook;
    expect({ ...token, config: { ...token.config, webhook } }).toEqual(parse(example));
    expect(minimumpriority).toBe('notice');
  });

  test('has the client certificate of docs/install.md, and no token besides it', async () => {
    const [example = ''] = await examplesOf(
      'install.md',
      'Client certificates in the place of tokens',
      'yaml',
    );
    const { existingSecret, ...config } = mtls.config;
    expect({ ...mtls, config }).toEqual(parse(example));
    expect(existingSecret).toBe('');
  });

  test('publishes what the stream captures, with the password of a Secret', async () => {
    const [stream = ''] = await examplesOf('stream.md', '3. Falcosidekick', 'yaml');
    const { config } = parse(stream) as { config: { nats: { hostport: string; minimumpriority: string } } };
    expect(nats.config.nats).toEqual({
      subjecttemplate: 'falco.<priority>.<rule>',
      minimumpriority: config.nats.minimumpriority,
    });
    expect(nats.config.existingSecret).toBe('falcosidekick-nats');
    expect(page).toContain('kubectl create secret generic falcosidekick-nats -n falco');
    expect(await textOf('falco/falcosidekick-nats-values.yaml')).toContain(`\`${config.nats.hostport}\``);
    expect(await readFile(join(ROOT, 'docs/stream.md'), 'utf8')).toContain("--subjects 'falco.>'");
  });

  test('sends on all of our rules', async () => {
    const { rules } = await shippedRules();
    const ranks = [...rules.values()].map(({ priority }) => severityRank(parseSeverity(priority) ?? 'Debug'));
    for (const { webhook, nats: stream } of [token.config, nats.config]) {
      const lowest = parseSeverity((webhook ?? stream).minimumpriority ?? '');
      expect(Math.min(...ranks)).toBeGreaterThanOrEqual(severityRank(lowest ?? 'Emergency'));
    }
  });
});

test('the versions of the charts are those of the commands on the page', async () => {
  const version = (name: string) => new RegExp(`falcosecurity/${name} --version (\\S+)`).exec(page)?.[1];
  for (const [file, name] of [
    ['falco-values.yaml', 'falco'],
    ['falcosidekick-values.yaml', 'falcosidekick'],
    ['falcosidekick-mtls-values.yaml', 'falcosidekick'],
    ['falcosidekick-nats-values.yaml', 'falcosidekick'],
  ] as const) {
    expect(await textOf(`falco/${file}`)).toContain(`falcosecurity/${name} ${version(name)}`);
  }
});

test('the files that the commands name are there', async () => {
  const named = [...page.matchAll(/(?<![\w./])config\/(falco\/[\w.-]+\.yaml)/g)].map(([, file = '']) => file);
  expect(new Set(named).size).toBeGreaterThan(3);
  for (const file of named) expect(await textOf(file)).toMatch(/^# /);
});
