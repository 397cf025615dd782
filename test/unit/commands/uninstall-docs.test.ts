// docs/uninstall.md: what the page shows is what the program prints and takes, and the objects that it names are installed.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../../src/api/meta.ts';
import {
  GROUP,
  INCIDENT_ANNOTATION,
  QUARANTINE_LABEL,
  QUARANTINE_POLICY,
  RESPONDER_LEASE,
  SYSTEM_NAMESPACE,
  TOUCHED_ANNOTATION,
} from '../../../src/api/names.ts';
import { command } from '../../../src/commands/uninstall.ts';
import { remainsText } from '../../../src/commands/uninstall/print.ts';
import { remainsOf } from '../../../src/commands/uninstall/remains.ts';
import { anIncident, T0 } from '../../support/builders.ts';
import { examplesOf } from '../../support/docs-commands.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = 'uninstall.md';
const page = await readFile(join(ROOT, 'docs', PAGE), 'utf8');

function object(name: string, metadata: Partial<KubeObject['metadata']> = {}): KubeObject {
  const rest = { namespace: 'shop', resourceVersion: '1', creationTimestamp: T0, uid: name };
  return { apiVersion: 'v1', kind: 'Any', metadata: { ...rest, name, ...metadata } };
}

function quarantined(name: string, incident: string, uid = name): KubeObject {
  const labels = { [QUARANTINE_LABEL]: 'true' };
  return object(name, { uid, labels, annotations: { [INCIDENT_ANNOTATION]: incident } });
}

test('the example is what it prints', async () => {
  const incident = anIncident({ status: { phase: 'Quarantined', isolation: { form: 'Orphan', at: T0 } } });
  const pods = [
    quarantined('web-1', incident.metadata.name, incident.spec.target.uid),
    quarantined('web-2', 'web-2-0123abcdef-1'),
  ];
  const none = { faulty: [], lists: [], entries: [], helpers: [] };
  const denyPolicies = [object(QUARANTINE_POLICY)];
  const own = [{ kind: 'Lease', name: RESPONDER_LEASE } as const];
  const remains = remainsOf({ ...none, pods, incidents: [incident], denyPolicies, own }, new Set());
  const [shown] = await examplesOf(PAGE, 'What it shows', 'text');
  expect(remainsText(remains)).toBe(shown);
});

test('the options that it names are there, and each that is there for clearing is named', () => {
  const known = command().options.map(({ long }) => long);
  const named = [...page.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([option]) => option);
  const ours = new Set(
    named.filter((option) => !['--all', '--replicas', '--ignore-not-found'].includes(option)),
  );
  ours.delete('--single-responder');
  for (const option of ours) expect(known).toContain(option);
  for (const option of [
    '--check',
    '--clear',
    '--yes',
    '--namespace',
    '--lease-name',
    '--protected-namespaces',
  ])
    expect(ours).toContain(option);
});

test('the exit codes are those of the help', () => {
  let help = '';
  const program = command().configureOutput({ writeOut: (text) => void (help += text) });
  program.outputHelp();
  const told = [...page.matchAll(/^\| (\d) \| (.*) \|$/gm)].map(
    ([, code, meaning]) => `  ${code}  ${meaning}`,
  );
  expect(told).toHaveLength(3);
  for (const line of told) expect(help.split('\n')).toContain(line);
});

test('the Deployments that it stops are those of config/default', async () => {
  const commands = (await examplesOf(PAGE, 'The order', 'sh')).join('');
  const [, names = '', namespace] = /kubectl scale deployment (.*) -n (\S+)/.exec(commands) ?? [];
  expect(namespace).toBe(SYSTEM_NAMESPACE);
  for (const name of names.split(' ')) {
    const text = await readFile(join(ROOT, `config/default/${name}.yaml`), 'utf8');
    const found = parseAllDocuments(text).map((one) => one.toJS() as KubeObject);
    expect(found.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toContain(`Deployment ${name}`);
  }
});

test('the names that it gives are ours', () => {
  const named = new Set(page.match(new RegExp(`${GROUP.replaceAll('.', '\\.')}/[a-z-]+`, 'g')));
  for (const name of named) expect([TOUCHED_ANNOTATION, `${GROUP}/incident`]).toContain(name);
});
