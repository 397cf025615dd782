// Patterns for images that no name of an image can meet (the grammar of distribution/reference).
import { imageDigest } from '../decide/images.ts';

// Letters, digits and the separators of registry, port, repository, tag and digest; brackets for IPv6; `*` is the wildcard.
const FOREIGN = /[^A-Za-z0-9._\-/:@+[\]*]/u;
const SCHEME = /^[a-z-]+:\/\//;

/** Why nothing that runs can have such an image, as a clause; undefined: it can. */
export function imagePatternConflict(pattern: string): string | undefined {
  const foreign = FOREIGN.exec(pattern)?.[0];
  if (foreign !== undefined) {
    return `no image has ${JSON.stringify(foreign)} in its name; only * is a wildcard, and there are no lists or regular expressions`;
  }
  const name = pattern.replace(SCHEME, '');
  const at = name.lastIndexOf('@');
  const digest = name.slice(at + 1);
  if (at >= 0 && !digest.includes('*') && imageDigest(digest) === undefined) {
    return 'what follows @ is no digest: sha256: and 64 lower-case hex digits';
  }
  return repositoryParts(at < 0 ? name : name.slice(0, at)).some((part) => /[A-Z]/.test(part))
    ? 'the repository of an image has no upper-case letters'
    : undefined;
}

/** Whether the pattern names one image by its digest. */
export function isPinned(pattern: string): boolean {
  return imageDigest(pattern) !== undefined;
}

/** Whether the pattern names an image in full and leaves out the tag. */
export function isBare(pattern: string): boolean {
  const last = pattern.slice(pattern.lastIndexOf('/') + 1);
  return !/[*:@]/.test(last) && imageDigest(pattern) === undefined;
}

// Without the tag, and without what may be a registry: whatever stands before the first slash.
function repositoryParts(name: string): string[] {
  const parts = name.split('/');
  const last = parts.pop() ?? '';
  // A wildcard may stand for a colon, so that what follows it can be a tag.
  const repository = /^[^:*]*/.exec(last)?.[0] ?? '';
  // A wildcard may stand for a slash, too: what is before it can be a registry.
  if (parts.length === 0) return last.includes('*') ? [] : [repository];
  return [...parts.slice(1), repository];
}
