// Lists the bundles of a store with what their manifests say, and finds that of one incident.
import { messageOf } from './error-message.ts';
import { parseManifest, summarize, type Manifest } from './manifest.ts';
import { pathSegment, placeNameOf } from './path.ts';
import type { BundleEntry, EvidenceReader, StoredBundle } from './reader.ts';
import type { BundleSummary } from './store.ts';

/** A bundle as it is listed: with what its manifest says, or why it cannot be read. */
export type ListedBundle = BundleEntry &
  ({ manifest: Manifest; summary: BundleSummary } | { problem: string });

/** Every bundle of the store, one after the other. */
export async function* listBundles(reader: EvidenceReader): AsyncGenerator<ListedBundle> {
  for (const entry of await reader.list()) yield await readListed(reader, entry);
}

/**
 * The bundle of an incident, of several the last that was made.
 * @param name `<namespace>/<incident>`, or `<namespace>/<incident>-<uid>` where several had that name.
 * @throws Error if there is none, or more than one.
 */
export async function findBundle(reader: EvidenceReader, name: string): Promise<StoredBundle> {
  const [namespace = '', incident = '', ...rest] = name.split('/');
  if (namespace === '' || incident === '' || rest.length > 0)
    throw new Error(`${JSON.stringify(name)} does not have the form NAMESPACE/INCIDENT`);
  const entries = await candidates(reader, namespace, incident);
  const [first, ...others] = entries;
  if (!first) throw new Error(`there is no evidence of ${name}`);
  if (others.length > 0)
    throw new Error(
      `there is more than one incident ${name}; name one with its UID: ${entries.map((entry) => `${namespace}/${entry.name}`).join(', ')}`,
    );
  const found = await reader.open(first);
  const misplaced = otherIncident(found.manifest, first);
  if (misplaced !== undefined)
    throw new Error(`the evidence at ${first.location} is not that of ${name}: ${misplaced}`);
  return found;
}

/** Why a bundle is not that of the incident that its place is named after; whoever writes to the store chose both. */
function otherIncident(bytes: Uint8Array, entry: BundleEntry): string | undefined {
  const { incident } = parseManifest(bytes);
  const place = placeNameOf(incident);
  if (place.namespace === entry.namespace && place.name === entry.name) return undefined;
  return `its manifest is of another incident, ${incident.namespace}/${incident.name}, UID ${incident.uid}`;
}

async function candidates(
  reader: EvidenceReader,
  namespace: string,
  incident: string,
): Promise<readonly BundleEntry[]> {
  const entries = (await reader.list()).filter((entry) => entry.namespace === pathSegment(namespace));
  const exact = entries.filter((entry) => entry.name === incident);
  if (exact.length > 0) return exact;
  const found: ListedBundle[] = [];
  for (const entry of entries) {
    if (!entry.name.startsWith(`${pathSegment(incident)}-`)) continue;
    const listed = await readListed(reader, entry);
    // One that cannot be read is found all the same: the user is told what is wrong with it.
    if ('problem' in listed || listed.manifest.incident.name === incident) found.push(listed);
  }
  return lastOfOne(found);
}

/** Of the bundles of one incident the last that was made; of several incidents all. */
function lastOfOne(found: readonly ListedBundle[]): readonly BundleEntry[] {
  const incidents = found.flatMap((one) => ('problem' in one ? [] : [one.manifest.incident]));
  const isOne = incidents.length === found.length && new Set(incidents.map(({ uid }) => uid)).size === 1;
  return isOne ? found.toSorted((a, b) => roundOf(b) - roundOf(a)).slice(0, 1) : found;
}

function roundOf(one: ListedBundle): number {
  return 'problem' in one ? 0 : (one.manifest.incident.round ?? 1);
}

async function readListed(reader: EvidenceReader, entry: BundleEntry): Promise<ListedBundle> {
  try {
    const end = await reader.open(entry);
    const manifest = parseManifest(end.manifest);
    const misplaced = otherIncident(end.manifest, entry);
    if (misplaced !== undefined) throw new Error(misplaced);
    return { ...entry, manifest, summary: summarize(end, entry.location) };
  } catch (error) {
    return { ...entry, problem: messageOf(error) };
  }
}
