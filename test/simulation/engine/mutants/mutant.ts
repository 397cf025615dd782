// What a planted bug is.

/** A bug that can be planted. */
export interface Mutant {
  name: string;
  /** Below src. */
  file: string;
  find: string;
  replacement: string;
  /** What it breaks. */
  about: string;
  /** Scenarios that reach it, where most do not; absent: all. */
  prey?: readonly string[];
}
