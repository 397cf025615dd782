// Evidence in memory for simulations: the same bundles as in a directory, and failures wherever a test wants them.
import {
  createBundle,
  DEFAULT_LIMITS,
  finishedBundle,
  type BundleLimits,
} from '../../src/evidence/bundle.ts';
import { parseManifest, summarize, type Manifest } from '../../src/evidence/manifest.ts';
import type { EvidenceStore, IncidentRef } from '../../src/evidence/store.ts';
import type { Clock } from '../../src/kube/clock.ts';

/** What a store is about to do; for `write` with the path within the bundle. */
export interface StoreOperation {
  name: 'open' | 'write' | 'seal';
  incident: IncidentRef;
  path?: string;
}

/** Options of {@link createMemoryStore}. */
export interface MemoryStoreOptions {
  clock: Clock;
  limits?: Partial<BundleLimits>;
  /** Called before each operation; what it throws is what the operation rejects with. May take its time. */
  before?: (operation: StoreOperation) => void | Promise<void>;
  /** What `readiness` answers. */
  readiness?: () => string | undefined;
}

/** A store whose bundles tests can look into. */
export interface MemoryStore extends EvidenceStore {
  /** Manifest of the finished bundle of an incident; undefined if there is none. */
  manifest(uid: string): Manifest | undefined;
  /** Content of a file in the finished bundle of an incident, as text. */
  text(uid: string, path: string): string | undefined;
  /** How often the bundle of an incident was begun. */
  attempts(uid: string): number;
}

interface Kept {
  attempts: number;
  finished?: { files: ReadonlyMap<string, Uint8Array>; manifest: Uint8Array };
}

/** Keeps bundles by the UID of their incident. */
export function createMemoryStore(options: MemoryStoreOptions): MemoryStore {
  const { clock, before = () => {}, readiness = () => undefined } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const bundles = new Map<string, Kept>();
  const manifest = (uid: string) => {
    const bytes = bundles.get(uid)?.finished?.manifest;
    return bytes && parseManifest(bytes);
  };
  const open: EvidenceStore['open'] = async (subject) => {
    const { incident } = subject;
    await before({ name: 'open', incident });
    const location = `memory:${incident.namespace}/${incident.name}`;
    const kept = bundles.get(incident.uid) ?? { attempts: 0 };
    bundles.set(incident.uid, kept);
    if (kept.finished) {
      const bytes = kept.finished.manifest;
      return finishedBundle(summarize(parseManifest(bytes), bytes, location));
    }
    kept.attempts += 1;
    const files = new Map<string, Uint8Array>();
    const about = { subject, location, attempt: kept.attempts, version: 'test', limits, clock };
    return createBundle(about, {
      write: async (path, content) => {
        await before({ name: 'write', incident, path });
        files.set(path, Uint8Array.from(content));
      },
      seal: async (bytes) => {
        await before({ name: 'seal', incident });
        kept.finished ??= { files, manifest: bytes };
      },
    });
  };
  return {
    open,
    readiness: () => Promise.resolve(readiness()),
    manifest,
    text: (uid, path) => {
      const content = bundles.get(uid)?.finished?.files.get(path);
      return content && Buffer.from(content).toString();
    },
    attempts: (uid) => bundles.get(uid)?.attempts ?? 0,
  };
}
