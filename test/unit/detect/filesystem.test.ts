// What a comparison found becomes one detection of the pod: how bad it is, what it is about, and which one it is.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DetectionSummarySchema } from '../../../src/api/detection.ts';
import type { FileChange } from '../../../src/api/file-change.ts';
import { identify } from '../../../src/decide/identify.ts';
import { collectFindings, FILESYSTEM_RULE, filesystemDetection } from '../../../src/detect/filesystem.ts';
import { aPod, CONTAINER_ID, T0 } from '../../support/builders.ts';

const change = (more: Partial<FileChange> = {}): FileChange => ({
  container: 'web',
  containerId: CONTAINER_ID,
  where: 'Root',
  path: '/var/data',
  kind: 'Added',
  type: 'File',
  mode: 0o644,
  executable: false,
  content: 'Other',
  ...more,
});
const PROGRAM = change({ path: '/tmp/x', executable: true, content: 'Elf', sha256: 'e'.repeat(64) });
const DELETED = change({ path: '/usr/bin/audit', kind: 'Deleted' });

function detected(changes: readonly FileChange[], expected: readonly string[] = []) {
  const { take, findings } = collectFindings(expected);
  changes.forEach(take);
  return filesystemDetection(aPod(), findings, T0);
}

test('a pod as in its images is no detection, nor one that writes where it is expected to', () => {
  expect(detected([])).toBeUndefined();
  expect(detected([change({ path: '/var/data', type: 'Directory' })])).toBeUndefined();
  expect(detected([change()], ['/var/*'])).toBeUndefined();
});

test('a program is told with all that a policy can ask for', () => {
  const found = detected([change(), PROGRAM]);
  expect(found).toEqual({
    summary: {
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      source: 'Filesystem',
      rule: FILESYSTEM_RULE,
      severity: 'Error',
      time: T0,
      receivedAt: T0,
      hostname: 'node-1',
      containerID: CONTAINER_ID,
      containerName: 'web',
      executable: '/tmp/x',
    },
    identity: {
      podUid: 'pod-uid-1',
      podName: 'web-1',
      namespace: 'shop',
      hostname: 'node-1',
      containerId: CONTAINER_ID,
      containerName: 'web',
    },
    tags: ['filesystem'],
    fields: {
      'file.path': '/tmp/x',
      'file.change': 'Added',
      'file.type': 'File',
      'file.content': 'Elf',
      'file.sha256': 'e'.repeat(64),
      'container.id': CONTAINER_ID,
      'drift.programs': '1',
      'drift.others': '1',
    },
  });
  expect(identify(found?.identity ?? {}, [aPod()])).toMatchObject({ kind: 'Strong', container: 'web' });
});

describe('the severity is', () => {
  test.each<[string, string, FileChange]>([
    ['Critical', 'another program in the place of one of the image', { ...PROGRAM, kind: 'Modified' }],
    ['Critical', 'what was made executable', { ...PROGRAM, kind: 'Metadata', mode: 0o755, imageMode: 0o644 }],
    ['Error', 'a program that was added', PROGRAM],
    ['Error', 'what is loaded into each program', change({ path: '/etc/ld.so.preload' })],
    ['Warning', 'a deletion', DELETED],
    ['Warning', 'a file of the image that was changed', change({ kind: 'Modified' })],
    ['Warning', 'configuration that was added', change({ path: '/etc/cron.d/x' })],
    ['Notice', 'data that was added', change()],
  ])('%s for %s', (severity, _what, one) => {
    expect(detected([change(), one])?.summary.severity).toBe(severity);
  });
});

test('a program in a volume is of the pod, and of no container', () => {
  const found = detected([{ ...PROGRAM, where: 'EmptyDir', container: '', containerId: '', path: '/v/x' }]);
  expect(found?.identity).toEqual({
    podUid: 'pod-uid-1',
    podName: 'web-1',
    namespace: 'shop',
    hostname: 'node-1',
  });
  expect(found?.summary.executable).toBeUndefined();
});

describe('the ID', () => {
  const idOf = (...changes: FileChange[]) => detected(changes)?.summary.id;

  test('is the same for the same finding, whatever its order and whatever data came on top', () => {
    const second = { ...PROGRAM, path: '/tmp/y' };
    const all = [PROGRAM, second, DELETED, change()];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (some) => {
        expect(idOf(...some)).toBe(idOf(...all));
      }),
    );
    expect(idOf(PROGRAM, change({ path: '/var/new' }))).toBe(idOf(PROGRAM));
    expect(idOf(change({ size: 1, sha256: 'a'.repeat(64) }))).toBe(idOf(change({ size: 2 })));
  });

  test.each<[string, FileChange]>([
    ['another program', { ...PROGRAM, path: '/tmp/y' }],
    ['another content', { ...PROGRAM, sha256: 'f'.repeat(64) }],
    ['another container', { ...PROGRAM, containerId: 'd'.repeat(64) }],
    ['a name that only reads the same', { ...PROGRAM, pathBase64: 'L3RtcC94/w' }],
  ])('is another for %s', (_what, one) => {
    expect(idOf(one)).not.toBe(idOf(PROGRAM));
  });
});

test('whatever a path is, the record takes it', () => {
  const paths = fc.string({ unit: 'binary', maxLength: 3000 });
  fc.assert(
    fc.property(paths, fc.boolean(), (path, executable) => {
      const found = detected([change({ path: `/${path}`, kind: 'Modified', executable })]);
      expect(DetectionSummarySchema.safeParse(found?.summary).success).toBe(true);
      expect(JSON.stringify(found)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
  );
});

test('what is too much to keep is counted', () => {
  const many = Array.from({ length: 10_005 }, (_, n) => change({ path: `/var/${n}` }));
  expect(detected(many)?.fields['drift.others']).toBe('10005');
});
