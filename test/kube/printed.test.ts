// What kubectl shows of our kinds, after a response of a whole policy: lists, one incident in full, and the fields explained.
// DIE_PRINT=1 prints it.
import { describe, expect } from 'vitest';
import type { ClusterAccess } from '../support/cluster-access.ts';
import { drift, kubectl, ownerTest, readyPods } from '../support/owner-world.ts';
import type { World } from '../support/world.ts';

const ALL = {
  responses: [{ name: 'replace', minSeverity: 'Warning', actions: ['Label', 'Isolate', 'Capture', 'Evict'] }],
};
const RULE = 'Drop and execute new binary in container';

type Kubectl = (...args: string[]) => Promise<string>;

const test = ownerTest.extend('kubectl', ({ access, skip }): Kubectl => printing(access, skip));

function printing(access: ClusterAccess, skip: (note: string) => never): Kubectl {
  return async (...args) => {
    const printed = await kubectl(access, skip, ...args);
    if (process.env['DIE_PRINT']) process.stdout.write(`\n$ kubectl ${args.join(' ')}\n${printed}`);
    return printed;
  };
}

/** Plays a response to its end; resolves to the names of the incident, the pod and the one that took its place. */
async function replaced(world: World): Promise<{ incident: string; pod: string; clean: string }> {
  const victim = await world.victim(2);
  await drift(world, victim, ALL);
  const { metadata, status } = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
  await readyPods(world, 2);
  const clean = status?.replacement?.name ?? 'a replacement';
  return { incident: metadata.name, pod: victim.metadata.name, clean };
}

/** The cells of the table's rows of one namespace, without the age. */
function rowsOf(printed: string, namespace: string): string[][] {
  const rows = printed.split('\n').filter((line) => line.startsWith(`${namespace} `));
  return rows.map((line) => line.trim().split(/ {2,}/).slice(1, -1));
}

describe('after a response kubectl', () => {
  test('lists policies and incidents with what matters of them', async ({ world, kubectl: run }) => {
    const { incident, pod } = await replaced(world);
    const printed = await run('get', 'dp,di', '-A');
    const headings = printed.split('\n').filter((line) => line.startsWith('NAMESPACE'));
    expect(headings.map((line) => line.split(/ +/).slice(2))).toEqual([
      ['MODE', 'ACCEPTED', 'READY', 'AGE'],
      ['POD', 'SEVERITY', 'PHASE', 'ISOLATED', 'AGE'],
    ]);
    expect(rowsOf(printed, world.namespace)).toEqual([
      ['driftpolicy.die-operator.dev/web', 'Enforce', 'True', 'True'],
      [`driftincident.die-operator.dev/${incident}`, pod, 'Critical', 'Resolved', 'PodGone'],
    ]);
    const wide = rowsOf(await run('get', 'di', '-A', '-o', 'wide'), world.namespace);
    expect(wide).toEqual([[incident, pod, 'Critical', 'Resolved', 'PodGone', RULE]]);
  });

  test('describes the incident: what was seen, what was done, how it ended, and the Events', async ({
    world,
    kubectl: run,
  }) => {
    const { incident, clean } = await replaced(world);
    const told = ['DriftIsolated', 'DriftEvicting', 'DriftResolved'];
    // Events are sent beside the record: the last one may come after it.
    const printed = await world.until('every Event', async () => {
      const text = await run('describe', 'di', incident, '-n', world.namespace);
      return told.every((reason) => text.includes(reason)) ? text : undefined;
    });
    expect(valuesOf(printed, 'Rule')).toEqual([RULE]);
    expect(valuesOf(printed, 'Executable')).toEqual(['/tmp/x']);
    expect(valuesOf(printed, 'Phase')).toEqual(['Resolved']);
    expect(valuesOf(printed, 'State')).toEqual(Array.from({ length: 4 }, () => 'Succeeded'));
    expect(valuesOf(printed, 'Type').toSorted()).toEqual(
      ['Contained', 'EvidenceComplete', 'Isolated', 'Ready', 'ReplacementVerified'].toSorted(),
    );
    expect(valuesOf(printed, 'Reason')).toContain('Captured');
    expect(valuesOf(printed, 'Message')).toContain(
      `${clean} took its place: every container runs the digest that its image names`,
    );
    const events = printed.split('\nEvents:\n')[1] ?? '';
    for (const reason of told)
      expect(events).toMatch(new RegExp(`^ +Normal +${reason} .* die-operator +\\S`, 'm'));
  });
});

/** What stands behind a name that ends with a colon, wherever it does. */
function valuesOf(printed: string, name: string): string[] {
  return [...printed.matchAll(new RegExp(`^ +${name}: +(.*)$`, 'gm'))].map(([, value = '']) => value);
}

describe('kubectl explain tells of', () => {
  test.for([
    ['dp.spec.responses', 'actions <[]string> -required-', 'The ladder of responses.'],
    ['dp.spec.mode', 'ENUM: Audit Enforce', 'Audit: plan and record, touch nothing. Enforce: act.'],
    ['cdp.spec.namespaceSelector', 'Object', 'Absent: every namespace that is not protected.'],
    ['di.spec.decision', 'by <string> -required-', 'as `kubectl auth whoami` says'],
    ['di.status.conditions', '[]Object', 'Conditions, one of each type.'],
  ] as const)('%s', async ([path, ...words], { kubectl: run }) => {
    const printed = (await run('explain', path)).replaceAll(/\s+/g, ' ');
    expect(printed).toContain('GROUP: die-operator.dev');
    for (const word of words) expect(printed).toContain(word);
    expect(printed).not.toContain('<no description>');
  });
});
