// Where evidence is read from later: the contract of every place that keeps bundles.
import type { BundleEnd } from './bundle.ts';

/** One finished bundle, by its place alone: what it says of itself is in its manifest. */
export interface BundleEntry {
  /** As in `status.evidence.location`. */
  location: string;
  /** As it is part of the location: of the incident's namespace and of `<incident>-<uid>`. */
  namespace: string;
  name: string;
}

/** A bundle that is read. Whoever made the place chose everything in it: nothing was checked. */
export interface StoredBundle extends BundleEnd {
  /**
   * Content of the file as it is stored.
   * @param path a path of the manifest, so a safe one.
   */
  file(path: string): AsyncIterable<Uint8Array>;
}

/** Reads what a store keeps. All reject with an `EvidenceStoreError` if the place cannot be read. */
export interface EvidenceReader {
  /** Finished bundles, in the order of namespace and name. What is not finished, or is no bundle, is left out. */
  list(): Promise<BundleEntry[]>;
  /** Manifest and signatures at once, files as they are asked for. */
  open(entry: BundleEntry): Promise<StoredBundle>;
}
