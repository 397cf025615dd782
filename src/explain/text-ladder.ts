// What alerts of each severity meet, as a table: severities with the same answer share a row, and a pattern of rules has
// rows only where it meets something else than any rule does.
import type { Action } from '../api/policy.ts';
import type { Severity } from '../api/severity.ts';
import type { Explanation, LadderRow } from './explanation.ts';
import { table } from './layout.ts';
import { shortName } from './short-name.ts';

/** The section of the ladder; empty without one. */
export function ladderText({ ladder, pod }: Explanation): string[] {
  if (!ladder || pod.protected || ladder.every(({ rungs }) => rungs.length === 0)) return [];
  const notes = new Map<string, string>();
  const groups = grouped(differing(ladder));
  const recorded = groups.some(({ row }) => row.recorded.length + row.mayRecord.length > 0);
  const rows = groups.map((group) => rowText(group, notes));
  const all = [['RULE', 'SEVERITY', 'DONE', 'ONLY RECORDED', 'RUNGS'], ...rows];
  return [
    'What alerts meet (a rule that matches several patterns meets the rungs of all of them)',
    ...table(recorded ? all : all.map((row) => row.toSpliced(3, 1))),
    ...table([...notes].map(([needs, mark]) => [mark, `only if ${needs}`])),
  ];
}

interface Group {
  row: LadderRow;
  severities: Severity[];
}

function differing(ladder: readonly LadderRow[]): LadderRow[] {
  const any = new Map(ladder.filter(({ rule }) => rule === null).map((row) => [row.severity, row]));
  return ladder.filter(
    (row) => row.rule === null || answerOf(row) !== answerOf(any.get(row.severity) ?? row),
  );
}

function grouped(ladder: readonly LadderRow[]): Group[] {
  const groups: Group[] = [];
  for (const row of ladder) {
    const last = groups.at(-1);
    if (last && last.row.rule === row.rule && answerOf(last.row) === answerOf(row))
      last.severities.push(row.severity);
    else groups.push({ row, severities: [row.severity] });
  }
  return groups;
}

function answerOf({ rungs, done, recorded, mayDo, mayRecord }: LadderRow): string {
  return JSON.stringify({ rungs, done, recorded, mayDo, mayRecord });
}

function rowText({ row, severities }: Group, notes: Map<string, string>): string[] {
  const { rule, rungs, done, recorded, mayDo, mayRecord } = row;
  const [first = '', ...others] = severities;
  const span = others.length > 0 ? `${first}..${others.at(-1)}` : first;
  const named = [...Map.groupBy(rungs, ({ policy }) => shortName(policy))].map(([policy, its]) =>
    [policy, ...its.map(({ name, needs }) => `${name}${markOf(needs, notes)}`)].join(' '),
  );
  return [
    rule ?? 'any',
    span,
    cell(done, mayDo),
    cell(recorded, mayRecord),
    named.join(', ') || 'none: no incident',
  ];
}

function cell(certain: readonly Action[], possible: readonly Action[]): string {
  return [...certain, ...possible.map((action) => `(${action})`)].join(' ') || '-';
}

function markOf(needs: readonly string[], notes: Map<string, string>): string {
  if (needs.length === 0) return '';
  const text = needs.join(' and ');
  const mark = notes.get(text) ?? `[${notes.size + 1}]`;
  notes.set(text, mark);
  return mark;
}
