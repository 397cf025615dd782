// A report as GitHub-flavoured Markdown, for an issue or a wiki: the same content as the page of HTML.
import { code, fenced, prose, row } from './markdown.ts';
import type {
  Block,
  Inline,
  NetworkPicture,
  ReportModel,
  Section,
  Text,
  Tone,
  TreeNode,
  Way,
} from './model.ts';
import { visible } from './visible.ts';

/** Messages of conditions have at most 1,024 characters. */
const MAX_TEXT = 2048;

/** The whole text, with a line break at its end. */
export function renderMarkdown({ title, summary, sections, colophon }: ReportModel): string {
  return `${[`# ${prose(title)}`, prose(summary, MAX_TEXT), ...sections.flatMap(section), '---', prose(colophon)].join('\n\n')}\n`;
}

function section({ title, blocks }: Section): string[] {
  return [`## ${prose(title)}`, ...blocks.flatMap(block)];
}

const SIGNS: Readonly<Record<Tone, string>> = { Bad: '**!** ', Good: '**✓** ', Unknown: '**?** ', Plain: '' };

const NOT = { Evidence: 'Not captured', Incident: 'Not recorded' } as const;

function block(each: Block): string[] {
  switch (each.kind) {
    case 'Paragraph':
      return [text(each.text)];
    case 'Notice':
      return [`> ${SIGNS[each.tone]}${text(each.text)}`];
    case 'Missing':
      return [`> **${NOT[each.in]}:** ${prose(each.what)}`, list(each.why.map(text))];
    case 'Facts':
      return [list(each.rows.map(([name, value]) => `**${prose(name)}**: ${text(value)}`))];
    case 'Table':
      return table(each);
    case 'Tree':
      return [fenced(lines(each.roots, ''))];
    case 'Networks':
      return each.pictures.flatMap(picture);
  }
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}

function table({ title, columns, rows }: Extract<Block, { kind: 'Table' }>): string[] {
  if (rows.length === 0) return [];
  const head = [
    row(columns.map(({ name }) => prose(name))),
    row(columns.map(({ as }) => (as === 'Number' ? '--:' : '---'))),
  ];
  const body = rows.map((cells) => row(cells.map(text)));
  return [...(title === undefined ? [] : [`### ${prose(title)}`]), [...head, ...body].join('\n')];
}

const STATES: Readonly<Record<Way['state'], string>> = {
  Open: '**open**',
  Cut: 'cut',
  Denied: 'denied, not proven to be cut',
};

function picture({ title, ways }: NetworkPicture): string[] {
  const rows = ways.map(({ direction, peer, state }) =>
    row([direction === 'In' ? 'to the pod from' : 'from the pod to', prose(peer), STATES[state]]),
  );
  return [
    `### ${prose(title)}`,
    [row(['Direction', 'Who', 'Way']), row(['---', '---', '---']), ...rows].join('\n'),
  ];
}

// As deep as the forest of processes, which has a limit.
function lines(nodes: readonly TreeNode[], indent: string): string[] {
  return nodes.flatMap(({ text: pieces, marked, children }) => [
    `${indent}${marked ? '(!)' : '-'} ${asList(pieces).map(plain).join(' ')}`,
    ...lines(children, `${indent}  `),
  ]);
}

function plain(piece: Inline): string {
  if (typeof piece === 'string') return visible(piece, MAX_TEXT);
  if ('code' in piece) return `"${visible(piece.code, piece.max).replaceAll(/["\\]/g, '\\$&')}"`;
  return 'strong' in piece ? visible(piece.strong) : `[${piece.tag}]`;
}

function text(pieces: Text): string {
  return asList(pieces).map(inline).filter(Boolean).join(' ');
}

function asList(pieces: Text): readonly Inline[] {
  return isList(pieces) ? pieces : [pieces];
}

function isList(pieces: Text): pieces is readonly Inline[] {
  return Array.isArray(pieces);
}

function inline(piece: Inline): string {
  if (typeof piece === 'string') return prose(piece, MAX_TEXT);
  if ('code' in piece) return code(piece.code, piece.max);
  if ('strong' in piece) return strong(piece.strong);
  return strong(piece.tag);
}

// Around words only: around a code span the stars may stay stars.
function strong(words: string): string {
  const shown = prose(words);
  return shown.includes('`') || shown === '' ? shown : `**${shown}**`;
}
