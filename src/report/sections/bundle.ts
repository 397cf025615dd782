// What the evidence holds, what is missing in it, and how far it can be trusted.
import type { ManifestFile } from '../../evidence/manifest.ts';
import { isEncrypted, type EvidenceInput, type Source } from '../input.ts';
import type { Block, Section, Text } from '../model.ts';
import { bytes, counted, grouped, lasting, utc } from '../visible.ts';

type Read = Extract<EvidenceInput, { state: 'Read' }>;

const MAX_FILES = 1000;
const MAX_PROBLEMS = 200;
const MAX_DIFFERENCES = 50;

/** See the file's first line. */
export function bundle(source: Source): Section {
  const { evidence } = source;
  const blocks = evidence.state === 'Absent' ? absent(source, evidence.why) : read(source, evidence);
  return { id: 'evidence', title: 'Evidence', blocks };
}

function absent({ incident }: Source, why: string): Block[] {
  const recorded = incident.status?.evidence;
  if (!recorded) return [{ kind: 'Missing', in: 'Evidence', what: 'Evidence', why: [why] }];
  const { location, manifestSha256, files, bytes: size, problems, missing = [], lostAt } = recorded;
  return [
    { kind: 'Missing', in: 'Evidence', what: 'What the evidence holds', why: [why] },
    ...lost(lostAt),
    ...gaveNothing(missing),
    {
      kind: 'Facts',
      rows: [
        ['Location, as the incident says', { code: location }],
        ['SHA-256 of the manifest', { code: manifestSha256 }],
        ['Files', `${grouped(files)}, ${bytes(size)}`],
      ],
    },
    ...problemList(problems.map((problem): Text[] => ['', problem])),
  ];
}

function read(source: Source, evidence: Read): Block[] {
  const { manifest } = evidence;
  const { files } = manifest;
  return [
    ...integrity(source, evidence),
    ...lost(source.incident.status?.evidence?.lostAt),
    ...gaveNothing(manifest.missing),
    {
      kind: 'Facts',
      rows: [
        ['Read from', { code: evidence.location }],
        ['Location, as the incident says', located(source)],
        [
          'Files, as they are stored',
          `${grouped(files.length)}, ${bytes(files.reduce((sum, { size }) => sum + size, 0))}`,
        ],
        ['Encryption', encryption(manifest)],
        [
          'Signature',
          [
            {
              tag: evidence.signature.tone === 'Good' ? 'verified' : 'not verified',
              tone: evidence.signature.tone,
            },
            evidence.signature.text,
          ],
        ],
        [
          'Captured',
          `${utc(manifest.startedAt)}, in ${lasting(Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt))}, attempt ${manifest.attempt}`,
        ],
        ['By', `${manifest.tool.name} ${manifest.tool.version}`],
        ['SHA-256 of the manifest', { code: evidence.manifestSha256 }],
      ],
    },
    ...problemList(manifest.problems.map(({ collector, message }) => [{ code: collector }, message])),
    fileTable(files),
    ...(files.length > MAX_FILES
      ? [
          {
            kind: 'Paragraph',
            text: `${grouped(files.length - MAX_FILES)} more files are in manifest.json.`,
          } as const,
        ]
      : []),
  ];
}

function lost(at: string | undefined): Block[] {
  if (at === undefined) return [];
  const text = `At ${utc(at)} the operator found the evidence to be gone, or changed, at the location that the incident names.`;
  return [{ kind: 'Notice', tone: 'Bad', text }];
}

function gaveNothing(collectors: readonly string[]): Block[] {
  if (collectors.length === 0) return [];
  return [
    {
      kind: 'Missing',
      in: 'Evidence',
      what: 'Anything of these collectors',
      why: collectors.map((code) => ({ code })),
    },
  ];
}

function located({ incident }: Source): Text {
  const { evidence } = incident.status ?? {};
  return evidence ? { code: evidence.location } : 'the incident names none';
}

function integrity({ incident }: Source, { differences, manifestSha256 }: Read): Block[] {
  const recorded = incident.status?.evidence?.manifestSha256;
  const shown = differences.slice(0, MAX_DIFFERENCES);
  const left = differences.length - shown.length;
  if (differences.length > 0)
    return [
      {
        kind: 'Notice',
        tone: 'Bad',
        text: 'The evidence is not whole and unchanged. What is read from it here may be false.',
      },
      {
        kind: 'Table',
        title: 'How it differs',
        columns: [{ name: 'Difference' }],
        rows: [...shown.map((text) => [text]), ...(left > 0 ? [[`${grouped(left)} more`]] : [])],
      },
    ];
  return [
    recorded === manifestSha256
      ? {
          kind: 'Notice',
          tone: 'Good',
          text: 'Every file was hashed again: the evidence is whole, and its manifest is the one that the incident records.',
        }
      : {
          kind: 'Notice',
          tone: 'Unknown',
          text: 'Every file was hashed again and agrees with the manifest; the incident records no hash of the manifest, so files and manifest could have been changed together.',
        },
  ];
}

function encryption({ encryption: how, files }: Read['manifest']): string {
  const encrypted = files.filter(({ path }) => isEncrypted(path)).length;
  if (encrypted === 0) return 'none: everything lies there readable';
  const keys =
    how.kind === 'Age' ? `, to ${counted(how.recipients.length, 'public key')} that the manifest lists` : '';
  if (encrypted === files.length) return `every file (age${keys})`;
  return `${counted(encrypted, 'file')} of ${grouped(files.length)} (age${keys}); the others lie there readable`;
}

function problemList(rows: Text[][]): Block[] {
  if (rows.length === 0)
    return [{ kind: 'Paragraph', text: 'The capture reported nothing as missing, refused or cut.' }];
  const left = rows.length - MAX_PROBLEMS;
  return [
    {
      kind: 'Table',
      title: 'What is missing, refused or cut',
      columns: [{ name: 'Collector' }, { name: 'Problem' }],
      rows: [...rows.slice(0, MAX_PROBLEMS), ...(left > 0 ? [['', `${grouped(left)} more problems`]] : [])],
    },
  ];
}

function fileTable(files: readonly ManifestFile[]): Block {
  return {
    kind: 'Table',
    title: 'Files',
    columns: [
      { name: 'File', as: 'Path' },
      { name: 'Size', as: 'Number' },
      { name: 'Collected', as: 'Time' },
      { name: 'Source', as: 'Path' },
      { name: 'SHA-256', as: 'Hash' },
    ],
    rows: files
      .slice(0, MAX_FILES)
      .map(({ path, size, sha256, source, collectedAt, truncated }) => [
        [{ code: path }, ...(truncated ? [{ tag: 'cut', tone: 'Unknown' } as const, 'there was more'] : [])],
        bytes(size),
        utc(collectedAt),
        { code: source },
        { code: sha256 },
      ]),
  };
}
