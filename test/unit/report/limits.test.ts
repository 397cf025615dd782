// A report stays a page whatever its evidence holds.
import { describe, expect, test } from 'vitest';
import { jsonLines } from '../../../src/helpers/programs/capture/process-json.ts';
import { MAX_LISTED } from '../../../src/report/changes.ts';
import { REPORT_FILES } from '../../../src/report/input.ts';
import { MAX_PROCESSES, processForest, type ProcessNode } from '../../../src/report/process-tree.ts';
import { renderHtml } from '../../../src/report/render-html.ts';
import { renderMarkdown } from '../../../src/report/render-markdown.ts';
import { reportOf } from '../../../src/report/report.ts';
import { bytes, grouped, lasting, utc, visible } from '../../../src/report/visible.ts';
import { EDITION, exampleIncident } from './example.ts';
import { aChange, aProcess, EXAMPLE_FILES, exampleEvidence } from './example-evidence.ts';

const MIB = 2 ** 20;

describe('100,000 changes of files', () => {
  test('are counted, the first 500 listed, in a page of less than a megabyte', { timeout: 60_000 }, () => {
    const incident = exampleIncident();
    const [plain, program] = [false, true].map(
      (executable) => `${JSON.stringify(aChange({ path: '/x/NUMBER', executable }))}\n`,
    );
    const lines = Array.from({ length: 100_000 }, (_, index) =>
      (index < 99_900 ? plain : program)?.replace('NUMBER', String(index)),
    );
    const evidence = exampleEvidence(incident, {
      ...EXAMPLE_FILES,
      'node/filesystem.ndjson': lines.join(''),
    });
    const model = reportOf(incident, evidence, EDITION);
    const page = renderHtml(model);
    expect(page.length).toBeLessThan(MIB);
    expect(renderMarkdown(model).length).toBeLessThan(MIB);
    expect(page).toContain('100,000 changes against the images, 100 of them of programs');
    expect(page).toContain(`${grouped(100_000 - MAX_LISTED)} more changes are in node/filesystem.ndjson`);
    // The last programs are listed all the same.
    expect(page).toContain('/x/99999');
  });

  test('do not hide that a process runs one that comes after them', { timeout: 60_000 }, () => {
    const incident = exampleIncident();
    const heap = Array.from({ length: 100_000 }, (_, index) => aChange({ path: `/a/${index}` }));
    const dropped = aChange({ path: '/z/dropped', executable: true });
    const evidence = exampleEvidence(incident, {
      ...EXAMPLE_FILES,
      'node/filesystem.ndjson': [...heap, dropped].map((change) => `${JSON.stringify(change)}\n`).join(''),
      'node/processes.json': JSON.stringify([aProcess(4300, 1, { path: '/z/dropped' }, [])]),
    });
    const { sections } = reportOf(incident, evidence, EDITION);
    expect(JSON.stringify(sections.find(({ id }) => id === 'processes'))).toContain('not in the image');
  });

  test('are read up to the limit of the file, and the rest is told', () => {
    const incident = exampleIncident();
    const whole = `${JSON.stringify(aChange({ path: '/whole' }))}\n`;
    const evidence = exampleEvidence(incident);
    const content = Buffer.from(`${whole}${whole.slice(0, 20)}`);
    const files = new Map([...evidence.files, [REPORT_FILES.changes.path, { bytes: content, cut: true }]]);
    const text = JSON.stringify(reportOf(incident, { ...evidence, files }, EDITION).sections);
    expect(text).toContain('Only the first 128.0 MiB of node/filesystem.ndjson were read');
    expect(text).not.toContain('could not be read as a change');
  });
});

describe('a list of processes or connections that is cut', () => {
  const incident = exampleIncident();
  const textOf = (file: 'processes' | 'sockets', text: string, cut: boolean) => {
    const evidence = exampleEvidence(incident);
    const { path } = REPORT_FILES[file];
    const files = new Map([...evidence.files, [path, { bytes: Buffer.from(text), cut }]]);
    const { sections } = reportOf(incident, { ...evidence, files }, EDITION);
    return JSON.stringify(sections.find(({ id }) => id === 'processes'));
  };
  const collected = (...entries: unknown[]) =>
    Buffer.concat([...jsonLines([...entries, 'the last one'])])
      .toString()
      .slice(0, -4);
  const processes = [4300, 4301].map((pid) => aProcess(pid, 1, { path: '/tmp/first', deleted: true }, []));
  const sockets = JSON.parse(EXAMPLE_FILES['node/sockets.json'] ?? '') as object[];

  test('by the report shows what comes before that, and says so', () => {
    const text = textOf('processes', collected(...processes), true);
    expect(text).toContain('At least 2 processes when the node was read; 2 of them run a program');
    expect(text).toContain('/tmp/first');
    expect(text).toContain('Only the first 32.0 MiB of node/processes.json were read');
    const connections = textOf('sockets', collected(...sockets), true);
    expect(connections).toContain('Only the first 16.0 MiB of node/sockets.json were read');
    expect(connections).toContain('Connections and open ports when the node was read');
  });

  test('by the capture does so, too', () => {
    const text = textOf('processes', collected(...processes), false);
    expect(text).toContain('At least 2 processes');
    expect(text).toContain('node/processes.json ends within the list: what follows here is not all.');
  });

  test('before its first entry ends is missing', () => {
    const text = textOf('processes', collected().slice(0, 5), true);
    expect(text).toContain('Only the first 32.0 MiB of node/processes.json were read');
    expect(text).not.toContain('processes when the node was read');
    expect(textOf('processes', '{"a":1,\n"b', false)).toContain('is not a list in JSON');
  });
});

