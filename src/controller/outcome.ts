// How one run of a key ends: the three kinds of outcome, and the errors that ask for them.

/** Nothing more to do until something changes; or look again; or it failed and is tried again with backoff. */
export type Outcome =
  | { kind: 'done' }
  | { kind: 'requeue'; afterMs: number; reason: string; priority?: 'containment' | 'normal' }
  | { kind: 'failed'; error: unknown };

/** A person is needed; trying again changes nothing. */
export class TerminalError extends Error {
  readonly reason: string;

  /** @param reason one word for programs; @param message what failed, why, and what a person can do. */
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TerminalError';
    this.reason = reason;
  }
}

/** Not a failure: the thing waited for has not happened yet. */
export class WaitingError extends Error {
  readonly reason: string;
  readonly afterMs: number;

  /** @param afterMs when to look again, in milliseconds. */
  constructor(reason: string, message: string, afterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WaitingError';
    this.reason = reason;
    this.afterMs = afterMs;
  }
}
