// How the files of the containers differ from their images: programs first.
import { CHANGE_KINDS, type FileChange } from '../../api/file-change.ts';
import { captured, cutNote, FILE_COLLECTORS, partMissing, type Captured, type Part } from '../captured.ts';
import { MAX_LISTED, tallyChanges, type ChangeTally } from '../changes.ts';
import type { Source } from '../input.ts';
import type { Block, Column, Inline, Section, Text } from '../model.ts';
import { bytes, counted, grouped, utc } from '../visible.ts';

/** What was captured of the files. */
export interface Files {
  file: Captured;
  tally?: ChangeTally;
}

/** Reads the changes of the files. */
export function filesOf(source: Source): Files {
  const file = captured(source, { file: 'changes', collectors: FILE_COLLECTORS, askedAs: 'Filesystem' });
  return 'missing' in file ? { file } : { file, tally: tallyChanges(file) };
}

/** See the file's first line. */
export function files({ file, tally }: Files): Section {
  const blocks: Block[] =
    'missing' in file || !tally
      ? [
          {
            kind: 'Missing',
            in: 'Evidence',
            what: 'The changes of the files',
            why: 'missing' in file ? file.missing : [],
          },
        ]
      : [...totals(tally, file), ...lists(tally)];
  return { id: 'files', title: 'File changes', blocks };
}

const WORDS: Readonly<Record<FileChange['kind'], string>> = {
  Added: 'added: the image has no such entry',
  Modified: 'modified: other content or another type than in the image',
  Metadata: 'metadata: the same content with another mode, owner or time',
  Deleted: 'deleted: the image has it, the container did not',
  Opaque: 'opaque: a directory that may hide what the image has in it',
};

function totals(tally: ChangeTally, { cut, lacking }: Part): Block[] {
  const read = tally.lines - tally.bad;
  const found = CHANGE_KINDS.filter((kind) => tally.counts[kind].executables + tally.counts[kind].others > 0);
  const programs = CHANGE_KINDS.reduce((sum, kind) => sum + tally.counts[kind].executables, 0);
  return [
    {
      kind: 'Notice',
      tone: programs > 0 ? 'Bad' : tally.partial ? 'Unknown' : 'Plain',
      text: `${counted(read, 'change')} against the images, ${grouped(programs)} of them of programs, libraries and scripts.`,
    },
    ...partMissing('Some of the changes of the files', lacking),
    ...(tally.bad > 0
      ? [
          {
            kind: 'Notice',
            tone: 'Unknown',
            text: `${counted(tally.bad, 'line')} could not be read as a change.`,
          } as const,
        ]
      : []),
    ...(cut ? [{ kind: 'Notice', tone: 'Unknown', text: cutNote('changes') } as const] : []),
    ...(tally.more && !cut
      ? [
          {
            kind: 'Notice',
            tone: 'Unknown',
            text: `Only the first ${grouped(tally.lines)} lines were read.`,
          } as const,
        ]
      : []),
    ...(found.length === 0
      ? []
      : [
          {
            kind: 'Table',
            columns: [
              { name: 'Change' },
              { name: 'Programs', as: 'Number' },
              { name: 'Others', as: 'Number' },
            ],
            rows: found.map((kind) => [
              WORDS[kind],
              grouped(tally.counts[kind].executables),
              grouped(tally.counts[kind].others),
            ]),
          } as const,
        ]),
  ];
}

function lists(tally: ChangeTally): Block[] {
  const listed = tally.executables.length + tally.others.length;
  const left = tally.lines - tally.bad - listed;
  return [
    ...(tally.executables.length > 0 ? [table('Programs, libraries and scripts', tally.executables)] : []),
    ...(tally.others.length > 0 ? [table('Other files', tally.others)] : []),
    ...(left > 0
      ? [
          {
            kind: 'Paragraph',
            text: `${counted(left, 'more change')} are in node/filesystem.ndjson; listed are the first ${MAX_LISTED}, programs first.`,
          } as const,
        ]
      : []),
  ];
}

const COLUMNS: readonly Column[] = [
  { name: 'Change', as: 'Word' },
  { name: 'Path', as: 'Path' },
  { name: 'What' },
  { name: 'Size', as: 'Number' },
  { name: 'Modified', as: 'Time' },
  { name: 'SHA-256', as: 'Hash' },
];

function table(title: string, changes: readonly FileChange[]): Block {
  return { kind: 'Table', title, columns: COLUMNS, rows: changes.map(row) };
}

function row(change: FileChange): Text[] {
  const { kind, container, where, path, size, modifiedAt, sha256, problem, kept } = change;
  return [
    kind.toLowerCase(),
    [{ code: path }, `in ${where === 'Root' ? 'container' : 'a volume of container'}`, { code: container }],
    what(change),
    size === undefined ? '' : bytes(size),
    modifiedAt === undefined ? '' : utc(modifiedAt),
    [
      ...(sha256 === undefined ? [] : [{ code: sha256 }]),
      ...(kept === undefined ? [] : ['content kept']),
      ...(problem === undefined ? [] : ['not all was read:', problem]),
    ],
  ];
}

const SETUID = 0o4000;
const SETGID = 0o2000;

function what({ type, content, mode, linkTarget, ...change }: FileChange): Inline[] {
  const special = mode === undefined ? 0 : mode & (SETUID | SETGID);
  const kind = content === undefined || content === 'Other' ? type : `${content} ${type}`;
  return [
    [kind, ...ownership({ mode, ...change }), ...namesOf(type, change.links)].join(' '),
    ...(special === 0 ? [] : [{ tag: special === SETGID ? 'setgid' : 'setuid', tone: 'Bad' } as const]),
    ...(linkTarget === undefined ? [] : ['leads to', { code: linkTarget }]),
  ];
}

function ownership({ mode, uid, gid }: Pick<FileChange, 'mode' | 'uid' | 'gid'>): string[] {
  return [
    ...(mode === undefined ? [] : [mode.toString(8).padStart(4, '0')]),
    ...(uid === undefined ? [] : [`${uid}:${gid ?? '?'}`]),
  ];
}

function namesOf(type: FileChange['type'], links: number | undefined): string[] {
  return type === 'File' && links !== undefined && links > 1 ? [`${links} names`] : [];
}
