// Planted: what the image does not have.
import { LIBRARY, ORIGINAL } from './planted-image.ts';
import { directory, file, link, metadata, numbers, type Planted, type Row } from './planted-row.ts';

const DEEP = 100;
const LONG = 'n'.repeat(255);
const SCRIPT = '#!/bin/sh\necho dropped\n';

/** A name that a shell gets by printf, in a directory of its own. */
const named = (what: string, octal: string, name: Buffer | string): Planted => ({
  class: 'added: names',
  what,
  does: `printf 'dropped\\n' >"/img/$(printf '${octal}_')"`,
  shows: [file(Buffer.concat([Buffer.from('/img/'), Buffer.from(name), Buffer.from('_')]))],
});

/** Of every type, and with rights of every kind. */
export const ADDED: readonly Row[] = [
  {
    what: 'program',
    does: 'cp /bin/busybox /bin/miner',
    shows: [
      { path: '/bin/miner', kind: 'Added', type: 'File', mode: 0o755, executable: true, content: 'Elf' },
    ],
  },
  {
    what: 'program without an x bit',
    does: 'cp /bin/busybox /img/quiet; chmod 644 /img/quiet',
    shows: [
      { path: '/img/quiet', kind: 'Added', type: 'File', mode: 0o644, executable: true, content: 'Elf' },
    ],
  },
  {
    what: 'script',
    does: `printf '#!/bin/sh\\necho dropped\\n' >/tmp/run.sh; chmod 755 /tmp/run.sh`,
    shows: [file('/tmp/run.sh', { is: SCRIPT, mode: 0o755, executable: true, content: 'Script' })],
  },
  {
    what: 'script without an x bit, for `sh FILE`',
    does: `printf '#!/bin/sh\\necho dropped\\n' >/img/script`,
    shows: [file('/img/script', { is: SCRIPT, executable: true, content: 'Script' })],
  },
  {
    what: 'library',
    does: 'cp /img/lib/libimage.so /img/lib/libdrop.so',
    shows: [file('/img/lib/libdrop.so', { is: LIBRARY, executable: true, content: 'Library' })],
  },
  {
    what: 'data',
    does: `echo dropped >/img/data`,
    shows: [file('/img/data', { content: 'Other', mode: 0o644 })],
  },
  { what: 'empty file', does: ': >/img/nothing', shows: [file('/img/nothing', { is: '', size: 0 })] },
  {
    what: 'setuid',
    does: 'cp /bin/busybox /img/su; chmod 4755 /img/su',
    shows: [{ path: '/img/su', kind: 'Added', type: 'File', mode: 0o4755, executable: true, content: 'Elf' }],
  },
  {
    what: 'setgid',
    does: `printf '#!/bin/sh\\necho dropped\\n' >/img/sg; chmod 2755 /img/sg`,
    shows: [file('/img/sg', { is: SCRIPT, mode: 0o2755, executable: true })],
  },
  {
    what: 'three hard links',
    does: 'echo dropped >/img/h1; ln /img/h1 /img/h2; ln /img/h1 /etc/h3',
    shows: ['/img/h1', '/img/h2', '/etc/h3'].map((path) => file(path, { links: 3 })),
  },
  {
    what: 'hard link to a file of the image',
    does: 'ln /img/meta/linked /img/linked-to',
    shows: [
      file('/img/linked-to', { is: ORIGINAL, links: 2 }),
      metadata('linked', {
        links: 2,
        because: 'a second name makes the kernel copy the file into the layer',
      }),
    ],
  },
  { what: 'symlink', does: 'ln -s data /img/link', shows: [link('/img/link', 'data')] },
  {
    what: 'symlink to nothing',
    does: 'ln -s nowhere /img/dangling',
    shows: [link('/img/dangling', 'nowhere')],
  },
  {
    what: 'symlinks out of the tree',
    does: 'ln -s ../../../../../../../../etc/shadow /img/out; ln -s /proc/1/root/etc /img/host',
    shows: [link('/img/out', '../../../../../../../../etc/shadow'), link('/img/host', '/proc/1/root/etc')],
  },
  { what: 'FIFO', does: 'mkfifo /img/fifo', shows: [{ path: '/img/fifo', kind: 'Added', type: 'Fifo' }] },
  {
    what: 'character device',
    does: 'mknod /img/mem c 1 3',
    shows: [{ path: '/img/mem', kind: 'Added', type: 'CharDevice' }],
  },
  {
    what: 'block device',
    does: 'mknod /img/disk b 7 0',
    shows: [{ path: '/img/disk', kind: 'Added', type: 'BlockDevice' }],
  },
  {
    what: 'empty directory',
    does: 'mkdir /img/emptied',
    shows: [directory('/img/emptied', { mode: 0o755 })],
  },
  {
    what: 'directory for everybody',
    does: 'mkdir /img/open; chmod 1777 /img/open',
    shows: [directory('/img/open', { mode: 0o1777 })],
  },
  {
    what: `file under ${DEEP} directories`,
    does: `cd /img; for n in $(seq ${DEEP}); do mkdir d; cd d; done; echo dropped >bottom`,
    shows: [
      ...numbers(DEEP).map((depth) => directory(`/img${'/d'.repeat(depth)}`)),
      file(`/img${'/d'.repeat(DEEP)}/bottom`),
    ],
  },
  {
    what: 'what only its owner may read',
    does: 'echo dropped >/img/secret; chmod 600 /img/secret; chown 1234:5678 /img/secret',
    shows: [file('/img/secret', { mode: 0o600, uid: 1234, gid: 5678 })],
  },
  {
    what: 'what nobody may read',
    does: 'mkdir /img/locked; echo dropped >/img/locked/file; chmod 0 /img/locked/file /img/locked',
    shows: [directory('/img/locked', { mode: 0 }), file('/img/locked/file', { mode: 0 })],
  },
  {
    what: 'times that are a lie',
    does: 'echo dropped >/img/old; touch -d "1970-01-01 00:00:00" /img/old',
    shows: [file('/img/old', { modifiedAt: '1970-01-01T00:00:00.000Z' })],
  },
  {
    what: '/etc/ld.so.preload',
    does: 'echo /img/lib/libdrop.so >/etc/ld.so.preload',
    shows: [file('/etc/ld.so.preload', { is: '/img/lib/libdrop.so\n' })],
  },
  {
    what: 'cron and ssh',
    does: 'mkdir -p /etc/cron.d /.ssh; echo dropped >/etc/cron.d/job; echo dropped >/.ssh/authorized_keys',
    shows: [
      directory('/etc/cron.d'),
      file('/etc/cron.d/job'),
      directory('/.ssh'),
      file('/.ssh/authorized_keys'),
    ],
  },
  {
    what: 'where the image has deleted something',
    does: 'echo dropped >/img/removed-by-image',
    shows: [file('/img/removed-by-image')],
  },
];

