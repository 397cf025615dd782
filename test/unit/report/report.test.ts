// What a report says: all of an incident, in one order, and of what is missing that it is missing.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { EvidenceInput } from '../../../src/report/input.ts';
import type { Block, ReportModel } from '../../../src/report/model.ts';
import { renderHtml } from '../../../src/report/render-html.ts';
import { renderMarkdown } from '../../../src/report/render-markdown.ts';
import { reportOf } from '../../../src/report/report.ts';
import { anIncident } from '../../support/builders.ts';
import { EDITION, exampleIncident } from './example.ts';
import { aChange, EXAMPLE_FILES, exampleEvidence } from './example-evidence.ts';

const NO_EVIDENCE: EvidenceInput = { state: 'Absent', why: 'The incident records no evidence.' };

function example(files = EXAMPLE_FILES, change: Partial<DriftIncident> = {}): ReportModel {
  const incident = exampleIncident(change);
  return reportOf(incident, exampleEvidence(incident, files), EDITION);
}

const blocksOf = (model: ReportModel, id: string): Block[] =>
  model.sections.find((section) => section.id === id)?.blocks ?? [];
const shapeOf = (block: Block): string => {
  if (block.kind === 'Table')
    return `Table ${block.rows.length}${block.title === undefined ? '' : ` ${block.title}`}`;
  return block.kind === 'Missing' ? `Missing ${block.what}` : block.kind;
};
const said = (model: ReportModel, id: string): string => JSON.stringify(blocksOf(model, id));
const missing = (model: ReportModel, id: string) =>
  blocksOf(model, id).flatMap((block) => (block.kind === 'Missing' ? [JSON.stringify(block)] : []));
const without = (...paths: string[]) =>
  Object.fromEntries(Object.entries(EXAMPLE_FILES).filter(([path]) => !paths.includes(path)));

describe('a report of everything', () => {
  test('says in one sentence what happened', () => {
    expect(example().summary).toBe(
      'Falco reported "Drop and execute new binary in container" (Critical) in pod shop/cart-0 of ReplicaSet cart, ' +
        'and 13 more detections of that pod: the pod was isolated, evidence was kept, it was evicted, and its replacement was verified.',
    );
  });

  test('has these parts', () => {
    const parts = example().sections.map(({ id, blocks }) => [id, ...blocks.map(shapeOf)]);
    expect(parts).toEqual([
      ['overview', 'Facts', 'Table 1 Containers when the incident was opened'],
      ['timeline', 'Paragraph', 'Table 25'],
      ['detections', 'Paragraph', 'Table 2'],
      ['response', 'Facts', 'Table 2 Policies that asked for it', 'Table 4 Steps', 'Facts'],
      ['isolation', 'Notice', 'Networks', 'Paragraph', 'Table 3 Ways that are still open', 'Facts'],
      [
        'processes',
        'Notice',
        'Tree',
        'Table 2 Connections and open ports when the node was read',
        'Paragraph',
      ],
      ['files', 'Notice', 'Table 3', 'Table 2 Programs, libraries and scripts', 'Table 3 Other files'],
      ['evidence', 'Notice', 'Facts', 'Table 1 What is missing, refused or cut', 'Table 5 Files'],
      ['replacement', 'Notice', 'Facts', 'Table 1 What the replacement runs'],
      ['credentials', 'Paragraph', 'Table 3'],
      ['conditions', 'Table 5'],
    ]);
  });

  test('tells times in order, each with its distance from the detection and from the one before', () => {
    const [, table] = blocksOf(example(), 'timeline');
    const rows = table?.kind === 'Table' ? table.rows : [];
    const times = rows.map(([time]) => JSON.stringify(time));
    expect(times).toEqual(times.toSorted());
    expect(rows[0]?.[1]).toBe('1 h 1 s before');
    expect(rows.find(([, , , what]) => what === 'The pod was gone')).toMatchObject([
      '2026-11-22 18:01:41.300 UTC',
      '11 s',
      '1.3 s',
      'The pod was gone',
    ]);
  });

  test('marks the processes whose program is deleted, in memory only, or not what the image has', () => {
    const tree = blocksOf(example(), 'processes').find(({ kind }) => kind === 'Tree');
    const tags: string[] = [];
    const visit = (nodes: Extract<Block, { kind: 'Tree' }>['roots']): void => {
      for (const { text, children, marked } of nodes) {
        const own = JSON.stringify(text);
        if (marked) tags.push(`${/"strong":"(\d+)"/.exec(own)?.[1]} ${/"tag":"([^"]+)"/.exec(own)?.[1]}`);
        visit(children);
      }
    };
    if (tree?.kind === 'Tree') visit(tree.roots);
    expect(tags).toEqual(['4233 not in the image', '4240 deleted', '4251 in memory only (memfd)']);
  });

  test('draws what is open, and what is denied without a proof', () => {
    const networks = blocksOf(example(), 'isolation').find(({ kind }) => kind === 'Networks');
    const after = networks?.kind === 'Networks' ? networks.pictures[1] : undefined;
    expect(after?.ways.map(({ direction, peer, state }) => `${direction} ${peer}: ${state}`)).toEqual([
      'In its node: Open',
      'In exec, attach, port-forward: Open',
      'In everybody else: Denied',
      'Out all pods in namespaces with kubernetes.io/metadata.name=kube-system: Open',
      'Out everybody else: Denied',
    ]);
  });

  test.for([
    ['True', 'Verified', 'Cut'],
    ['Unknown', 'Pending', 'Denied'],
    ['False', 'Unenforced', 'Open'],
    ['False', 'Lifted', 'Open'],
  ] as const)('draws everybody else as the condition %s/%s says', ([status, reason, state]) => {
    const incident = exampleIncident();
    const conditions = [
      { type: 'Isolated', status, reason, message: '', lastTransitionTime: '2026-11-22T18:01:31Z' },
    ];
    const model = reportOf({ ...incident, status: { ...incident.status, conditions } }, NO_EVIDENCE, EDITION);
    expect(said(model, 'isolation')).toContain(`"peer":"everybody else","state":"${state}"`);
  });

  test('lists programs first, and names setuid', () => {
    const files = said(example(), 'files');
    expect(files.indexOf('/tmp/nc')).toBeLessThan(files.indexOf('/etc/passwd'));
    expect(files).toContain('"tag":"setuid"');
  });

  test('gives the same content as HTML and as Markdown', () => {
    const model = example();
    const [page, text] = [renderHtml(model), renderMarkdown(model)];
    for (const needed of [
      'cart-db',
      '/memfd:update',
      '198.51.100.7:4444',
      'allow-dns',
      'cart-7x2lm',
      'load-test',
    ])
      expect([page.includes(needed), text.includes(needed)]).toEqual([true, true]);
  });
});

