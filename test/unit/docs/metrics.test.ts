// docs/metrics.md tells of every metric that there is, and no page of one that there is not.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { VERIFICATION_VERDICTS } from '../../../src/api/verification.ts';
import { NODE_VERDICTS } from '../../../src/decide/node-verdicts.ts';
import { OUTCOMES } from '../../../src/detect/outcome.ts';
import { MESSAGE_RESULTS } from '../../../src/detect/stream/results.ts';
import { PODS } from '../../../src/kube/resources.ts';
import { createMetrics, QUEUES } from '../../../src/observe/metrics.ts';
import { DESTINATIONS, NOTIFY_RESULTS } from '../../../src/observe/notify/destination.ts';
import { examplesOf } from '../../support/docs-commands.ts';

const ROOT = join(import.meta.dirname, '../../..');
const page = await readFile(join(ROOT, 'docs/metrics.md'), 'utf8');

/** What is rendered of a metric: its type, and the values of its labels. */
interface Family {
  type: string;
  labels: Map<string, Set<string>>;
}

/** Every metric of the operator, with all that it can show. */
async function families(): Promise<Map<string, Family>> {
  const text = await rendered();
  const types = text.matchAll(/^# TYPE (\S+) (\S+)$/gm);
  const found = new Map(
    [...types].map(([, name = '', type = '']): [string, Family] => [name, { type, labels: new Map() }]),
  );
  for (const [, sample = '', labels = ''] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? /gm)) {
    const family = found.get(nameOf(sample, found));
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g))
      if (label !== 'le') family?.labels.set(label, (family.labels.get(label) ?? new Set()).add(value));
  }
  return found;
}

function rendered(): Promise<string> {
  const metrics = createMetrics({ outcomes: OUTCOMES });
  for (const queue of QUEUES) metrics.showQueue(queue, () => 0);
  metrics.showCache(PODS, () => 0);
  metrics.showLeading(() => true);
  metrics.showNodes(() => Object.fromEntries(NODE_VERDICTS.map((verdict) => [verdict, 0])));
  metrics.showStrays(() => 0);
  metrics.showVerifications({
    counts: () => Object.fromEntries(VERIFICATION_VERDICTS.map((verdict) => [verdict, 0])),
    drifted: () => 0,
  });
  metrics.showSpending({ isOpen: false, entries: 0, isUsable: true });
  metrics.showJournal({ bytes: 0, check: { reason: () => undefined } });
  metrics.countMessages(MESSAGE_RESULTS);
  metrics.countNotifications(DESTINATIONS, NOTIFY_RESULTS);
  metrics.showStream(() => 0);
  metrics.showSilence({ lastAlert: () => 0, canary: { lastSuccess: () => 0, isFailing: () => false } });
  return metrics.render();
}

/** A histogram has samples with endings. */
function nameOf(sample: string, known: ReadonlyMap<string, Family>): string {
  return known.has(sample) ? sample : sample.replace(/_(bucket|count|sum)$/, '');
}

const known = await families();
const mentioning = await pages();

/** A metric on a page, with what stands in braces behind it. */
interface Mention {
  sample: string;
  selector: string;
}

/** The pages with metrics on them. */
async function pages(): Promise<[name: string, mentions: Mention[]][]> {
  const names = await readdir(join(ROOT, 'docs'), { recursive: true });
  const files = names.filter((name) => name.endsWith('.md')).toSorted();
  const all = await Promise.all(
    files.map(async (name): Promise<[string, Mention[]]> => {
      const text = await readFile(join(ROOT, 'docs', name), 'utf8');
      const found = [...text.matchAll(/\b(die_operator_\w+)(?:\{([^}]*)\})?/g)];
      return [name, found.map(([, sample = '', selector = '']) => ({ sample, selector }))];
    }),
  );
  return all.filter(([, mentions]) => mentions.length > 0);
}

test('the table has each metric with its type and its labels, and no other', () => {
  const rows = [...page.matchAll(/^\| `(die_operator_\w+)` \| (\w+) \| ([^|]*)\|/gm)];
  const told = rows.map(([, name, type, labels = '']) => {
    return { name, type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label) };
  });
  const there = [...known].map(([name, { type, labels }]) => ({ name, type, labels: [...labels.keys()] }));
  const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) =>
    (a.name ?? '').localeCompare(b.name ?? '');
  expect(told.toSorted(byName)).toEqual(there.toSorted(byName));
});

test('each value of a label that is no kind of objects is one of a few', () => {
  const counts = [...known.values()].flatMap(({ labels }) => [...labels.values()].map(({ size }) => size));
  expect(Math.max(...counts)).toBeLessThanOrEqual(20);
});

describe('these pages ask only for metrics, labels and values that there are:', () => {
  test.each(mentioning)('%s', (_, mentions) => {
    for (const { sample, selector } of mentions) {
      const name = nameOf(sample, known);
      expect([...known.keys()]).toContain(name);
      const family = known.get(name);
      for (const [, label = '', values] of selector.matchAll(/(\w+)(?:=~?"([^"]*)")?/g)) {
        expect([...(family?.labels.keys() ?? [])]).toContain(label);
        for (const value of values?.split(/\\?\|/) ?? []) expect(family?.labels.get(label)).toContain(value);
      }
    }
  });
});

test('the policy for Prometheus opens the port that both Deployments name', async () => {
  const [example = ''] = await examplesOf('metrics.md', 'Let Prometheus in', 'yaml');
  const policy = parse(example) as { spec: { ingress: { ports: { port: string }[] }[] } };
  const [rule] = policy.spec.ingress;
  expect(rule?.ports).toEqual([{ port: 'health', protocol: 'TCP' }]);
  for (const role of ['receiver', 'responder'])
    expect(await readFile(join(ROOT, `config/default/${role}.yaml`), 'utf8')).toMatch(
      /- name: health\n\s+containerPort: 8081\n/,
    );
});
