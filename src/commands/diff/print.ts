// How `die-operator diff` shows what it found. Paths and messages are the attacker's.
import { visibleJson } from '../../explain/visible.ts';
import { bytes, counted, visible } from '../../report/visible.ts';
import type { JudgedChange, PodDiff } from './compare.ts';

/** Longest path of Linux, and room for a message. */
const MAX_TEXT = 4096;
const WORDS: Readonly<Record<JudgedChange['content'] & string, string>> = {
  Elf: 'program',
  Library: 'library',
  Script: 'script',
  Other: 'data',
};

/** For people: a line a change, programs first and marked; then the counts. */
export function diffText(diff: PodDiff, isAll: boolean): string {
  const shown = shownOf(diff, isAll);
  const name = `pod ${diff.namespace}/${diff.pod} on node ${diff.node}`;
  const where = diff.containers.map((one) => one.name);
  const lines = [
    `${name}, compared with the images of: ${[...new Set(where)].join(', ') || 'nothing'}`,
    ...(shown.length > 0 ? ['', ...shown.map(line(diff)), ''] : []),
    countsOf(diff, isAll),
    ...(diff.omitted > 0 ? [`${counted(diff.omitted, 'change')} are counted and not shown`] : []),
    ...(diff.complete ? [] : ['NOT EVERYTHING was compared:']),
    ...diff.problems.map((problem) => `  ${problem}`),
  ];
  return lines.map((text) => `${visible(text, MAX_TEXT * 2)}\n`).join('');
}

/** For programs: one document. */
export function diffJson(diff: PodDiff, isAll: boolean): string {
  return visibleJson({ ...diff, changes: shownOf(diff, isAll) });
}

function shownOf({ changes }: PodDiff, isAll: boolean): readonly JudgedChange[] {
  return isAll ? changes : changes.filter(({ drift }) => drift);
}

function line({ containers }: PodDiff): (change: JudgedChange) => string {
  const width = Math.max(1, ...containers.map(({ name }) => name.length), 'volume'.length);
  return (change) => {
    const mark = change.danger ? '!' : change.drift ? '*' : ' ';
    const place = (change.where === 'EmptyDir' ? 'volume' : change.container).padEnd(width);
    const details = detailsOf(change, containers).join(', ');
    const link = change.linkTarget === undefined ? '' : ` -> ${change.linkTarget}`;
    return `${mark} ${change.kind.padEnd(8)}  ${place}  ${change.path}${link}  (${details}): ${change.why}`;
  };
}

function detailsOf(change: JudgedChange, containers: PodDiff['containers']): string[] {
  const { type, content, mode, size, sha256, problem, containerId, executable } = change;
  const word = content !== undefined && content !== 'Other' ? WORDS[content] : type.toLowerCase();
  const earlier = containers.some(({ id, ended }) => id === containerId && ended);
  return [
    word,
    ...(executable && word === 'file' ? ['executable'] : []),
    ...(mode === undefined ? [] : [mode.toString(8).padStart(4, '0')]),
    ...(size === undefined || type !== 'File' ? [] : [bytes(size)]),
    ...(sha256 === undefined ? [] : [`sha256 ${sha256}`]),
    ...(earlier ? ['of a container that has ended'] : []),
    ...(problem === undefined ? [] : [problem]),
  ];
}

function countsOf({ counts: { danger, otherDrift, noDrift } }: PodDiff, isAll: boolean): string {
  const rest = noDrift > 0 && !isAll ? ' (shown with --all)' : '';
  return `drift: ${danger + otherDrift}, of which ${danger} can be run or decide what runs (!); no drift: ${noDrift}${rest}`;
}