/** By names that are made to mislead. */
export const NAMES: readonly Planted[] = [
  named('hidden', '.hidden', '.hidden'),
  named('dots', '...', '...'),
  named('as a deletion in an image', '.wh.append', '.wh.append'),
  named('newline', 'line\\nbreak', 'line\nbreak'),
  named('ANSI', '\\033[2J\\033[31m', '\u001b[2J\u001b[31m'),
  named('DEL, tab, backslash, quotes', '\\177\\t\\134\\047\\042', '\u007f\t\\\'"'),
  named('right to left', '\\342\\200\\256txt.exe', '\u202etxt.exe'),
  named('no UTF-8', '\\377\\376\\200', Buffer.of(0xff, 0xfe, 0x80)),
  named('U+FFFD, which stands for bytes that are no text', '\\357\\277\\275', '\ufffd'),
  named('a dash first', '\\055rf', '-rf'),
  named('spaces', ' a  b ', ' a  b '),
  {
    class: 'added: names',
    what: '255 bytes',
    does: `echo dropped >/img/${LONG}`,
    shows: [file(`/img/${LONG}`)],
  },
  {
    class: 'added: names',
    what: '255 bytes that are no UTF-8',
    does: `echo dropped >"/img/$(printf '\\377%.0s' $(seq 255))"`,
    shows: [file(Buffer.concat([Buffer.from('/img/'), Buffer.alloc(255, 0xff)]))],
  },
];
