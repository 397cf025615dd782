// Patterns for images, as a pod asks for one and as the runtime resolved it.
import { compileGlob } from './glob.ts';
import { qualifiedName } from './images.ts';

/** An image, as a pod asks for it and, once it runs, as the runtime resolved it. */
export interface NamedImage {
  image: string;
  imageID?: string | undefined;
}

/** Whether any of the patterns matches a text. */
export function anyGlob(patterns: readonly string[]): (text: string) => boolean {
  const globs = patterns.map(compileGlob);
  return (text) => globs.some((matches) => matches(text));
}

/**
 * Whether an image matches any of the patterns: as written and in full, so that `docker.io/library/nginx:*` also finds
 * `nginx`; and by what the runtime resolved, so that a digest can be named where the pod asks for a tag.
 */
export function imageMatcher(patterns: readonly string[]): (image: NamedImage) => boolean {
  const matches = anyGlob(patterns);
  return ({ image, imageID }) =>
    matches(image) || matches(qualifiedName(image)) || (imageID !== undefined && matches(imageID));
}
