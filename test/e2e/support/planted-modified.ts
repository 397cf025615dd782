// Planted: what the image has in another form.
import { ORIGINAL, REPLACED } from './planted-image.ts';
import { DROPPED, access, file, instead, metadata, modified, type Row } from './planted-row.ts';

/** With another content, or of another type. */
export const MODIFIED: readonly Row[] = [
  {
    what: 'same size',
    does: `printf 'as somebody has it\\n\\n' >/img/mod/same-size`,
    shows: [modified('same-size', { is: 'as somebody has it\n\n', size: ORIGINAL.length })],
  },
  {
    what: 'same size, time set back',
    does: `printf 'as somebody has it\\n\\n' >/img/mod/stomped; touch -d "2026-01-01 00:00:00" /img/mod/stomped`,
    shows: [modified('stomped', { is: 'as somebody has it\n\n', modifiedAt: '2026-01-01T00:00:00.000Z' })],
  },
  {
    what: 'appended',
    does: 'echo dropped >>/img/mod/append',
    shows: [modified('append', { is: `${ORIGINAL}${DROPPED}` })],
  },
  {
    what: 'truncated to 0',
    does: ': >/img/mod/truncate',
    shows: [modified('truncate', { is: '', size: 0 })],
  },
  { what: 'cut', does: 'truncate -s 5 /img/mod/cut', shows: [modified('cut', { is: ORIGINAL.slice(0, 5) })] },
  {
    what: 'overwritten by a program',
    does: 'cp /bin/busybox /img/mod/overwritten',
    shows: [modified('overwritten', { executable: true, content: 'Elf' })],
  },
  {
    what: 'another file renamed over it',
    does: 'echo dropped >/img/mod/new; mv /img/mod/new /img/mod/renamed-over',
    shows: [modified('renamed-over', { is: DROPPED })],
  },
  {
    what: 'script',
    does: 'echo curl >>/img/mod/script',
    shows: [
      modified('script', {
        was: '#!/bin/sh\necho image\n',
        is: '#!/bin/sh\necho image\ncurl\n',
        executable: true,
        content: 'Script',
      }),
    ],
  },
  {
    what: 'a user more',
    does: `echo 'evil::0:0::/:/bin/sh' >>/etc/passwd`,
    shows: [{ path: '/etc/passwd', kind: 'Modified', type: 'File' }],
  },
  {
    what: 'deep in the image',
    does: 'echo dropped >/img/mod/nested/a/b/c',
    shows: [modified('nested/a/b/c', { is: DROPPED })],
  },
  {
    what: 'what two layers of the image have',
    does: 'echo dropped >/img/in-both',
    shows: [{ path: '/img/in-both', kind: 'Modified', type: 'File', is: DROPPED, was: REPLACED }],
  },
  {
    what: 'file to symlink',
    does: 'rm /img/mod/to-link; ln -s /tmp/run.sh /img/mod/to-link',
    shows: [modified('to-link', { type: 'Symlink', linkTarget: '/tmp/run.sh' })],
  },
  {
    what: 'file to directory',
    does: 'rm /img/mod/to-directory; mkdir /img/mod/to-directory; echo dropped >/img/mod/to-directory/in',
    shows: [modified('to-directory', { type: 'Directory' }), file('/img/mod/to-directory/in')],
  },
  {
    what: 'file to FIFO',
    does: 'rm /img/mod/to-fifo; mkfifo /img/mod/to-fifo',
    shows: [modified('to-fifo', { type: 'Fifo' })],
  },
  {
    what: 'file to device',
    does: 'rm /img/mod/to-device; mknod /img/mod/to-device c 1 5',
    shows: [modified('to-device', { type: 'CharDevice' })],
  },
  {
    what: 'file to hard link of another',
    does: 'ln -f /img/data /img/mod/to-hard-link',
    shows: [modified('to-hard-link', { is: DROPPED, links: 2 })],
  },
  {
    what: 'directory to file',
    does: 'rm -rf /img/mod/directory-to-file; echo dropped >/img/mod/directory-to-file',
    shows: [instead('directory-to-file', { is: DROPPED })],
  },
  {
    what: 'directory to symlink',
    does: 'rm -rf /img/mod/directory-to-link; ln -s /tmp /img/mod/directory-to-link',
    shows: [
      instead('directory-to-link', {
        type: 'Symlink',
        linkTarget: '/tmp',
      }),
    ],
  },
  {
    what: 'symlink to file',
    does: 'rm /img/mod/link-to-file; echo dropped >/img/mod/link-to-file',
    shows: [instead('link-to-file', { is: DROPPED })],
  },
  {
    what: 'symlink to directory',
    does: 'rm /img/mod/link-to-directory; mkdir /img/mod/link-to-directory',
    shows: [instead('link-to-directory', { type: 'Directory' })],
  },
  {
    what: 'symlink to elsewhere',
    does: 'ln -snf /tmp/run.sh /img/mod/link-retargeted',
    shows: [
      instead('link-retargeted', {
        type: 'Symlink',
        linkTarget: '/tmp/run.sh',
      }),
    ],
  },
];

/** With the same content. */
export const METADATA: readonly Row[] = [
  { what: 'chmod', does: 'chmod 666 /img/meta/chmod', shows: [metadata('chmod', { mode: 0o666 })] },
  {
    what: 'x bit',
    does: 'chmod +x /img/meta/executable',
    shows: [metadata('executable', { mode: 0o755, executable: true })],
  },
  {
    what: 'setuid bit',
    does: 'chmod u+s /img/meta/setuid',
    shows: [metadata('setuid', { mode: 0o4644 })],
  },
  { what: 'chown', does: 'chown 1000 /img/meta/chown', shows: [metadata('chown', { uid: 1000, gid: 0 })] },
  { what: 'chgrp', does: 'chgrp 1000 /img/meta/chgrp', shows: [metadata('chgrp', { uid: 0, gid: 1000 })] },
  {
    what: 'touch',
    does: 'touch -d "2001-01-01 00:00:00" /img/meta/touch',
    shows: [metadata('touch', { modifiedAt: '2001-01-01T00:00:00.000Z' })],
  },
  {
    what: 'chmod of a directory',
    does: 'chmod 777 /img/meta/chmod-directory',
    shows: [access('chmod-directory', { type: 'Directory', mode: 0o777 })],
  },
  {
    what: 'chown of a directory',
    does: 'chown 1000 /img/meta/chown-directory',
    shows: [access('chown-directory', { type: 'Directory', uid: 1000 })],
  },
  {
    what: 'chown of a symlink',
    does: 'chown -h 1000 /img/meta/chown-link',
    shows: [access('chown-link', { type: 'Symlink', uid: 1000, linkTarget: 'chmod' })],
  },
  {
    what: 'deleted and made again with the same content',
    does: `rm /img/meta/remade; echo 'as the image has it' >/img/meta/remade`,
    shows: [metadata('remade', {})],
  },
  {
    what: 'renamed there and back',
    does: 'mv /img/meta/moved-and-back /img/away; mv /img/away /img/meta/moved-and-back',
    shows: [metadata('moved-and-back', { because: 'the kernel has copied it into the layer' })],
  },
  {
    what: 'opened for writing, nothing written',
    does: ': >>/img/meta/opened',
    shows: [metadata('opened', { because: 'the kernel has copied it into the layer' })],
  },
  {
    what: 'touch of a directory',
    does: 'touch -d "2001-01-01 00:00:00" /img/meta/touch-directory',
    shows: [],
    because: 'whatever is made in a directory changes its time, and is listed itself',
  },
];
