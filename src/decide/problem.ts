// One thing that is wrong with a policy.

/** What is wrong in which field, and how to fix it. */
export interface Problem {
  /** Path of the field, as in `spec.responses[0].name`. */
  path: string;
  /** For people: what is wrong and what to write instead. */
  message: string;
}
