// docs/diff.md: what the page shows is what the program prints, takes and needs, and its policy is one that is accepted.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { FileChange } from '../../../src/api/file-change.ts';
import type { ClusterDriftPolicy } from '../../../src/api/policy.ts';
import { command } from '../../../src/commands/diff.ts';
import type { JudgedChange, PodDiff } from '../../../src/commands/diff/compare.ts';
import { diffText } from '../../../src/commands/diff/print.ts';
import { neededRights } from '../../../src/commands/diff/rights.ts';
import { driftOf } from '../../../src/decide/filesystem-drift.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import { FILESYSTEM_RULE } from '../../../src/detect/filesystem.ts';
import { examplesOf } from '../../support/docs-commands.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = 'diff.md';
const page = await readFile(join(ROOT, 'docs', PAGE), 'utf8');

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}
type RoleObject = { kind: string; metadata: { namespace?: string }; rules: Rule[] };

function judged(change: Partial<FileChange>): JudgedChange {
  const whole: FileChange = {
    container: 'web',
    containerId: '1'.repeat(64),
    where: 'Root',
    path: '/',
    kind: 'Added',
    type: 'File',
    executable: false,
    ...change,
  };
  return { ...whole, ...driftOf(whole, () => false) };
}

test('the example is what it prints', async () => {
  const diff: PodDiff = {
    namespace: 'shop',
    pod: 'web-7d4b9-x2x1q',
    uid: 'u',
    node: 'node-1',
    containers: [{ name: 'web', id: '1'.repeat(64), ended: false }],
    changes: [
      judged({
        path: '/tmp/.x/run',
        executable: true,
        content: 'Script',
        mode: 0o644,
        size: 312,
        sha256: 'e'.repeat(64),
      }),
      judged({ path: '/etc/audit.conf', kind: 'Deleted' }),
    ],
    counts: { danger: 1, otherDrift: 1, noDrift: 3 },
    omitted: 0,
    problems: [],
    complete: true,
  };
  const [shown] = await examplesOf(PAGE, 'What differs from the image', 'text');
  expect(shown).toBe(diffText(diff, false));
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

test('the roles give what the program asks for, and nothing else', async () => {
  const [text = ''] = await examplesOf(PAGE, 'What it needs', 'yaml');
  const given = parseAllDocuments(text).flatMap((document) => {
    const { kind, metadata, rules } = document.toJS() as RoleObject;
    // A ClusterRole is bound in a namespace, or in the cluster.
    const where = kind === 'Role' ? metadata.namespace : 'anywhere';
    return rules.flatMap(({ resources, resourceNames, verbs }) =>
      verbs.map((verb) => `${verb} ${resources[0]} ${resourceNames?.[0] ?? ''} ${where}`),
    );
  });
  const needed = neededRights('shop').map(({ verb, resource, at: { namespace, name } }) => {
    const where = namespace === undefined || namespace === 'shop' ? 'anywhere' : namespace;
    return `${verb} ${resource.plural} ${name ?? ''} ${where}`;
  });
  expect(given.toSorted()).toEqual(needed.toSorted());
});

test('the policy is accepted, and asks for comparisons', async () => {
  const [text = ''] = await examplesOf(PAGE, 'From time to time', 'yaml');
  const policy = parse(text) as ClusterDriftPolicy;
  const compiled = compilePolicy(policy, 'ClusterDriftPolicy');
  expect(compiled).toMatchObject({
    accepted: true,
    policy: { comparison: { intervalMs: 6 * 3_600_000, expectedWrites: ['/var/cache/*', '/tmp/*.pid'] } },
  });
  expect(page).toContain(`\`${FILESYSTEM_RULE}\``);
});

test('the component gives the responder the one right more', async () => {
  const file = join(ROOT, 'config/components/comparison/rights.yaml');
  const [role] = parseAllDocuments(await readFile(file, 'utf8')).map((one) => one.toJS() as RoleObject);
  expect(role?.rules).toEqual([
    { apiGroups: ['die-operator.dev'], resources: ['driftincidents'], verbs: ['create'] },
  ]);
});
