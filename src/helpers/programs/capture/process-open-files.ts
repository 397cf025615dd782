// The open files of a process: the first by their names, of more the sockets, and of all the number.
import type { ProcessRecord } from '../../../api/process-record.ts';
import { isGone } from '../proc-stat.ts';
import { cut, whyNot, type ProcFiles } from './process-files.ts';
import { MAX_TEXT, socketInode } from './process-parse.ts';

/** Listed in a record. */
const MAX_LISTED = 1024;
/** Of which the link is read, for the sockets among them. */
const MAX_LINKS = 16_384;

/** See the file's first line. */
export interface OpenFiles extends Pick<ProcessRecord, 'openFiles' | 'moreOpenFiles'> {
  /** Inodes. */
  sockets: number[];
  problems: string[];
}

/** What there is memory and time for, in all processes together. */
export interface Room {
  /** Of command lines and names of open files. */
  characters: number;
  /** Links of open files. */
  links: number;
}

/** @throws the errors of node:fs where they cannot be listed. */
export async function readOpenFiles(
  { files, room, signal }: { files: ProcFiles; room: Room; signal: AbortSignal },
  folder: string,
): Promise<OpenFiles> {
  const { names, more } = await files.names(`${folder}/fd`, Math.min(MAX_LINKS, room.links));
  room.links -= names.length;
  const openFiles: OpenFiles['openFiles'] = [];
  const sockets: number[] = [];
  const failures = new Set<string>();
  let unlisted = more;
  for (const name of names.filter((one) => /^[0-9]{1,10}$/.test(one))) {
    if (signal.aborted) failures.add('the time for it was over');
    if (signal.aborted) break;
    try {
      const target = cut(await files.link(`${folder}/fd/${name}`), MAX_TEXT);
      const inode = socketInode(target);
      if (inode !== undefined) sockets.push(inode);
      const isListed = openFiles.length < MAX_LISTED && room.characters > 0;
      if (isListed) openFiles.push({ fd: Number(name), target });
      else unlisted += 1;
      room.characters -= isListed ? target.length : 0;
    } catch (error) {
      if (!isGone(error)) failures.add(whyNot(error));
    }
  }
  const problems = [...failures].slice(0, 2).map((why) => `open files: ${why}`);
  if (unlisted > 0) problems.push(`open files: ${unlisted} more than are listed`);
  return { openFiles, moreOpenFiles: unlisted, sockets, problems };
}
