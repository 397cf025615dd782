// docs/incidents.md: what the page shows is what the program prints, and its options, exit codes and verbs are the program's.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { outcomeText, previewText } from '../../../src/commands/answer/print.ts';
import { VERBS } from '../../../src/commands/answer/write.ts';
import { command as approve } from '../../../src/commands/approve.ts';
import { command as deny } from '../../../src/commands/deny.ts';
import { command as hold } from '../../../src/commands/hold.ts';
import { command as incidents } from '../../../src/commands/incidents.ts';
import { listText } from '../../../src/commands/incidents/print.ts';
import { ROLES } from '../../../src/commands/incidents/read.ts';
import { rowsOf } from '../../../src/commands/incidents/rows.ts';
import { command as release } from '../../../src/commands/release.ts';
import { command as resume } from '../../../src/commands/resume.ts';
import { command as show } from '../../../src/commands/show.ts';
import { showText } from '../../../src/commands/show/print.ts';
import { NOW } from '../../support/builders.ts';
import { examplesOf } from '../../support/docs-commands.ts';
import { approvalPreview, EXAMPLE_DECISION, exampleList, waitingIncident } from './answer-example.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = 'incidents.md';
const WIDTH = 100;
const AT = NOW + 200_000;
const page = await readFile(join(ROOT, 'docs', PAGE), 'utf8');
const COMMANDS: Command[] = [incidents(), show(), approve(), deny(), hold(), resume(), release()];

test('the list is what it prints', async () => {
  const listing = { rows: rowsOf(exampleList()), unreadable: [], onlyOpen: false, now: AT };
  const [shown] = await examplesOf(PAGE, 'The list', 'text');
  expect(shown).toBe(listText(listing, { wide: false, width: 120 }));
});

test('the incident is what it prints', async () => {
  const [shown] = await examplesOf(PAGE, 'One incident', 'text');
  expect(shown).toBe(showText(waitingIncident(), AT, WIDTH));
});

test('what is shown before the question, and what became of it, is what it prints', async () => {
  const [shown, end] = await examplesOf(PAGE, 'Answer', 'text');
  expect(shown).toBe(previewText(approvalPreview(), EXAMPLE_DECISION, WIDTH));
  const seen = { at: '2026-11-22T00:03:31.000Z', outcome: 'it counts for this plan' };
  const outcome = { seen, phase: 'Responding', stands: 'Evict is being done', counts: true, waited: 30_000 };
  expect(end).toBe(outcomeText(outcome, WIDTH));
});

test('every option that it names is one of a command', () => {
  const known = COMMANDS.flatMap(({ options }) => options.map(({ long }) => long));
  const named = [...page.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([option]) => option);
  expect(named.length).toBeGreaterThan(5);
  const ofKubectl = ['--clusterrole', '--user'];
  expect([...known, ...ofKubectl]).toEqual(expect.arrayContaining(named));
});

test('the exit codes are those of the help of each verb that decides', () => {
  const told = [...page.matchAll(/^\| (\d) \| (.*) \|$/gm)].map(([, code, text]) => `  ${code}  ${text}`);
  expect(told).toHaveLength(3);
  for (const one of COMMANDS.slice(2)) {
    let help = '';
    one.configureOutput({ writeOut: (text) => void (help += text) }).outputHelp();
    for (const line of told) expect(help.split('\n')).toContain(line);
  }
});

test('the role that it names has every verb that a decision needs', async () => {
  const role = parse(await readFile(join(ROOT, 'config/roles/incident-responder.yaml'), 'utf8')) as {
    metadata: { name: string };
    rules: { resources: string[]; verbs: string[] }[];
  };
  expect(role.metadata.name).toBe(ROLES.answers);
  const verbs = role.rules
    .filter(({ resources }) => resources.includes('driftincidents'))
    .flatMap((rule) => rule.verbs);
  expect(verbs).toEqual(expect.arrayContaining(['get', 'list', 'patch', ...Object.values(VERBS)]));
  expect(page).toContain(ROLES.reads);
});