describe('what is missing', () => {
  test('is said to be missing where the evidence was not read at all', () => {
    const model = reportOf(exampleIncident(), NO_EVIDENCE, EDITION);
    for (const id of ['processes', 'files', 'evidence', 'credentials'])
      expect(missing(model, id).join()).toContain('The incident records no evidence.');
    expect(renderHtml(model)).toContain('Not captured: The processes of the pod.');
    expect(renderMarkdown(model)).toContain('**Not captured:** The processes of the pod');
  });

  test('is explained by the problems of its collector', () => {
    const incident = exampleIncident();
    const problems = [
      { collector: 'processes', message: 'failed: the node did not answer' },
      { collector: 'logs', message: 'refused' },
    ];
    const evidence = exampleEvidence(incident, without('node/processes.json'), { problems });
    const [reason, ...others] = missing(reportOf(incident, evidence, EDITION), 'processes');
    expect(reason).toContain('the node did not answer');
    expect(reason).not.toContain('refused');
    expect(others).toEqual([]);
  });

  test('is explained by nobody having asked for it', () => {
    const incident = exampleIncident();
    incident.spec.trigger.response = anIncident().spec.trigger.response;
    const evidence = exampleEvidence(incident, without('node/processes.json', 'node/filesystem.ndjson'));
    const model = reportOf(incident, evidence, EDITION);
    expect(missing(model, 'processes').join()).toContain(
      'No policy asked for it (evidence.collectors: Processes)',
    );
    expect(missing(model, 'files').join()).toContain(
      'No policy asked for it (evidence.collectors: Filesystem)',
    );
  });

  test('is told apart from what is empty', () => {
    const model = example({ ...EXAMPLE_FILES, 'node/processes.json': '[]', 'node/filesystem.ndjson': '' });
    expect(missing(model, 'processes')).toEqual([]);
    expect(said(model, 'processes')).toContain('0 processes when the node was read');
    expect(said(model, 'files')).toContain('0 changes against the images');
  });

  test('leaves processes unmarked only with a word about it', () => {
    expect(said(example(without('node/filesystem.ndjson')), 'processes')).toContain(
      'a program that was added or changed, and not deleted, is not marked',
    );
  });

  test('is never taken for nothing found where a container could not be read', () => {
    const incident = exampleIncident();
    const problems = [
      { collector: 'filesystem', message: 'container app is not read: Unsupported: mounted as btrfs' },
      { collector: 'logs', message: 'refused' },
    ];
    const empty = { ...EXAMPLE_FILES, 'node/filesystem.ndjson': '' };
    const model = reportOf(incident, exampleEvidence(incident, empty, { problems }), EDITION);
    expect(missing(model, 'files').join()).toContain('container app is not read: Unsupported');
    expect(missing(model, 'files').join()).not.toContain('refused');
    expect(blocksOf(model, 'files')[0]).toMatchObject({ kind: 'Notice', tone: 'Unknown' });
    expect(said(model, 'processes')).toContain('may be unmarked');
  });

  test('is told beside what there is where a file was cut', () => {
    const incident = exampleIncident();
    const { manifest, ...evidence } = exampleEvidence(incident);
    const files = manifest.files.map((file) => ({ ...file, truncated: file.path === 'node/processes.json' }));
    const model = reportOf(incident, { ...evidence, manifest: { ...manifest, files } }, EDITION);
    expect(missing(model, 'processes').join()).toContain('ends before its end');
    expect(missing(model, 'files')).toEqual([]);
  });

  test('is a file that could not be opened', () => {
    const incident = exampleIncident();
    const evidence = exampleEvidence(incident);
    const files = new Map([
      ...evidence.files,
      ['rotate.json', { problem: 'is encrypted, and was not opened' }],
    ]);
    const model = reportOf(incident, { ...evidence, files }, EDITION);
    expect(missing(model, 'credentials').join()).toContain('is encrypted, and was not opened');
  });

  test('is what an incident that nobody has answered does not say yet', () => {
    const { status: _, ...incident } = anIncident();
    const model = reportOf(incident, NO_EVIDENCE, EDITION);
    expect(model.summary).toMatch(/: nothing was done to the pod so far\.$/);
    expect(
      model.sections.flatMap(({ blocks }) => blocks.filter(({ kind }) => kind === 'Missing')),
    ).toHaveLength(10);
    expect(() => [renderHtml(model), renderMarkdown(model)]).not.toThrow();
  });
});

