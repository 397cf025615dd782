// What `die-operator explain` says of a pod, as data: the JSON output has these keys, the text is rendered from them.
import type { Cap, Action, Mode, PolicyKind } from '../api/policy.ts';
import type { IsolationForm, StepName } from '../api/incident.ts';
import type { Severity } from '../api/severity.ts';
import type { BreakGlassMiss, ExceptionMiss } from '../decide/exceptions.ts';
import type { RungMiss } from '../decide/match.ts';
import type { Problem } from '../decide/problem.ts';

/** Everything that is said. Keys are only ever added; what does not apply is null or empty, never left out. */
export interface Explanation {
  /** When it was said, RFC 3339: exceptions and break-glass end. */
  at: string;
  origin: Origin;
  pod: ExplainedPod;
  namespace: ExplainedNamespace;
  breakGlass: ExplainedBreakGlass;
  /** Of the namespace, then of the cluster, each by name. */
  policies: ExplainedPolicy[];
  /** Of the policies that match. */
  exceptions: ExplainedException[];
  /** The incident that is open for the pod. */
  incident: { name: string; phase: string; severity: Severity } | null;
  /** What one alert meets, where one was given; else null. */
  alert: ExplainedAlert | null;
  /** What alerts meet, where none was given; else null. */
  ladder: LadderRow[] | null;
  /** Merged over the policies that answer; without any, empty. */
  settings: ExplainedSetting[];
  /** What would be done to the pod; null where no policy answers. */
  response: ExplainedResponse | null;
  /** What could stop or lessen it, always the same checks in the same order. */
  checks: Check[];
}

/** Where objects came from. */
export type Origin = 'Cluster' | 'Files';

/** The pod. */
export interface ExplainedPod {
  namespace: string;
  name: string;
  /** Null for a bare pod. */
  owner: { apiVersion: string; kind: string; name: string } | null;
  phase: string;
  ready: boolean;
  node: string | null;
  containers: { name: string; image: string; imageID: string | null }[];
  /** Why the pod is never touched; null: it is not protected. */
  protected: { reason: string; message: string } | null;
}

/** What policies of the namespace may do. */
export interface ExplainedNamespace {
  enforce: boolean;
  exceptions: boolean;
  /** Longest time of a break-glass annotation in seconds; null: none is honoured. */
  breakGlassSeconds: number | null;
  /** ClusterDriftPolicies whose grants count; empty: none says anything. */
  grantedBy: string[];
}

/** The break-glass annotation. */
export interface ExplainedBreakGlass {
  state: 'Honoured' | BreakGlassMiss;
  /** As the annotation says; null: there is none. */
  until: string | null;
  message: string;
}

/** Names one policy. */
export interface PolicyName {
  kind: PolicyKind;
  name: string;
}

/** Whether a policy is about the pod. */
export type PolicyState =
  | 'Matches'
  /** It is about the pod, but has no rungs: it only grants. */
  | 'GrantsOnly'
  | 'NotAccepted'
  | 'NotPermitted'
  | 'OtherNamespace'
  | 'OtherPod';

/** One policy. */
export interface ExplainedPolicy extends PolicyName {
  /** Null where the policy is not accepted. */
  mode: Mode | null;
  state: PolicyState;
  /** Why not, each with the path of the field; empty where it matches. */
  reasons: Problem[];
}

/** One exception of a policy that matches. */
export interface ExplainedException {
  policy: PolicyName;
  name: string;
  image: string;
  reason: string;
  maxAction: Cap;
  expires: string;
  /** MayApply: it depends on the container or on what the alert tells. */
  state: 'Applies' | 'MayApply' | ExceptionMiss;
  message: string;
}

/** What one alert meets. */
export interface ExplainedAlert {
  rule: string;
  severity: Severity;
  source: string;
  tags: string[];
  /** Container that it is about; null: not known. */
  container: string | null;
  /** Whether the alert itself says that it is about this pod; null where that cannot be told. */
  identified: { ok: boolean; message: string } | null;
  policies: ExplainedAnswer[];
  done: Action[];
  recorded: Action[];
  /** Done besides once the drift is confirmed on the node; empty: nothing. */
  ifConfirmed: Action[];
  conditionErrors: number;
}

/** What one policy answers to an alert. */
export interface ExplainedAnswer extends PolicyName {
  mode: Mode;
  rungs: { name: string; met: boolean; miss: RungMiss | null; message: string }[];
  actions: Action[];
  cap: { by: 'Exception' | 'BreakGlass'; name: string | null; maxAction: Cap; until: string } | null;
  /** False where the policy answers, but more policies do than a record holds. */
  kept: boolean;
}

/** What alerts of one severity and of some rules meet. */
export interface LadderRow {
  /** Pattern of a rung that their rule matches; null: whatever the rule is. */
  rule: string | null;
  severity: Severity;
  rungs: {
    policy: PolicyName;
    name: string;
    /** What the alert must tell besides, in words; empty: nothing. */
    needs: string[];
  }[];
  done: Action[];
  recorded: Action[];
  /** Done besides, if everything that the rungs need is told. */
  mayDo: Action[];
  /** Recorded besides, likewise. */
  mayRecord: Action[];
}

/** One merged setting. */
export interface ExplainedSetting {
  /** Path below `spec`. */
  field: string;
  /** Of a list its entries, with commas between them. */
  value: string | number | boolean;
  /** Policies that have that value, or give something to that list. */
  from: PolicyName[];
}

/** What would be done to the pod, step by step. */
export interface ExplainedResponse {
  /** To the alert, or to the worst one that policies answer. */
  to: 'Alert' | 'WorstAlert';
  /** Audit: nothing of it is done; the steps are what Enforce would do. */
  mode: Mode;
  done: Action[];
  recorded: Action[];
  /** Done besides once the drift is confirmed on the node, as the steps suppose. */
  ifConfirmed: Action[];
  steps: { step: StepName; form: IsolationForm | null; message: string }[];
  /** Where it ends before the pod is replaced; null: it does not. */
  held: { reason: string; message: string } | null;
}

/** What can stop or lessen a response. */
export const CHECKS = [
  'Protection',
  'Policies',
  'Mode',
  'Caps',
  'PauseSwitch',
  'OpenIncident',
  'HostNetwork',
  'Limits',
  'LastReadyCopy',
  'Availability',
  'Approval',
  'Owner',
] as const;

/** One check. */
export interface Check {
  check: (typeof CHECKS)[number];
  /** Met: it stops or lessens the response, as the message says. */
  state: 'Clear' | 'Met' | 'Unknown';
  /** Empty where it is clear. */
  message: string;
}
