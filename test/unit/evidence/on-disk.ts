// Stores in a temporary directory, and how they are filled in the tests.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { createDirectoryStore } from '../../../src/evidence/directory-store.ts';
import type { FileSystem } from '../../../src/evidence/files.ts';
import { parseManifest, type Manifest } from '../../../src/evidence/manifest.ts';
import {
  EvidenceStoreError,
  type BundleSummary,
  type EvidenceStore,
  type EvidenceSubject,
} from '../../../src/evidence/store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { fileOf, INCIDENT, SUBJECT } from './fakes.ts';

/** Name of the directory of the incident's bundle. */
export const NAME = `${INCIDENT.name}-${INCIDENT.uid}`;

/** A new directory for each test of the file; it goes with the test. */
export class TemporaryRoot {
  path = '';

  constructor() {
    beforeEach(async () => {
      this.path = await mkdtemp(join(tmpdir(), 'evidence-'));
    });
    afterEach(() => rm(this.path, { recursive: true }));
  }

  /** A path below the root. */
  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** Where the finished bundle of the incident lies. */
  get finished(): string {
    return this.at('shop', NAME);
  }

  store(files?: FileSystem, maxBytes?: number): EvidenceStore {
    return createDirectoryStore({
      root: this.path,
      clock: new VirtualClock(),
      version: '1.2.3',
      ...(files && { files }),
      ...(maxBytes !== undefined && { maxBytes }),
    });
  }

  /** Captures two small files. */
  async captured(store = this.store(), subject: EvidenceSubject = SUBJECT): Promise<BundleSummary> {
    const bundle = await store.open(subject);
    await bundle.add(fileOf('api/pod.json', '{}'));
    await bundle.add(fileOf('logs/app/current.log', 'line\n'));
    return bundle.finish();
  }
}

/** The manifest of the bundle in that directory. */
export async function manifestIn(directory: string): Promise<Manifest> {
  return parseManifest(await readFile(join(directory, 'manifest.json')));
}

/** What the work rejects with. */
export async function storeErrorOf(work: Promise<unknown>): Promise<EvidenceStoreError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof EvidenceStoreError) return error;
  throw new Error('did not reject with an EvidenceStoreError', { cause: error });
}
