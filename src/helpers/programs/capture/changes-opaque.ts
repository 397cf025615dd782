// Whether a directory of the container hides all that the image has in it: made anew after it was deleted. The mark for that is
// shown to those only who administer the node; but then names of the image are missing for the container's processes which
// nothing has deleted.
import { closeSync } from 'node:fs';
import { messageOf } from '../../../evidence/error-message.ts';
import { codeOf } from '../../../evidence/files.ts';
import { imageEntry, type ImageDirectory } from './changes-image.ts';
import type { MergedView } from './changes-view.ts';
import { namesIn, openDirectoryAt, statAt, type ByteText } from './walk-directory.ts';
import type { Visit } from './walk.ts';

/** What is known of a directory that hides something, or may. */
export interface Hidden {
  certain: boolean;
  problems: readonly string[];
}

/** Names of the image that are compared; one that shows through is enough, and so is one that does not. */
const MAX_NAMES = 10_000;
/** Names that are looked for in the view: others may be made or deleted at the same time. */
const MAX_LOOKS = 16;

/** Undefined where nothing is hidden: the directory has every name of the image, or one that it has not is there all the same. */
export function hiddenByUpper(
  visit: Seen,
  image: ImageDirectory,
  view: MergedView | undefined,
): Hidden | undefined {
  try {
    return compare(visit, image, view);
  } catch (error) {
    return uncertain(codeOf(error) ?? messageOf(error));
  }
}

type Seen = Pick<Visit<unknown>, 'fd' | 'path' | 'names'>;

function compare(
  { fd, path, names }: Seen,
  image: ImageDirectory,
  view: MergedView | undefined,
): Hidden | undefined {
  const known = new Set(names);
  for (const [depth, layer] of image.layers.entries()) {
    const unmentioned = namesOfLayer(image, layer.fd, known);
    if (unmentioned.length === 0) continue;
    if (view === undefined) return uncertain('no process of the container runs');
    const hidden = look({ fd, path }, unmentioned, view);
    return depth === 0 || !hidden?.certain ? hidden : uncertain('a layer of the image may hide the same');
  }
  return undefined;
}

function look(
  { fd, path }: Pick<Seen, 'fd' | 'path'>,
  unmentioned: readonly ByteText[],
  view: MergedView,
): Hidden | undefined {
  for (const name of unmentioned) {
    const there = view.has(path, name);
    if (there === true) return undefined;
    if (there === undefined) return uncertain('it could not be looked at as the container sees it');
    // Deleted just now, which has left a mark since the names were read.
    if (statAt(fd, name) === undefined) return { certain: true, problems: [] };
  }
  return uncertain('it was written to at the same time');
}

function uncertain(why: string): Hidden {
  return { certain: false, problems: [`it is not certain that it hides anything: ${why}`] };
}

// One that has all names of the topmost layer, made anew by whoever deleted it, may still hide those of the layers below.
function namesOfLayer(image: ImageDirectory, fd: number, known: ReadonlySet<ByteText>): ByteText[] {
  const found: ByteText[] = [];
  const copy = openDirectoryAt(fd, '.');
  try {
    for (const name of namesIn(copy, MAX_NAMES).names) {
      if (found.length >= MAX_LOOKS) break;
      // What a layer of the image has deleted, nobody sees anyway.
      if (!known.has(name) && imageEntry(image, name) !== undefined) found.push(name);
    }
  } finally {
    closeSync(copy);
  }
  return found;
}
