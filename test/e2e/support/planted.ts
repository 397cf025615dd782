// What is done to the containers of a pod, and what the comparison has to say of it: all of it and nothing else.
import { ADDED, NAMES } from './planted-added.ts';
import { DELETED, OPAQUE } from './planted-deleted.ts';
import { EMPTY_DIR, HOSTILE, INDIRECT } from './planted-hostile.ts';
import { METADATA, MODIFIED } from './planted-modified.ts';
import { DROPPED, deleted, file, mayHide, modified, type Planted, type Row } from './planted-row.ts';

const all = (name: string, rows: readonly Row[]): Planted[] => rows.map((row) => ({ class: name, ...row }));

/** The container `peer`. */
export const IN_PEER: readonly Planted[] = [
  ...all('added', ADDED),
  ...NAMES,
  ...all('modified', MODIFIED),
  ...all('metadata', METADATA),
  ...all('deleted', DELETED),
  ...all('opaque', OPAQUE),
  ...all('indirect', INDIRECT),
  ...all('hostile', HOSTILE),
  ...all('emptyDir', EMPTY_DIR),
];

/** A socket, which no shell makes: see `plantSocket`. */
export const SOCKET: Planted = {
  class: 'added',
  what: 'socket',
  does: '',
  shows: [{ path: '/img/socket', kind: 'Added', type: 'Socket' }],
};

/** The container `worker`: the first ends by the last of these. */
export const IN_ENDED_WORKER: readonly Planted[] = all('container that has ended', [
  {
    what: 'file',
    does: 'echo dropped >/img/dropped',
    shows: [...['/', '/etc', '/img'].map(mayHide), file('/img/dropped')],
  },
  {
    what: 'program',
    does: 'cp /bin/busybox /bin/miner',
    shows: [
      mayHide('/bin'),
      { path: '/bin/miner', kind: 'Added', type: 'File', executable: true, content: 'Elf' },
    ],
  },
  {
    what: 'modified',
    does: 'echo dropped >/img/mod/append',
    shows: [mayHide('/img/mod'), modified('append', { is: DROPPED })],
  },
  { what: 'deleted', does: 'rm /img/del/file', shows: [mayHide('/img/del'), deleted('/img/del/file')] },
  { what: 'what ends it', does: 'echo dropped >/img/end', shows: [file('/img/end')] },
]);

/** The one after it. */
export const IN_WORKER: readonly Planted[] = all('container after a restart', [
  { what: 'file', does: 'echo dropped >/img/after', shows: [file('/img/after')] },
]);

/** The init container. */
export const IN_INIT: readonly Planted[] = all('init container', [
  {
    what: 'file',
    does: 'echo dropped >/img/early',
    shows: [...['/', '/etc', '/img'].map(mayHide), file('/img/early')],
  },
]);
