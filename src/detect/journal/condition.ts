// How the journal is, in words for people: whether appends fail now, and what somebody should look at.
import type { Clock } from '../../kube/clock.ts';
import type { ReadinessCheck } from '../../observe/health.ts';
import { cleanText } from '../sanitize.ts';
import { JournalError } from './errors.ts';
import { MAX_LINE_BYTES } from './record.ts';

/** What the condition is told at each question. */
export interface JournalLevel {
  /** On the disk and on the way there. */
  bytes: number;
  /** Detections without an outcome. */
  records: number;
  /** Files with damaged records. */
  setAside: readonly string[];
  /** Files that are no business of the journal. */
  foreign: readonly string[];
}

/** Options of {@link JournalCondition}. */
export interface JournalConditionOptions {
  clock: Clock;
  location: string;
  maxBytes: number;
  level: () => JournalLevel;
}

/** After this long without an answer of the disk, nothing more is put in line for it. */
const STALLED_MS = 10_000;
const NEARLY_FULL = 0.8;
const NAMES = 3;
const MAX_NAME = 120;

/** See the file's first line. */
export class JournalCondition implements ReadinessCheck {
  readonly name = 'journal';
  readonly #options: JournalConditionOptions;
  /** Why nothing will be taken any more. */
  ended: JournalError | undefined;
  /** Set when the process stops. */
  closed: JournalError | undefined;
  /** Why nothing is taken until it works again. */
  fault: JournalError | undefined;
  /** Since when the disk is at work, by `Clock.elapsed`. */
  busySince: number | undefined;

  constructor(options: JournalConditionOptions) {
    this.#options = options;
  }

  /** Why an append fails now; undefined if it does not. */
  refusal(): JournalError | undefined {
    return this.closed ?? this.ended ?? this.fault ?? this.#stalled() ?? this.#full();
  }

  reason(): string | undefined {
    return this.refusal()?.message;
  }

  warning(): string | undefined {
    const { setAside, foreign, bytes } = this.#options.level();
    const { location, maxBytes } = this.#options;
    const warnings = [
      setAside.length > 0 &&
        `damaged records were set aside in ${listed(setAside)}: look whether detections are missing, then remove the files`,
      foreign.length > 0 && `${listed(foreign)} is not of the journal and is left alone: remove it`,
      bytes > maxBytes * NEARLY_FULL && `${bytes} of at most ${maxBytes} bytes are taken`,
    ].filter((warning) => warning !== false);
    return warnings.length > 0 ? `the journal at ${location}: ${warnings.join('; ')}` : undefined;
  }

  #stalled(): JournalError | undefined {
    const { clock, location } = this.#options;
    if (this.busySince === undefined) return undefined;
    const waitedMs = clock.elapsed() - this.busySince;
    if (waitedMs < STALLED_MS) return undefined;
    const seconds = Math.round(waitedMs / 1000);
    const message =
      `the journal at ${location}: the disk has not answered for ${seconds} s. It goes on when it does; ` +
      'check the volume and the log of its node.';
    return new JournalError('Failed', message);
  }

  #full(): JournalError | undefined {
    const { location, maxBytes, level } = this.#options;
    const { bytes, records } = level();
    if (bytes + MAX_LINE_BYTES <= maxBytes) return undefined;
    const message =
      `the journal at ${location} is full: ${bytes} of at most ${maxBytes} bytes, ${records} detections without an ` +
      'outcome. They leave it as soon as they are handled: check that the API server answers.';
    return new JournalError('Full', message);
  }
}

/** The first names of some that may be many, fit to be shown. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES).map((name) => cleanText(name, MAX_NAME));
  const more = names.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
