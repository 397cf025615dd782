// Holds what the comparison found against what was planted: what is missing, what is wrong, what is too much.
import type { FileChange } from '../../../src/api/file-change.ts';
import { sha } from './planted-image.ts';
import type { Expected, Planted } from './planted-row.ts';

/** What was planted in one container. */
export interface PlantedIn {
  container: string;
  containerId: string;
  rows: readonly Planted[];
}

/** Of one class of changes, or of all. */
export interface Score {
  /** Changes that were planted. */
  planted: number;
  /** Of those, the ones of which every line is there, and right. */
  found: number;
  /** Lines that had to be there, and those that were there and right. */
  lines: number;
  right: number;
}

/** What {@link compare} found. */
export interface Comparison {
  byClass: ReadonlyMap<string, Score>;
  total: Score;
  /** Of all lines of the evidence. */
  listed: number;
  /** A sentence for each line that is missing, wrong or too much. */
  differences: readonly string[];
}

/** Compares; each line may answer one expectation. */
export function compare(planted: readonly PlantedIn[], changes: readonly FileChange[]): Comparison {
  const left = new Map<string, FileChange[]>();
  for (const change of changes) left.set(keyOf(change), [...(left.get(keyOf(change)) ?? []), change]);
  const byClass = new Map<string, Score>();
  const differences: string[] = [];
  for (const { container, containerId, rows } of planted) {
    for (const row of rows) {
      const score = byClass.get(row.class) ?? { planted: 0, found: 0, lines: 0, right: 0 };
      byClass.set(row.class, score);
      const wrong = row.shows.flatMap((expected) => {
        const where = expected.where ?? 'Root';
        const owner = where === 'Root' ? { container, containerId } : { container: '', containerId: '' };
        const path = Buffer.from(expected.path);
        const key = keyOf({ ...owner, where, ...bytesOf(path), kind: expected.kind });
        const change = left.get(key)?.shift();
        const why = change === undefined ? ['missing'] : differencesOf(expected, change);
        return why.map(
          (what) => `${row.class}, ${row.what}: ${container}:${shown(path)} ${expected.kind}: ${what}`,
        );
      });
      differences.push(...wrong);
      score.planted += 1;
      score.found += wrong.length === 0 ? 1 : 0;
      score.lines += row.shows.length;
      score.right += row.shows.length - wrong.length;
    }
  }
  for (const change of [...left.values()].flat()) differences.push(`surplus: ${JSON.stringify(change)}`);
  return { byClass, total: sum([...byClass.values()]), listed: changes.length, differences };
}

/** The scores as a table, a line for each class. */
export function tableOf({ byClass, total, listed }: Comparison): string {
  const line = (name: string, { planted, found, lines, right }: Score) =>
    `${name.padEnd(26)} ${`${found}/${planted}`.padStart(9)} ${`${right}/${lines}`.padStart(13)}`;
  const percent = (part: number, of: number) => `${((100 * part) / Math.max(1, of)).toFixed(2)} %`;
  return [
    `${'class'.padEnd(26)} ${'changes'.padStart(9)} ${'lines'.padStart(13)}`,
    ...[...byClass].map(([name, score]) => line(name, score)),
    line('all', total),
    `recall ${percent(total.right, total.lines)}, precision ${percent(total.right, listed)} of ${listed} lines`,
  ].join('\n');
}

function sum(scores: readonly Score[]): Score {
  const add = (of: (score: Score) => number) => scores.reduce((all, score) => all + of(score), 0);
  return {
    planted: add(({ planted }) => planted),
    found: add(({ found }) => found),
    lines: add(({ lines }) => lines),
    right: add(({ right }) => right),
  };
}

type Key = Pick<FileChange, 'container' | 'containerId' | 'where' | 'path' | 'pathBase64' | 'kind'>;

// A directory may be there twice, once since it hides something; nothing else may.
function keyOf({ container, containerId, where, path, pathBase64, kind }: Key): string {
  const bytes = pathBase64 ?? Buffer.from(path).toString('base64');
  return [container, containerId, where, bytes, kind].join(' ');
}

function bytesOf(path: Buffer): Pick<Key, 'path' | 'pathBase64'> {
  return { path: '', pathBase64: path.toString('base64') };
}

/** Fields that are compared as they are. */
const PLAIN = [
  'type',
  'mode',
  'uid',
  'gid',
  'size',
  'links',
  'linkTarget',
  'content',
  'executable',
  'modifiedAt',
] as const;

function differencesOf(expected: Expected, change: FileChange): string[] {
  const plain = PLAIN.filter((name) => expected[name] !== undefined && expected[name] !== change[name]);
  const wrong = [
    ...plain.map((name) => `${name} is ${String(change[name])}, not ${String(expected[name])}`),
    ...hashDifferences(expected, change),
    ...((expected.problem ?? /^$/).test(change.problem ?? '') ? [] : [`problem: ${change.problem}`]),
  ];
  return wrong.length === 0 ? [] : [wrong.join('; ')];
}

function hashDifferences({ is, was, problem }: Expected, change: FileChange): string[] {
  const wrong: string[] = [];
  if (was !== undefined && change.imageSha256 !== sha(was))
    wrong.push(`imageSha256 is ${change.imageSha256}`);
  const isRead = change.type === 'File' && change.kind !== 'Deleted' && problem === undefined;
  if (!isRead) return wrong;
  if (change.sha256 === undefined) wrong.push('there is no sha256');
  else if (is !== undefined && change.sha256 !== sha(is)) wrong.push(`sha256 is ${change.sha256}`);
  return wrong;
}

function shown(path: Buffer): string {
  const text = JSON.stringify(path.toString());
  return text.length > 90 ? `${text.slice(0, 90)}...` : text;
}
