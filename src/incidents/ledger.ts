// The ledger in its ConfigMap: an act is entered before it is carried out, by a patch that is bound to the version that was
// decided from. Nothing is ever taken for empty: what cannot be read, or was edited, holds everything that it counts.
import type { KubeObject } from '../api/meta.ts';
import type { Opening } from '../api/ledger.ts';
import { LEDGER_CONFIGMAP, MANAGED_BY_LABEL, OPERATOR_NAME, SYSTEM_NAMESPACE } from '../api/names.ts';
import {
  isSame,
  LEDGER,
  LEDGER_CURE,
  pruned,
  readBook,
  withAct,
  writeBook,
  type Book,
  type SpentAct,
} from '../decide/ledger.ts';
import type { Clock } from '../kube/clock.ts';
import { orAbsent } from '../kube/absent.ts';
import type { KubeClient } from '../kube/client.ts';
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  isNotLeading,
  isTestFailure,
  isUnavailable,
} from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import { add, test } from '../kube/json-patch.ts';
import { apiVersionOf, CONFIG_MAPS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';

/** What {@link Ledger} needs. */
export interface LedgerOptions {
  client: Pick<KubeClient, 'get' | 'create' | 'jsonPatch'>;
  clock: Clock;
  log: Logger;
  events: Pick<EventRecorder, 'record'>;
  /** Name of the ConfigMap; another one is for tests that share a cluster. */
  name?: string | undefined;
  /** What the incidents tell of acts, for a ledger that has to be made anew. */
  known: () => readonly SpentAct[];
}

/** More changes than this between read and patch is a fight. */
const MAX_TRIES = 4;
/** A call that takes longer is given up, in milliseconds: an isolation may wait for it. */
const CALL = { timeoutMs: 5_000 };
/** How often a ledger that cannot be used is read again, in milliseconds. */
const AGAIN_MS = 1_000;
/** A try that was entered so long ago still counts as this one, in milliseconds. */
const SAME_TRY_MS = 60_000;

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

/** An act that is to be entered, and who waits for it. */
interface Entry extends Pick<PromiseWithResolvers<boolean>, 'resolve' | 'reject'> {
  act: SpentAct;
  stillWanted: () => boolean;
}

/** See the file's first line. One for each term of a leader. */
export class Ledger {
  readonly #options: LedgerOptions;
  /** What was read or written last that could be understood. */
  #book: Book | undefined;
  /** The version of the object that {@link #book} is of; undefined: there is none, or it cannot be used. */
  #version: Pick<KubeObject['metadata'], 'uid' | 'resourceVersion'> | undefined;
  #trouble = 'it was not read yet';
  #readAt = -Infinity;
  #last: Promise<unknown> = Promise.resolve();
  readonly #waiting: Entry[] = [];
  readonly #at: { namespace: string; name: string };

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#at = { namespace: SYSTEM_NAMESPACE, name: options.name ?? LEDGER_CONFIGMAP };
  }

  /** What is entered; a text for people: why it cannot be used, and what to do. */
  get book(): Book | string {
    if (this.#version && this.#book) return this.#book;
    return `nothing is evicted or taken out of its workload, because ${LEDGER} ${this.#trouble}`;
  }

  /** Acts that are held in memory. */
  get size(): number {
    return this.#book?.acts.length ?? 0;
  }

  /** Reads it, unless it can be used or was just tried to be. Makes it if it is missing. Rejects only without the lead. */
  async ready(): Promise<void> {
    if (this.#version || this.#options.clock.elapsed() - this.#readAt < AGAIN_MS) return;
    await this.#alone(async () => {
      if (!this.#version) await this.#read();
    });
  }

  /**
   * Enters an act that is about to be carried out.
   * @param stillWanted asked before each try, when {@link book} is what the entry will be made to.
   * @returns false: it must not be carried out; what is in the way is in {@link book}, or `stillWanted` said so.
   * @throws KubeError only without the lead.
   */
  async enter(act: SpentAct, stillWanted: () => boolean): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#waiting.push({ act, stillWanted, resolve, reject });
    void this.#alone(() => this.#enterWaiting());
    return promise;
  }

  /**
   * Changes the openings of the breaker.
   * @param change returns the same array if there is nothing to change; asked again after a conflict.
   * @returns whether they were changed. @throws KubeError only without the lead.
   */
  async changeOpenings(change: (before: readonly Opening[]) => readonly Opening[]): Promise<boolean> {
    return this.#alone(async () => {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        if (!this.#version) await this.#read();
        const book = this.#book;
        if (!this.#version || !book) return false;
        const openings = change(book.openings);
        if (openings === book.openings) return false;
        if (await this.#write({ ...book, openings })) return true;
      }
      return false;
    });
  }

  // All that came while another write was under way goes with one: in a storm each isolation waits for its entry.
  async #enterWaiting(): Promise<void> {
    let entries: Entry[] = this.#waiting.splice(0);
    try {
      for (let tries = 0; tries < MAX_TRIES && entries.length > 0; tries++) {
        if (!this.#version) await this.#read();
        const { taken, acts } = this.#decide(entries);
        entries = taken;
        const isWritten = taken.length > 0 && this.#book && (await this.#write({ ...this.#book, acts }));
        if (!isWritten) continue;
        for (const { resolve } of taken) resolve(true);
        return;
      }
      for (const { resolve } of entries) resolve(false);
    } catch (error) {
      for (const { reject } of entries) reject(error);
    }
  }

  // Answers those that need no entry or get none. Each of the others is decided by those before it.
  #decide(entries: readonly Entry[]): { taken: Entry[]; acts: readonly SpentAct[] } {
    const before = this.#book;
    const taken: Entry[] = [];
    for (const entry of entries) {
      const entered = this.#tryEntry(entry);
      if (entered === 'New') taken.push(entry);
      else entry.resolve(entered === 'There');
    }
    const acts = this.#book?.acts ?? [];
    this.#book = before;
    return { taken, acts };
  }

  #tryEntry({ act, stillWanted }: Entry): 'New' | 'There' | 'Refused' {
    const book = this.#book;
    if (!this.#version || !book || !stillWanted()) return 'Refused';
    const tried = book.acts.find((other) => isSame(other, act));
    if (tried && act.at - tried.at < SAME_TRY_MS) return 'There';
    const acts = withAct(pruned(book.acts, act.at), act);
    if (!acts) return 'Refused';
    this.#book = { ...book, acts };
    return 'New';
  }

  // Two workers that decide at the same moment must not both take the last room.
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #read(): Promise<void> {
    const { client, clock } = this.#options;
    this.#version = undefined;
    this.#readAt = clock.elapsed();
    try {
      const found = await orAbsent(client.get<ConfigMap>(CONFIG_MAPS, this.#at, CALL));
      if (!found) return await this.#make();
      const book = readBook(found.data, clock.now());
      if (typeof book === 'string') this.#refuse(`${book}: ${LEDGER_CURE}`);
      else this.#adopt(found, book);
    } catch (error) {
      if (isNotLeading(error)) throw error;
      this.#refuse(`cannot be read: ${textOf(error)}`);
    }
  }

  // Gone, although acts were entered in it: they count all the same.
  async #make(): Promise<void> {
    const { client, clock, known } = this.#options;
    const book = { acts: pruned(united(this.#book?.acts ?? [], known()), clock.now()), openings: [] };
    const lost = { ...book, openings: this.#book?.openings ?? [] };
    try {
      const metadata = { ...this.#at, labels: { [MANAGED_BY_LABEL]: OPERATOR_NAME } };
      const body = {
        apiVersion: apiVersionOf(CONFIG_MAPS),
        kind: CONFIG_MAPS.kind,
        metadata,
        data: writeBook(lost),
      };
      const at = { namespace: SYSTEM_NAMESPACE };
      const made = await client.create<ConfigMap>(CONFIG_MAPS, at, body, CALL);
      if (this.#book || book.acts.length > 0) this.#tellLost(made, lost.acts.length);
      this.#adopt(made, lost);
    } catch (error) {
      if (isNotLeading(error)) throw error;
      // Somebody was faster, or the answer was lost: the next try reads it.
      this.#refuse(isAlreadyExists(error) ? 'was just made' : `cannot be made: ${textOf(error)}`);
      if (isAlreadyExists(error)) this.#readAt = -Infinity;
    }
  }

  async #write(book: Book): Promise<boolean> {
    const { client } = this.#options;
    const { uid, resourceVersion } = this.#version ?? {};
    try {
      const written = await client.jsonPatch<ConfigMap>(
        CONFIG_MAPS,
        this.#at,
        [
          test('/metadata/uid', uid),
          test('/metadata/resourceVersion', resourceVersion),
          add('/data', writeBook(book)),
        ],
        CALL,
      );
      this.#adopt(written, book);
      return true;
    } catch (error) {
      if (isNotLeading(error)) throw error;
      const mayTry = [isTestFailure, isConflict, isNotFound, isUnavailable].some((is) => is(error));
      // What is there now decides: somebody wrote, or this was written and the answer lost.
      if (mayTry) await this.#read();
      else this.#refuse(`cannot be written: ${textOf(error)}`);
      return false;
    }
  }

  // What this process knows to be spent stays spent, also if somebody put an older copy back.
  #adopt({ metadata: { uid, resourceVersion } }: ConfigMap, { acts, openings }: Book): void {
    const before = this.#book;
    const isOlder = (openings.at(-1)?.openedAt ?? '') < (before?.openings.at(-1)?.openedAt ?? '');
    this.#book = {
      acts: before ? united(acts, pruned(before.acts, this.#options.clock.now())) : acts,
      openings: isOlder && before ? before.openings : openings,
    };
    if (this.#trouble !== '') this.#options.log.info({ acts: acts.length }, `${LEDGER} is in use`);
    this.#version = { uid, resourceVersion };
    this.#trouble = '';
  }

  #refuse(why: string): void {
    this.#version = undefined;
    if (why !== this.#trouble) this.#options.log.error({}, `${LEDGER} ${why}`);
    this.#trouble = why;
  }

  #tellLost({ metadata }: ConfigMap, acts: number): void {
    const { log, events } = this.#options;
    const note = `${LEDGER} was gone and was made anew, with ${acts} acts that die-operator remembers or incidents tell of: find out who deleted it`;
    log.error({ acts }, note);
    const regarding = { apiVersion: 'v1', kind: 'ConfigMap', ...this.#at, uid: metadata.uid };
    events.record({ regarding, type: 'Warning', reason: 'LedgerLost', action: 'Rebuild', note });
  }
}

function united(a: readonly SpentAct[], b: readonly SpentAct[]): SpentAct[] {
  const missing = b.filter((act) => !a.some((other) => isSame(other, act)));
  return [...a, ...missing].toSorted((one, other) => one.at - other.at);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
