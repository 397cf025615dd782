// What reading manifests gives.

/** One object of a manifest file. */
export interface Manifest {
  file: string;
  /** Line on which it begins, from 1. */
  line: number;
  /** Has `apiVersion` and `kind`, both text; nothing else of it was checked. */
  object: Record<string, unknown>;
}

/** What could not be read. */
export interface ManifestProblem {
  file: string;
  /** From 1; absent where it is about the whole file. */
  line?: number;
  /** For people, without the file. */
  message: string;
}

/** What was read, and what could not be. Texts in both are whatever stood in the files: clean them before a terminal sees them. */
export interface Manifests {
  manifests: Manifest[];
  problems: ManifestProblem[];
}
