// Asks registries on behalf of a command, which waits for the answers: questions are noted first and answered together.
import { deadline, type Clock } from '../../kube/clock.ts';
import type { SameImage } from '../../decide/verify-images.ts';
import { RegistryError } from '../../registry/errors.ts';
import { counted } from '../../report/visible.ts';
import { registryOf, type Registry } from '../run/registry.ts';
import { eachOf } from './each.ts';
import type { ReportProblem } from './report.ts';

/** Which registries may be asked. */
export interface RegistryOptions {
  /** Hosts, as images name them. */
  registry: readonly string[];
  registryCredentialsFile?: string | undefined;
  /** For all answers together, in milliseconds. */
  timeout: number;
}

/** Whether a registry has a digest. */
export type HasDigest = (repository: string, digest: string) => 'Yes' | 'No' | 'Asking' | 'Nobody';

/** See the file's first line. */
export interface Registries {
  same: SameImage;
  has: HasDigest;
  /** Waits until what was asked since the last call is answered, or never will be. @returns whether anything was asked. */
  settle(): Promise<boolean>;
  /** Why something could not be answered, for people; a few of them. */
  faults(): readonly string[];
  close(): Promise<void>;
}

const PARALLEL = 8;
const MAX_FAULTS = 3;

/** No registry is asked. */
export const NO_REGISTRIES: Registries = {
  same: () => 'Nobody',
  has: () => 'Nobody',
  settle: () => Promise.resolve(false),
  faults: () => [],
  close: () => Promise.resolve(),
};

/** Makes the way to them; nothing is asked yet. */
export function openRegistries({ timeout, ...options }: RegistryOptions, clock: Clock): Registries {
  const faults = new Set<string>();
  const log = {
    warn: (fields: object, message: string) => void faults.add(`${message}${causeOf(fields)}`),
  };
  const settings = { ...options, registry: [...options.registry] };
  const registry = registryOf(settings, clock, log);
  return registry ? new Asking(registry, { timeout, clock, faults }) : NO_REGISTRIES;
}

interface Means {
  timeout: number;
  clock: Clock;
  faults: Set<string>;
}

/** What to say of images of which registries did not tell enough. */
export function openQuestions(count: number, registries: Registries): ReportProblem[] {
  if (count === 0) return [];
  const why = registries.faults().join('; ');
  const message = `registries did not tell enough of ${counted(count, 'image')}${why === '' ? '' : `: ${why}`}`;
  return [{ kind: 'Registry', message }];
}

class Asking implements Registries {
  readonly #registry: Registry;
  readonly #means: Means;
  /** By repository and digest; absent: not known. */
  readonly #has = new Map<string, boolean>();
  readonly #asked = new Set<string>();
  #open: (() => Promise<unknown>)[] = [];
  #limit: ReturnType<typeof deadline> | undefined;
  #closed: Promise<void> | undefined;

  constructor(registry: Registry, means: Means) {
    this.#registry = registry;
    this.#means = means;
  }

  readonly same: SameImage = (repository, expected, runs) => {
    if (!this.#registry.asks(repository)) return 'Nobody';
    const known = this.#registry.equivalent(repository, expected, runs);
    if (known !== undefined) return known ? 'Same' : 'Other';
    this.#ask(`${repository} ${expected} ${runs}`, () => this.#registry.learn(repository, expected, runs));
    return 'Asking';
  };

  readonly has: HasDigest = (repository, digest) => {
    if (!this.#registry.asks(repository)) return 'Nobody';
    const key = `${repository}@${digest}`;
    const known = this.#has.get(key);
    if (known !== undefined) return known ? 'Yes' : 'No';
    this.#ask(key, () => this.#look(key, repository, digest));
    return 'Asking';
  };

  async settle(): Promise<boolean> {
    const open = this.#open;
    this.#open = [];
    if (open.length === 0) return false;
    const { clock, timeout, faults } = this.#means;
    if (!this.#limit) {
      this.#limit = deadline(clock, timeout);
      this.#limit.signal.addEventListener('abort', () => {
        faults.add(`not all answers came within ${timeout / 1000} s`);
        void this.close();
      });
    }
    await eachOf(open, PARALLEL, (question) => question());
    return true;
  }

  faults(): readonly string[] {
    return [...this.#means.faults].slice(0, MAX_FAULTS);
  }

  close(): Promise<void> {
    this.#limit?.done();
    this.#closed ??= this.#registry.close();
    return this.#closed;
  }

  #ask(key: string, question: () => Promise<unknown>): void {
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    this.#open.push(question);
  }

  async #look(key: string, repository: string, digest: string): Promise<void> {
    const signal = this.#limit?.signal ?? new AbortController().signal;
    try {
      await this.#registry.read(repository, digest, signal);
      this.#has.set(key, true);
    } catch (error) {
      if (error instanceof RegistryError && error.reason === 'NotFound') this.#has.set(key, false);
      else if (!signal.aborted) this.#means.faults.add(`${key} could not be read${causeOf({ err: error })}`);
    }
  }
}

function causeOf(fields: object): string {
  const { err } = fields as { err?: unknown };
  return err instanceof Error ? `: ${err.message || err.name}` : '';
}
