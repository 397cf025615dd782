import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DriftIncidentStatusSchema } from '../../../src/api/incident.ts';
import {
  buildManifest,
  canonicalJson,
  parseManifest,
  summarize,
  type ManifestContent,
  type ManifestFile,
} from '../../../src/evidence/manifest.ts';
import { SUBJECT, TARGET } from './fakes.ts';

const AT = '2026-11-22T00:00:00.000Z';

function manifestFile(path: string, rest: Partial<ManifestFile> = {}): ManifestFile {
  return {
    path,
    size: 3,
    sha256: 'a'.repeat(64),
    collector: 'test',
    contentType: 'text/plain',
    source: 'a test',
    collectedAt: AT,
    truncated: false,
    ...rest,
  };
}

function manifest(rest: Partial<ManifestContent> = {}) {
  return buildManifest({
    subject: SUBJECT,
    version: '1.2.3',
    attempt: 1,
    startedAt: AT,
    finishedAt: AT,
    limits: { maxBytes: 100, maxFiles: 10 },
    encryption: { kind: 'None' },
    files: [],
    missing: [],
    problems: [],
    ...rest,
  });
}

const bytesOf = (value: unknown) => Buffer.from(canonicalJson(value));

function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, field]) => [key, shuffled(field)]),
  );
}

describe('canonicalJson', () => {
  it('sorts the keys at every depth and ends with a newline', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 'x' }], a: null })).toBe('{"a":null,"b":[{"c":"x","d":1}]}\n');
  });

  it('sorts by UTF-16 code units, also keys that look like numbers', () => {
    expect(canonicalJson({ 9: 1, 10: 2, a: 3, B: 4 })).toBe('{"10":2,"9":1,"B":4,"a":3}\n');
  });

  it('leaves out what is undefined', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}\n');
  });

  it('keeps a key named __proto__', () => {
    const hostile: unknown = JSON.parse('{"__proto__":{"x":1}}');
    expect(canonicalJson(hostile)).toBe('{"__proto__":{"x":1}}\n');
  });

  it('gives the same bytes whatever order the keys came in, and loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(shuffled(value))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('a manifest', () => {
  it('comes back from its bytes as it was', () => {
    const made = manifest({
      files: [manifestFile('b'), manifestFile('a/c')],
      problems: [{ collector: 'x', message: 'y' }],
    });
    expect(parseManifest(bytesOf(made))).toEqual(made);
  });

  it('lists files in the order of their paths, so that the order of collection does not change the hash', () => {
    const made = manifest({ files: [manifestFile('b'), manifestFile('a/c'), manifestFile('a-b')] });
    expect(made.files.map(({ path }) => path)).toEqual(['a-b', 'a/c', 'b']);
  });

  it('names tool, incident and target, and keeps labels of the pod out', () => {
    const made = manifest();
    expect(made.tool).toEqual({ name: 'die-operator', version: '1.2.3' });
    expect(made.incident).toEqual(SUBJECT.incident);
    const { namespace, name, uid, nodeName, containers } = TARGET;
    expect(made.target).toEqual({ namespace, name, uid, nodeName, containers });
  });

  const good = manifest({ files: [manifestFile('a')] });
  const withFiles = (...files: ManifestFile[]) => canonicalJson({ ...good, files });
  it.each([
    ['no JSON', '{', 'JSON'],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'not valid for encoding utf-8'],
    ['another schema', canonicalJson({ ...good, schema: 'other' }), 'schema'],
    ['a newer version', canonicalJson({ ...good, schemaVersion: 2 }), 'schemaVersion'],
    ['an unknown field', canonicalJson({ ...good, extra: 1 }), 'extra'],
    ['a path that climbs out', withFiles(manifestFile('../a')), 'is not a safe path'],
    ['an absolute path', withFiles(manifestFile('/etc/passwd')), 'is not a safe path'],
    ['itself as a file', withFiles(manifestFile('manifest.json')), 'is not a safe path'],
    ['its signatures as a file', withFiles(manifestFile('manifest.dsse.json')), 'is not a safe path'],
    ['a path twice', withFiles(manifestFile('a'), manifestFile('a')), 'has a path twice'],
    ['a hash that is none', withFiles(manifestFile('a', { sha256: 'A'.repeat(64) })), 'sha256'],
    ['a negative size', withFiles(manifestFile('a', { size: -1 })), 'size'],
  ])('is refused with %s', (_what, content, message) => {
    expect(() => parseManifest(Buffer.from(content))).toThrow(message);
  });
});

describe('the summary for the incident', () => {
  it('counts files and bytes and hashes the very bytes of the manifest', () => {
    const made = manifest({ files: [manifestFile('a'), manifestFile('b', { size: 4 })] });
    const bytes = bytesOf(made);
    expect(summarize({ manifest: bytes }, '/evidence/x')).toEqual({
      location: '/evidence/x',
      manifestSha256: createHash('sha256').update(bytes).digest('hex'),
      files: 2,
      bytes: 7,
      missing: [],
      problems: [],
      encryption: 'None',
      signedBy: [],
    });
  });

  it('fits into the status of a DriftIncident however many problems there are, and says that there are more', () => {
    const problems = Array.from({ length: 40 }, (_, n) => ({
      collector: 'logs',
      message: `${n}\u0007${'ä'.repeat(900)}`,
    }));
    const missing = Array.from({ length: 40 }, (_, n) => `${n}`.repeat(63).slice(0, 63));
    const made = manifest({ problems, missing });
    const summary = summarize({ manifest: bytesOf(made) }, '/evidence/x');
    expect(DriftIncidentStatusSchema.shape.evidence.safeParse(summary).error).toBeUndefined();
    expect(summary.problems).toHaveLength(16);
    expect(summary.problems[0]).toMatch(/^logs: 0 ä+…$/);
    expect(summary.problems[15]).toBe('25 more problems are in manifest.json');
  });

  it('keeps exactly as many problems as the status takes', () => {
    const problems = Array.from({ length: 16 }, (_, n) => ({ collector: 'logs', message: `${n}` }));
    const made = manifest({ problems });
    expect(summarize({ manifest: bytesOf(made) }, 'x').problems).toEqual(
      problems.map(({ message }) => `logs: ${message}`),
    );
  });
});
