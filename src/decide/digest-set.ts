// Which digests name the same image: an index, its manifest for one platform, and the configuration of that one.

/** The document of a registry, as far as it names other documents. */
export type ImageDocument =
  /** For several platforms: digests of the manifests. */
  | { kind: 'Index'; manifests: readonly string[] }
  /** For one platform: digest of its configuration. */
  | { kind: 'Manifest'; config: string };

/** What is known of the documents of one repository; null: there is no such document. */
export type KnownDocuments = (digest: string) => ImageDocument | null | undefined;

/** Media types that a registry is asked for, and that are understood. */
export const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;
/** See {@link INDEX_TYPES}. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

/** Manifests of an index that are looked at: the largest images have some twenty. */
export const MAX_MANIFESTS = 64;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * Reads a document of a registry. Whoever pushed it wrote it: only digests are taken over, and not more than
 * {@link MAX_MANIFESTS}. Attestations, which builders add to an index for the platform `unknown/unknown`, run nowhere and
 * are left out. Undefined: it is none that is understood.
 */
export function readDocument(text: string, mediaType: string): ImageDocument | undefined {
  const document = parsed(text);
  const declared = document?.['mediaType'];
  // What says that it is of another type than the registry says may be read differently by a runtime.
  if (!document || (declared !== undefined && declared !== mediaType)) return undefined;
  if (includes(INDEX_TYPES, mediaType) && !('config' in document) && !('layers' in document))
    return readIndex(document['manifests']);
  if (!includes(MANIFEST_TYPES, mediaType) || 'manifests' in document) return undefined;
  const { config } = document;
  const digest = isObject(config) ? config['digest'] : undefined;
  return isDigest(digest) ? { kind: 'Manifest', config: digest } : undefined;
}

/**
 * Whether who runs one digest runs the image of another one that was expected, by what is known; undefined: not known.
 * What the expected one contains is the same. The other way around it is only for sure where nothing else is in it: anybody
 * who may push can put a good manifest into an index next to one that a node takes in its place.
 */
export function sameImage(expected: string, runs: string, known: KnownDocuments): boolean | undefined {
  if (expected === runs) return true;
  const [inside, alone] = [within(expected, runs, known), isAlone(runs, expected, known)];
  if (inside === true || alone === true) return true;
  return inside === false && alone === false ? false : undefined;
}

/** The documents that have to be read before {@link sameImage} knows: those above first, as they name the others. */
export function unknownOf(expected: string, runs: string, known: KnownDocuments): string[] {
  if (sameImage(expected, runs, known) !== undefined) return [];
  const inside = (digest: string) => {
    const document = known(digest);
    if (document === undefined) return [digest];
    return document?.kind === 'Index' ? document.manifests.filter((one) => known(one) === undefined) : [];
  };
  return [...new Set([...inside(expected), ...inside(runs)])];
}

function isAlone(outer: string, inner: string, known: KnownDocuments): boolean | undefined {
  const document = known(outer);
  return document?.kind === 'Index' && document.manifests.length !== 1 ? false : within(outer, inner, known);
}

// Two steps at most: an index in an index is not followed, and runtimes do not, either.
function within(outer: string, inner: string, known: KnownDocuments): boolean | undefined {
  const document = known(outer);
  if (document === undefined) return undefined;
  if (document === null) return false;
  if (document.kind === 'Manifest') return document.config === inner;
  if (document.manifests.includes(inner)) return true;
  const children = document.manifests.map((digest) => known(digest));
  if (children.some((child) => child?.kind === 'Manifest' && child.config === inner)) return true;
  return children.includes(undefined) ? undefined : false;
}

function readIndex(manifests: unknown): ImageDocument | undefined {
  if (!Array.isArray(manifests) || manifests.length > MAX_MANIFESTS) return undefined;
  const digests = (manifests as unknown[]).flatMap((one) =>
    isObject(one) && !isAttestation(one['platform']) && isDigest(one['digest']) ? [one['digest']] : [],
  );
  return { kind: 'Index', manifests: [...new Set(digests)] };
}

function isAttestation(platform: unknown): boolean {
  return isObject(platform) && platform['os'] === 'unknown' && platform['architecture'] === 'unknown';
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function includes(types: readonly string[], type: string): boolean {
  return types.includes(type);
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && DIGEST.test(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
