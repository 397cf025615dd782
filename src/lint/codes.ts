// What lint can find: the table that the page docs/lint.md repeats.

/** How bad a finding is, the worst first. Error: the policy does not do what it says. Warning: it does more, or less safely. */
export const FINDING_SEVERITIES = ['Error', 'Warning', 'Info'] as const;
/** See {@link FINDING_SEVERITIES}. */
export type FindingSeverity = (typeof FINDING_SEVERITIES)[number];

/** One kind of finding. */
export interface LintCode {
  severity: FindingSeverity;
  /** What it means, as a sentence. */
  meaning: string;
  /** What to do in general, as a sentence; a finding may know better. */
  cure: string;
}

const code = (severity: FindingSeverity, meaning: string, cure: string) =>
  ({ severity, meaning, cure }) satisfies LintCode;

/** All codes. Scripts rely on them: renaming one is a breaking change. */
export const LINT_CODES = {
  Invalid: code(
    'Error',
    'The API server refuses the object, or die-operator does not accept it; then it contributes nothing. Nothing else is said of it.',
    'Correct the field.',
  ),
  DuplicatePolicy: code(
    'Error',
    'Two objects are the same policy: the one that is applied last takes the place of the other.',
    'Rename one, or remove it.',
  ),
  NotPermitted: code(
    'Error',
    'The policy asks for what no ClusterDriftPolicy of these files grants to its namespace: it would not be accepted. Said only where the files tell the labels that decide.',
    'Grant it in a ClusterDriftPolicy, or do without it.',
  ),
  NeverMatches: code(
    'Error',
    'A selector, a pattern or a condition that nothing can meet.',
    'Correct or remove it.',
  ),
  ExpiredException: code(
    'Error',
    'The exception has ended and caps nothing.',
    'Remove it, or give it a new end after a new look.',
  ),
  Shadowed: code(
    'Warning',
    'A rung adds nothing: whatever it answers, other rungs answer with the same actions.',
    'Remove the rung, or correct what was meant to tell it apart.',
  ),
  EvictUnconfirmed: code(
    'Warning',
    'A rung of a policy in Enforce evicts for every rule of its severity: whoever can send an alert, or set off a noisy rule, evicts pods.',
    'Name the rules (or tags, or a condition) that are good enough to evict for, or have the drift confirmed: true.',
  ),
  EvictAtLowSeverity: code(
    'Warning',
    'A rung of a policy in Enforce evicts below severity Error for rules that it names by a pattern: a later rule of such a name evicts, however mild it is.',
    'Raise minSeverity to Error, or name the rules in full.',
  ),
  EvictUnlimited: code(
    'Warning',
    'A policy in Enforce evicts, and its limits are so high that they limit nothing.',
    'Choose limits that the workloads survive.',
  ),
  DeletePastBudget: code(
    'Warning',
    'A policy in Enforce evicts, and deletes the pod if a disruption budget does not allow that soon: a budget that was used up by a rollout or a drain is passed over within minutes.',
    'Choose a longer eviction.waitForBudget (10m or more), or then: Hold.',
  ),
  EvictWithoutEvidence: code(
    'Warning',
    'A rung evicts, and nothing says that evidence is captured before: it goes with the pod.',
    'Add Capture to the rung.',
  ),
  EvictWithoutIsolation: code(
    'Warning',
    'A rung evicts, and nothing says that the pod is isolated before: it can act while evidence is captured, while a budget is waited for, and until it ends.',
    'Add Isolate to the rung.',
  ),
  AttackerSatisfies: code(
    'Warning',
    'A condition that excuses drift rests on text which a process in the container chooses: an attacker there can meet it.',
    'Compare the whole path by equality, and add a fact that the kernel tells, such as detection.fields["proc.is_exe_upper_layer"] == "false".',
  ),
  WideException: code(
    'Warning',
    'The image of an exception is open: whoever can push a tag, or name an image so, is excused.',
    'Name the image by digest, as in registry.example/agent@sha256:....',
  ),
  WideUnprotect: code(
    'Warning',
    'An exception to the protection of a namespace is about all of its pods: also those that the cluster cannot do without and that have no critical priority.',
    'Name its pods by podSelector or images.',
  ),
  LongException: code(
    'Warning',
    'The exception ends more than a year ahead: nobody will look at it again before.',
    'Choose an end within a year, better within 90 days.',
  ),
  ExceptionByTag: code(
    'Info',
    'The exception names its image by a tag, which can be moved to another image.',
    'Name the image by digest, as in registry.example/agent@sha256:....',
  ),
  ExpiresSoon: code(
    'Info',
    'The exception ends within 14 days; from then on the policy answers this drift in full.',
    'Decide in time whether it is still needed.',
  ),
  ImageWithoutTag: code(
    'Info',
    'A pattern names an image without tag or digest and matches only pods that write none.',
    'Add :*, or a digest.',
  ),
  NoEffect: code('Info', 'A part of the policy changes nothing.', 'Remove it, or correct what was meant.'),
  NoNamespace: code(
    'Info',
    'A DriftPolicy without a namespace goes to the one that kubectl is set to; lint does not compare it with others.',
    'Write metadata.namespace.',
  ),
} as const;

/** The name of a kind of finding. */
export type FindingCode = keyof typeof LINT_CODES;