describe('the forest of processes', () => {
  const pidsOf = (nodes: readonly ProcessNode[]): number[] =>
    nodes.flatMap(({ process, children }) => [process.pid, ...pidsOf(children)]);
  const byNumber = (a: number, b: number) => a - b;
  const heightOf = (nodes: readonly ProcessNode[]): number =>
    nodes.length === 0 ? 0 : 1 + Math.max(...nodes.map(({ children }) => heightOf(children)));
  const process = (pid: number, ppid: number) => aProcess(pid, ppid, {}, []);

  test('shows each process once where parents go in a circle, or are unknown', () => {
    const forest = processForest(
      [process(4300, 4302), process(4301, 4300), process(4302, 4301), process(4400, 9)],
      () => false,
    );
    expect(pidsOf(forest.roots).toSorted(byNumber)).toEqual([4300, 4301, 4302, 4400]);
    expect(processForest([process(4300, 4300)], () => false).roots).toHaveLength(1);
  });

  test('is only so deep, and loses nobody', () => {
    const chain = Array.from({ length: 400 }, (_, index) => process(5000 + index, 4999 + index));
    const { roots, left } = processForest(chain, () => false);
    expect(heightOf(roots)).toBeLessThan(15);
    expect(pidsOf(roots).toSorted(byNumber)).toEqual(chain.map(({ pid }) => pid));
    expect(left).toBe(0);
  });

  test('shows those with drift and their ancestors where there is no room for all', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => process(5000 + index, 4999));
    const drifted = [process(70_000, 60_000), process(60_000, 24_999)];
    const { roots, shown, left } = processForest([...many, ...drifted], ({ pid }) => pid === 70_000);
    expect(pidsOf(roots)).toEqual(expect.arrayContaining([24_999, 60_000, 70_000]));
    expect({ shown, left }).toEqual({ shown: MAX_PROCESSES, left: 20_002 - MAX_PROCESSES });
  });
});

describe('a text', () => {
  test.for([
    ['\u202Egpj.exe', '⟨U+202E⟩gpj.exe'],
    ['a\u001B[31m', 'a⟨U+001B⟩[31m'],
    ['\u{E0041}\uFE0F\u3164\u2800\u00A0 ', '⟨U+E0041⟩⟨U+FE0F⟩⟨U+3164⟩⟨U+2800⟩⟨U+00A0⟩ '],
    ['\uD800', '⟨U+D800⟩'],
    [`e${'\u0301'.repeat(5)}`, 'e\u0301\u0301\u0301⟨U+0301⟩⟨U+0301⟩'],
    ['漢é😀', '漢é😀'],
  ])('names what deceives: %j', ([text = '', shown = '']) => {
    expect(visible(text)).toBe(shown);
    expect(visible(shown)).toBe(shown);
  });

  test('is cut with the number of what is left out, and never within a character', () => {
    expect(visible('x'.repeat(1500), 10)).toBe(`${'x'.repeat(10)}… (1,490 more characters)`);
    expect(visible('xx😀', 3)).toBe('xx… (2 more characters)');
  });
});

describe('numbers for people', () => {
  test.for([
    [bytes(1), '1 byte'],
    [bytes(1023), '1023 bytes'],
    [bytes(1024), '1.0 KiB'],
    [bytes(MIB * 1.5), '1.5 MiB'],
    [lasting(0), '0 ms'],
    [lasting(9_949), '9.9 s'],
    [lasting(61_000), '1 min 1 s'],
    [lasting(90_061_000), '1 d 1 h'],
    [lasting(-1_500), '1.5 s before'],
    [grouped(1_234_567), '1,234,567'],
    [utc('2026-11-22T19:01:30.725+01:00'), '2026-11-22 18:01:30.725 UTC'],
    [utc('never'), 'never'],
  ])('%s', ([given, expected]) => {
    expect(given).toBe(expected);
  });
});
