// Planted: what the image has, and the container no more.
import { ORIGINAL, REPLACED } from './planted-image.ts';
import { DROPPED, deleted, directory, file, hides, type Row } from './planted-row.ts';

/** By itself, or by another name. */
export const DELETED: readonly Row[] = [
  { what: 'file', does: 'rm /img/del/file', shows: [deleted('/img/del/file')] },
  {
    what: 'directory with content',
    does: 'rm -rf /img/del/directory',
    shows: [deleted('/img/del/directory', 'Directory')],
  },
  { what: 'empty directory', does: 'rmdir /img/del/empty', shows: [deleted('/img/del/empty', 'Directory')] },
  { what: 'symlink', does: 'rm /img/del/link', shows: [deleted('/img/del/link', 'Symlink')] },
  { what: 'one of two', does: 'rm /img/del/one-of-two/b', shows: [deleted('/img/del/one-of-two/b')] },
  {
    what: 'with a newline in its name',
    does: `rm "/img/del/$(printf 'line\\nbreak')"`,
    shows: [deleted('/img/del/line\nbreak')],
  },
  { what: 'of the upper layer', does: 'rm /img/merged/upper', shows: [deleted('/img/merged/upper')] },
  {
    what: 'of both layers and of the lower one',
    does: 'rm /img/merged/both /img/merged/lower',
    shows: [deleted('/img/merged/both'), deleted('/img/merged/lower')],
  },
  {
    what: 'renamed file',
    does: 'mv /img/del/moved /img/del/moved-to',
    shows: [deleted('/img/del/moved'), file('/img/del/moved-to', { is: ORIGINAL })],
  },
  {
    what: 'renamed directory',
    does: 'mv /img/del/moved-directory /img/del/directory-to',
    shows: [
      deleted('/img/del/moved-directory', 'Directory'),
      directory('/img/del/directory-to'),
      file('/img/del/directory-to/a', { is: ORIGINAL }),
      file('/img/del/directory-to/b', { is: ORIGINAL }),
    ],
  },
];

/** Directories that hide what the image has in them. */
export const OPAQUE: readonly Row[] = [
  {
    what: 'made anew, empty',
    does: 'rm -rf /img/opaque/empty; mkdir /img/opaque/empty',
    shows: [hides('/img/opaque/empty')],
  },
  {
    what: 'made anew with another file',
    does: 'rm -rf /img/opaque/filled; mkdir /img/opaque/filled; echo dropped >/img/opaque/filled/b',
    shows: [hides('/img/opaque/filled'), file('/img/opaque/filled/b')],
  },
  {
    what: 'made anew with one of its files changed',
    does: 'rm -rf /img/opaque/again; mkdir /img/opaque/again; echo dropped >/img/opaque/again/a',
    shows: [
      hides('/img/opaque/again'),
      { path: '/img/opaque/again/a', kind: 'Modified', type: 'File', is: DROPPED, was: ORIGINAL },
    ],
  },
  {
    what: 'made anew with all of its files',
    does: `rm -rf /img/opaque/whole; mkdir /img/opaque/whole; cd /img/opaque/whole
      echo 'as the image has it' >a; echo 'as the image has it' >b`,
    shows: ['a', 'b'].map((name) => ({
      path: `/img/opaque/whole/${name}`,
      kind: 'Metadata',
      type: 'File',
      is: ORIGINAL,
    })),
  },
  {
    what: 'within a directory that was not',
    does: 'rm -rf /img/opaque/outer/inner; mkdir /img/opaque/outer/inner',
    shows: [hides('/img/opaque/outer/inner')],
  },
  {
    what: 'and deleted again',
    does: 'rm -rf /img/opaque/deleted; mkdir /img/opaque/deleted; rmdir /img/opaque/deleted',
    shows: [deleted('/img/opaque/deleted', 'Directory')],
  },
  {
    what: 'made anew with what only the upper layer of the image has: what the lower one has is gone',
    does: 'rm -rf /img/remade; mkdir /img/remade; echo dropped >/img/remade/both',
    shows: [
      { path: '/img/remade', kind: 'Opaque', type: 'Directory', problem: /not certain/ },
      { path: '/img/remade/both', kind: 'Modified', type: 'File', is: DROPPED, was: REPLACED },
    ],
  },
  {
    what: 'none, but a layer of the image has made it anew',
    does: 'echo dropped >/img/replaced-by-image/new',
    shows: [
      {
        path: '/img/replaced-by-image',
        kind: 'Opaque',
        type: 'Directory',
        problem: /not certain/,
        because: 'that mark of the image is shown to administrators of the node only',
      },
      { path: '/img/replaced-by-image/new', kind: 'Modified', type: 'File', is: DROPPED, was: REPLACED },
    ],
  },
  {
    what: 'none, but a name that a layer of the image has hidden',
    does: 'echo dropped >/img/replaced-too/old',
    shows: [
      {
        path: '/img/replaced-too/old',
        kind: 'Modified',
        type: 'File',
        is: DROPPED,
        was: ORIGINAL,
        because:
          'that mark of the image is shown to administrators of the node only: it is no addition for us',
      },
    ],
  },
];
