// Which changes of a filesystem are drift: programs always, other writes where they are not expected.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHANGE_KINDS, type FileChange } from '../../../src/api/file-change.ts';
import { driftOf } from '../../../src/decide/filesystem-drift.ts';
import { anyGlob } from '../../../src/decide/image-patterns.ts';

const CHANGE: FileChange = {
  container: 'web',
  containerId: 'a'.repeat(64),
  where: 'Root',
  path: '/tmp/x',
  kind: 'Added',
  type: 'File',
  mode: 0o644,
  content: 'Other',
  executable: false,
};
const EXPECTED = anyGlob(['/tmp/*', '/var/cache/*.pyc']);
const judged = (change: Partial<FileChange>) => driftOf({ ...CHANGE, ...change }, EXPECTED).drift;

describe('drift is', () => {
  test.each<[string, Partial<FileChange>]>([
    ['a new file where none is expected', { path: '/etc/cron.d/x' }],
    ['another content', { path: '/etc/passwd', kind: 'Modified' }],
    ['a deletion', { path: '/etc/audit.conf', kind: 'Deleted' }],
    ['a link', { path: '/usr/bin/x', type: 'Symlink' }],
    ['a directory of the image that was replaced', { path: '/etc', kind: 'Opaque', type: 'Directory' }],
    ['a program among expected writes', { executable: true, content: 'Elf', mode: 0o755 }],
    ['a script without an x bit among expected writes', { executable: true, content: 'Script' }],
    ['a program in a volume', { where: 'EmptyDir', path: '/cache/x', executable: true, content: 'Elf' }],
    [
      'a file of the image that was made executable',
      { kind: 'Metadata', executable: true, mode: 0o755, imageMode: 0o644 },
    ],
    ['a setuid bit', { kind: 'Metadata', mode: 0o4755, imageMode: 0o755, executable: true }],
    ['a setgid bit among expected writes', { mode: 0o2644 }],
    ['what is loaded into every program', { path: '/etc/ld.so.preload', kind: 'Added' }],
    ['an expected name that is only so in part', { pathBase64: 'L3RtcC/p' }],
  ])('%s', (_what, change) => expect(judged(change)).toBe(true));
});

describe('no drift is', () => {
  test.each<[string, Partial<FileChange>]>([
    ['an expected write', {}],
    ['an expected deletion', { kind: 'Deleted' }],
    ['data in a volume', { where: 'EmptyDir', path: '/cache/x' }],
    ['a new directory', { path: '/opt/new', type: 'Directory' }],
    ['other metadata', { path: '/etc/passwd', kind: 'Metadata', mode: 0o600, imageMode: 0o644 }],
    [
      'a program of the image with another owner',
      { path: '/bin/x', kind: 'Metadata', executable: true, mode: 0o755, imageMode: 0o755 },
    ],
    [
      'a setuid program of the image',
      { path: '/bin/su', kind: 'Metadata', executable: true, mode: 0o4755, imageMode: 0o4755 },
    ],
    [
      'a directory that may hide something',
      { path: '/etc', kind: 'Opaque', type: 'Directory', problem: 'not certain' },
    ],
  ])('%s', (_what, change) => expect(judged(change)).toBe(false));
});

test('a pattern never excuses what can be run, unless it is gone or as the image has it', () => {
  const kinds = fc.constantFrom(...CHANGE_KINDS);
  fc.assert(
    fc.property(kinds, fc.boolean(), fc.nat(0o7777), fc.nat(0o7777), (kind, executable, mode, imageMode) => {
      const change = { ...CHANGE, kind, executable, mode, imageMode };
      const excused = !driftOf(change, () => true).drift;
      const made = kind === 'Metadata' && (mode & ~imageMode & 0o111) !== 0;
      const dangerous = executable && (kind === 'Added' || kind === 'Modified' || kind === 'Opaque' || made);
      expect(excused && dangerous).toBe(false);
      // It only ever excuses.
      expect(excused || driftOf(change, () => false).drift).toBe(true);
    }),
  );
});

test('says why', () =>
  expect(driftOf({ ...CHANGE, executable: true }, EXPECTED).why).toBe(
    'a program that the image does not have',
  ));
