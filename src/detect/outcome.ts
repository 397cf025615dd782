// What became of a detection: every one ends in exactly one of these.

/** Named outcomes; each is counted. */
export const OUTCOMES = [
  /** An incident was opened. */
  'Opened',
  /** It was added to the open incident of its pod. */
  'Reported',
  /** The same detection was counted before. */
  'Duplicate',
  /** No accepted policy has a rung for it. */
  'NoPolicy',
  /** It is about a process on the node, not in a pod. */
  'NotAPod',
  /** The pod it names could not be told for certain. */
  'Unidentified',
  /** The pod is protected and never touched. */
  'Protected',
  /** The namespace of the pod is being deleted: nothing can be recorded there any more. */
  'NamespaceTerminating',
  /** The API server refuses the record as invalid; a defect of die-operator, logged with the reason. */
  'Refused',
  /** Not a drift alert of this cluster: Falco's own, a test event, one that die-operator sent, or about another cluster. */
  'Ignored',
] as const;

/** See {@link OUTCOMES}. */
export type OutcomeName = (typeof OUTCOMES)[number];

/** What became of one detection. */
export interface DetectionOutcome {
  outcome: OutcomeName;
  /** `namespace/name` of the incident. */
  incident?: string;
  /** For people: why. Holds no text of the alert but identifiers that were checked. */
  message: string;
}
