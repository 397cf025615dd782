// What a report says, before it has a form: sections of a few kinds of blocks. Every text in it is data, whoever wrote it;
// what makes HTML or Markdown of a block escapes all of them.

/** How to look at a word: it is never told by colour alone, the word itself says it. */
export type Tone = 'Bad' | 'Good' | 'Unknown' | 'Plain';

/** A piece of text. `code`: as it was found, at most `max` units of it. `tag`: a verdict. */
export type Inline =
  string | { code: string; max?: number } | { strong: string } | { tag: string; tone: Tone };
/** Pieces stand one after the other, with a space between. */
export type Text = Inline | readonly Inline[];

/** A column of a table. `Word`: one of a few words of ours, which is not broken; all others are, wherever they must. */
export interface Column {
  name: string;
  as?: 'Word' | 'Hash' | 'Path' | 'Number' | 'Time';
}

/** A node of a tree. */
export interface TreeNode {
  text: Text;
  /** Stands out. */
  marked: boolean;
  children: TreeNode[];
}

/** One way to or from the pod. */
export interface Way {
  direction: 'In' | 'Out';
  peer: string;
  /** `Denied`: a policy denies it, and nothing proved that the network obeys. */
  state: 'Open' | 'Cut' | 'Denied';
}

/** The network around the pod at one time. */
export interface NetworkPicture {
  title: string;
  pod: string;
  ways: Way[];
}

/** One part of a section. */
export type Block =
  | { kind: 'Paragraph'; text: Text }
  /** Something to know before reading on. */
  | { kind: 'Notice'; tone: Tone; text: Text }
  /** What is not there, never to be taken for `nothing was found`: in the evidence, or else in the incident. */
  | { kind: 'Missing'; in: 'Evidence' | 'Incident'; what: string; why: Text[] }
  | { kind: 'Facts'; rows: readonly (readonly [string, Text])[] }
  | { kind: 'Table'; title?: string; columns: readonly Column[]; rows: readonly (readonly Text[])[] }
  | { kind: 'Tree'; roots: readonly TreeNode[] }
  | { kind: 'Networks'; pictures: readonly NetworkPicture[] };

/** One section. */
export interface Section {
  /** Lower-case letters and hyphens; unique in the report. */
  id: string;
  title: string;
  blocks: Block[];
}

/** A whole report. */
export interface ReportModel {
  title: string;
  /** What happened, in one sentence. */
  summary: string;
  sections: Section[];
  /** Who made it, and when. */
  colophon: string;
}
