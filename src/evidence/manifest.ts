// The manifest of a bundle: what was captured, from where, with which hash, and what is missing.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { GROUP, OPERATOR_NAME } from '../api/names.ts';
import { cleanText } from '../kube/text.ts';
import { keyIdsOf } from './dsse.ts';
import { isSafePath, MAX_PATH } from './path.ts';
import type { BundleEnd } from './bundle.ts';
import type { BundleSummary, EvidenceSubject } from './store.ts';

/** File name of the manifest in its bundle. */
export const MANIFEST_FILE = 'manifest.json';
/** File name of its signatures, if anybody signs. */
export const ENVELOPE_FILE = 'manifest.dsse.json';
/** Names that no evidence has. */
export const RESERVED_FILES: readonly string[] = [MANIFEST_FILE, ENVELOPE_FILE];
/** Identifies the format. */
export const MANIFEST_SCHEMA = `${GROUP}/evidence-manifest`;
/** Version of the format; a change that an older reader would misread raises it. */
export const MANIFEST_VERSION = 1;
/** Largest manifest that is written or read, in bytes. */
export const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
/** Largest envelope that is read, in bytes. */
export const MAX_ENVELOPE_BYTES = 24 * 1024 * 1024;

// The bounds of `status.evidence` in src/api/incident.ts.
/** Problems in a summary. */
export const MAX_SUMMARY_PROBLEMS = 16;
const MAX_SUMMARY_PROBLEM = 512;
const MAX_SUMMARY_MISSING = 16;

const text = (max = 1024) => z.string().max(max);
const time = z.iso.datetime();
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const FileSchema = z.strictObject({
  path: text(MAX_PATH).refine(
    (path) => isSafePath(path) && !RESERVED_FILES.includes(path),
    'is not a safe path',
  ),
  size: z.int().min(0),
  sha256: hash,
  /** What is encrypted in it, where that is known. */
  plain: z.strictObject({ size: z.int().min(0), sha256: hash }).optional(),
  collector: text(63),
  contentType: text(127),
  /** What it was read from, for people. */
  source: text(),
  collectedAt: time,
  /** True if there was more than the file holds. */
  truncated: z.boolean(),
  /** `low`: what runs in the pod wrote it. Absent: read past the pod. */
  trust: z.literal('low').optional(),
});

/** The format, version {@link MANIFEST_VERSION}. */
export const ManifestSchema = z.strictObject({
  schema: z.literal(MANIFEST_SCHEMA),
  schemaVersion: z.literal(MANIFEST_VERSION),
  tool: z.strictObject({ name: text(63), version: text(63) }),
  /** `round`: the first bundle of an incident has none, the second 2. */
  incident: z.strictObject({
    namespace: text(),
    name: text(),
    uid: text(),
    round: z.int().min(2).optional(),
  }),
  target: z.strictObject({
    namespace: text(),
    name: text(),
    uid: text(),
    nodeName: text().optional(),
    containers: z.array(
      z.strictObject({
        name: text(),
        image: text(),
        imageID: text().optional(),
        containerID: text().optional(),
      }),
    ),
  }),
  /** 1, or more if earlier captures were cut off and discarded. */
  attempt: z.int().min(1),
  startedAt: time,
  finishedAt: time,
  limits: z.strictObject({ maxBytes: z.int().min(0), maxFiles: z.int().min(0) }),
  /** `Age`: every file is encrypted, to these public keys. */
  encryption: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('None') }),
      z.strictObject({ kind: z.literal('Age'), recipients: z.array(text(4096)) }),
    ])
    .default({ kind: 'None' }),
  files: z
    .array(FileSchema)
    .refine((files) => new Set(files.map((file) => file.path)).size === files.length, 'has a path twice'),
  /** Collectors that gave nothing at all. */
  missing: z.array(text(63)).default([]),
  problems: z.array(z.strictObject({ collector: text(63), message: text() })),
});

/** See {@link ManifestSchema}. */
export type Manifest = z.output<typeof ManifestSchema>;
/** One file of a bundle. */
export type ManifestFile = Manifest['files'][number];
/** Something that is missing, refused, or cut. */
export type ManifestProblem = Manifest['problems'][number];

/** What {@link buildManifest} needs beside the constants of the format. */
export type ManifestContent = Pick<
  Manifest,
  'attempt' | 'startedAt' | 'finishedAt' | 'limits' | 'encryption' | 'files' | 'missing' | 'problems'
> & { subject: EvidenceSubject; version: string };

/** The manifest of a bundle, its files in the order of their paths. */
export function buildManifest({ subject, version, ...content }: ManifestContent): Manifest {
  const { namespace, name, uid, nodeName, containers } = subject.target;
  return {
    ...content,
    schema: MANIFEST_SCHEMA,
    schemaVersion: MANIFEST_VERSION,
    tool: { name: OPERATOR_NAME, version },
    incident: identity(subject.incident),
    target: { namespace, name, uid, ...(nodeName !== undefined && { nodeName }), containers },
    files: content.files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

/**
 * JSON with sorted keys and no white space (RFC 8785), and a newline at the end: the same content has the same bytes,
 * and so the same hash.
 */
export function canonicalJson(value: unknown): string {
  return `${canonical(value)}\n`;
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`;
}

/** Reads a manifest; throws an Error that says what is wrong with it. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const parsed = ManifestSchema.safeParse(
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)),
  );
  if (!parsed.success) throw new Error(cleanText(z.prettifyError(parsed.error), 512));
  return parsed.data;
}

/** What the incident keeps of a bundle. Throws an Error if that is no manifest, or no envelope of it. */
export function summarize({ manifest: bytes, envelope }: BundleEnd, location: string): BundleSummary {
  const manifest = parseManifest(bytes);
  const { files, missing, problems, encryption } = manifest;
  return {
    location,
    manifestSha256: sha256(bytes),
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.size, 0),
    missing: missing.slice(0, MAX_SUMMARY_MISSING),
    problems: summarizeProblems(problems),
    encryption: encryption.kind,
    signedBy: envelope ? keyIdsOf(envelope) : [],
  };
}

/** Hash of the bytes as 64 hex digits. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function summarizeProblems(problems: readonly ManifestProblem[]): string[] {
  const lines = problems.map(({ collector, message }) =>
    cleanText(`${collector}: ${message}`, MAX_SUMMARY_PROBLEM),
  );
  if (lines.length <= MAX_SUMMARY_PROBLEMS) return lines;
  const shown = lines.slice(0, MAX_SUMMARY_PROBLEMS - 1);
  return [...shown, `${lines.length - shown.length} more problems are in ${MANIFEST_FILE}`];
}

function identity({ namespace, name, uid, round }: Manifest['incident']): Manifest['incident'] {
  return { namespace, name, uid, ...(round !== undefined && round > 1 && { round }) };
}
