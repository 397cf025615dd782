// Planted: by detours, in volumes, and against whoever reads it.
import { directory, file, link, modified, numbers, type Expected, type Row } from './planted-row.ts';

/** Hard links of one file, and files of one directory. */
const [LINKS, FILES] = [5_000, 20_000];
const TB = 2 ** 40;

/** By another way than a path in the container's layer. */
export const INDIRECT: readonly Row[] = [
  {
    what: 'through a symlinked directory',
    does: 'echo dropped >/img/indirect/by-link/new',
    shows: [file('/img/indirect/real/new')],
  },
  {
    what: 'through /proc/self/root',
    does: 'echo dropped >/proc/self/root/img/indirect/by-proc',
    shows: [file('/img/indirect/by-proc')],
  },
  {
    what: 'by an open descriptor of a file that was deleted',
    does: 'exec 3>/img/unlinked; rm /img/unlinked; echo dropped >&3; setsid sleep 3600 >/dev/null 2>&1 </dev/null &',
    shows: [],
    because: 'it is in no directory; /proc/PID/fd of the process has it',
  },
  { what: 'made and deleted', does: 'echo dropped >/img/brief; rm /img/brief', shows: [] },
  {
    what: 'in /dev/shm',
    does: 'echo dropped >/dev/shm/dropped',
    shows: [],
    because: 'it is a filesystem in memory of the runtime, neither layer nor volume',
  },
];

/** To keep whoever reads it busy, or to lead them astray. */
export const HOSTILE: readonly Row[] = [
  {
    what: 'sparse, 1 TB',
    does: `truncate -s ${TB} /img/sparse`,
    shows: [file('/img/sparse', { size: TB, problem: /^not hashed: it has more than/ })],
  },
  {
    what: 'of the image, sparse, 1 TB',
    does: `truncate -s ${TB} /img/mod/to-sparse`,
    shows: [modified('to-sparse', { size: TB, problem: /^not hashed: it has more than/ })],
  },
  {
    what: 'loops of symlinks',
    does: 'ln -s loop2 /img/loop1; ln -s loop1 /img/loop2; ln -s . /img/self; ln -s / /img/root',
    shows: [
      link('/img/loop1', 'loop2'),
      link('/img/loop2', 'loop1'),
      link('/img/self', '.'),
      link('/img/root', '/'),
    ],
  },
  {
    what: 'file that grows while it is read',
    does: `(while :; do echo dropped >>/img/growing; usleep 500; done) >/dev/null 2>&1 </dev/null &`,
    shows: [file('/img/growing', { problem: /^(not hashed: it changed while it was read)?$/ })],
  },
  {
    what: `${LINKS} hard links`,
    does: `mkdir /img/bulk/links; cd /img/bulk/links; echo dropped >1
      for n in $(seq 2 ${LINKS}); do ln 1 $n; done`,
    shows: [
      directory('/img/bulk/links'),
      ...numbers(LINKS).map((n) => file(`/img/bulk/links/${n}`, { links: LINKS })),
    ],
  },
  {
    what: `${FILES} files in a directory`,
    does: `mkdir /img/bulk/files; cd /img/bulk/files; for n in $(seq ${FILES}); do echo dropped >$n; done`,
    shows: [directory('/img/bulk/files'), ...numbers(FILES).map((n) => file(`/img/bulk/files/${n}`))],
  },
];

const volume = (expected: Expected): Expected => ({ ...expected, where: 'EmptyDir' });

/** In the volume that is mounted at /data. */
export const EMPTY_DIR: readonly Row[] = [
  { what: 'data', does: 'echo dropped >/data/file', shows: [volume(file('/scratch/file'))] },
  {
    what: 'setuid program',
    does: 'cp /bin/busybox /data/su; chmod 4755 /data/su',
    shows: [
      volume({
        path: '/scratch/su',
        kind: 'Added',
        type: 'File',
        mode: 0o4755,
        executable: true,
        content: 'Elf',
      }),
    ],
  },
  {
    what: 'in a directory, by a name that is no text',
    does: `mkdir /data/in; echo dropped >"/data/in/$(printf '\\377')"`,
    shows: [
      volume(directory('/scratch/in')),
      volume(file(Buffer.concat([Buffer.from('/scratch/in/'), Buffer.of(0xff)]))),
    ],
  },
  {
    what: 'symlink out of the volume',
    does: 'ln -s ../../../../../../../../etc /data/out',
    shows: [volume(link('/scratch/out', '../../../../../../../../etc'))],
  },
  {
    what: 'device 0:0, which means a deletion in a layer',
    does: 'mknod /data/whiteout c 0 0',
    shows: [volume({ path: '/scratch/whiteout', kind: 'Added', type: 'CharDevice' })],
  },
];
