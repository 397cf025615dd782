// Evidence in memory for simulations: the same bundles as in a directory, and failures wherever a test wants them.
import {
  createBundle,
  DEFAULT_LIMITS,
  finishedBundle,
  type BundleEnd,
  type BundleLimits,
  type BundleOptions,
} from '../../src/evidence/bundle.ts';
import { parseManifest, sha256, summarize, type Manifest } from '../../src/evidence/manifest.ts';
import type { EvidenceStore, IncidentRef } from '../../src/evidence/store.ts';
import type { Clock } from '../../src/kube/clock.ts';

/** What a store is about to do; for `write` with the path within the bundle. For `holds` the incident may be unknown. */
export interface StoreOperation {
  name: 'open' | 'write' | 'seal' | 'holds';
  incident: IncidentRef;
  path?: string;
}

/** Options of {@link createMemoryStore}. */
export interface MemoryStoreOptions extends Pick<BundleOptions, 'recipients' | 'signer'> {
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
  /** The same as it was stored. */
  bytes(uid: string, path: string): Uint8Array | undefined;
  /** How often the bundle of an incident was begun. */
  attempts(uid: string): number;
  /** Whether a finished bundle has that manifest. */
  has(manifestSha256: string): boolean;
  /** Takes the finished bundles of an incident away, as somebody may do in a real store. */
  lose(uid: string): void;
}

interface Kept {
  attempts: number;
  finished?: { files: ReadonlyMap<string, Uint8Array>; end: BundleEnd };
}

/** Keeps bundles by the UID of their incident; those of one that was captured once more beside each other. */
export function createMemoryStore(options: MemoryStoreOptions): MemoryStore {
  const { clock, before = () => {}, readiness = () => undefined } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const bundles = new Map<string, Kept>();
  const roundsOf = (uid: string) => [...bundles].filter(([key]) => key.startsWith(`${uid} `));
  const lastOf = (uid: string) => roundsOf(uid).findLast(([, { finished }]) => finished)?.[1].finished;
  const manifest = (uid: string) => {
    const bytes = lastOf(uid)?.end.manifest;
    return bytes && parseManifest(bytes);
  };
  const open: EvidenceStore['open'] = async (subject) => {
    const { incident } = subject;
    await before({ name: 'open', incident });
    const location = `memory:${incident.namespace}/${incident.name}`;
    const key = `${incident.uid} ${incident.round ?? 1}`;
    const kept = bundles.get(key) ?? { attempts: 0 };
    bundles.set(key, kept);
    if (kept.finished) return finishedBundle(summarize(kept.finished.end, location));
    kept.attempts += 1;
    const files = new Map<string, Uint8Array>();
    const { recipients, signer } = options;
    const about = {
      subject,
      location,
      attempt: kept.attempts,
      version: 'test',
      limits,
      clock,
      ...(recipients && { recipients }),
      ...(signer && { signer }),
    };
    return createBundle(about, {
      write: async (path, content) => {
        await before({ name: 'write', incident, path });
        files.set(path, Buffer.concat(await Array.fromAsync(content)));
      },
      seal: async (end) => {
        await before({ name: 'seal', incident });
        kept.finished ??= { files, end };
      },
    });
  };
  const has = (manifestSha256: string) =>
    [...bundles.values()].some(
      ({ finished }) => finished && sha256(finished.end.manifest) === manifestSha256,
    );
  const bytes = (uid: string, path: string) => lastOf(uid)?.files.get(path);
  return {
    recipients: options.recipients ?? [],
    holds: async ({ manifestSha256 }) => {
      await before({ name: 'holds', incident: { namespace: '', name: '', uid: '' } });
      return has(manifestSha256);
    },
    has,
    open,
    readiness: () => Promise.resolve(readiness()),
    manifest,
    bytes,
    text: (uid, path) => {
      const content = bytes(uid, path);
      return content && Buffer.from(content).toString();
    },
    attempts: (uid) => roundsOf(uid).reduce((sum, [, { attempts }]) => sum + attempts, 0),
    lose: (uid) => {
      for (const [key, { attempts }] of roundsOf(uid)) bundles.set(key, { attempts });
    },
  };
}