describe('evidence that cannot be trusted', () => {
  test('is told at the top and with the evidence', () => {
    const incident = exampleIncident();
    const evidence = { ...exampleEvidence(incident), differences: ['rotate.json: file changed'] };
    const model = reportOf(incident, evidence, EDITION);
    expect(said(model, 'overview')).toContain('see the section Evidence before you trust');
    expect(said(model, 'evidence')).toContain('rotate.json: file changed');
  });

  test('is told as such where the incident has no hash to compare with', () => {
    expect(said(example(), 'evidence')).toContain('could have been changed together');
    const incident = exampleIncident();
    const evidence = exampleEvidence(incident);
    const recorded = { ...incident.status?.evidence, manifestSha256: evidence.manifestSha256 };
    const model = reportOf(
      { ...incident, status: { ...incident.status, evidence: recorded } as never },
      evidence,
      EDITION,
    );
    expect(said(model, 'evidence')).toContain('its manifest is the one that the incident records');
  });
});

describe('bad evidence', () => {
  test.each([
    ['no JSON', '{'],
    ['no list', '{}'],
    ['nested too deeply', '['.repeat(200_000)],
    ['no text', '\u0000'],
  ])('is no processes: %s', (_, text) => {
    expect(missing(example({ ...EXAMPLE_FILES, 'node/processes.json': text }), 'processes').join()).toContain(
      'not a list',
    );
  });

  test('is counted line by line, and the good lines are shown', () => {
    const good = JSON.stringify(aChange({ path: '/good' }));
    const bad = [
      'x',
      '{}',
      JSON.stringify({ ...aChange({ path: '/bad' }), evil: 1 }),
      `"${'y'.repeat(300_000)}"`,
    ];
    const model = example({ ...EXAMPLE_FILES, 'node/filesystem.ndjson': [...bad, good].join('\n') });
    expect(said(model, 'files')).toContain('4 lines could not be read');
    expect(said(model, 'files')).toContain('1 change against the images');
    expect(said(model, 'files')).toContain('/good');
  });

  test('is counted record by record', () => {
    const records = [
      ...(JSON.parse(EXAMPLE_FILES['node/processes.json'] ?? '') as object[]),
      { length: { toString: 0 } },
      1,
    ];
    const model = example({ ...EXAMPLE_FILES, 'node/processes.json': JSON.stringify(records) });
    expect(said(model, 'processes')).toContain('2 records could not be read');
  });
});
