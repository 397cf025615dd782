// The promises of the operator that a simulation can judge, each with its number in the design.

export const PROMISES = {
  OnlyTargets: '1: only pods that an alert is about are written, each by UID, none that is protected',
  OneIncident: '2: an accepted alert ends in one incident or a named outcome; one open incident a pod',
  OnceOnly: '3: a pod is evicted once',
  EvidenceFirst: '3: evidence is complete before the eviction',
  EvidenceKept: '3: no eviction while required evidence is missing, and none with evidence that is lost',
  Confirmed: '3: what asks for a confirmation is done only once the node gave it',
  PastBudget:
    '3: a pod is deleted past its disruption budget only where the policies say so, once it was against it for so long',
  GraceOnce: '3: a pod that is being deleted is left to its end',
  Contained: '7: an incident says that the containers of its pod ended only if they did',
  WithinLimits: '3: no more pods are taken out than the limits allow',
  Entered: '3: what takes a pod away is entered in the ledger before it is sent',
  SpentWithin:
    '3: no more is evicted than cooldown, windows and recurrences allow, and nothing while the circuit breaker is open',
  LastCopy: '3: the last Ready copy is not taken away',
  Approved: '3: what needs a person is done with an approval of the plan as it is; nothing denied or held is',
  Spared:
    '3: no budget and no share of a workload is broken by what is taken out, and none beyond what a quota lets come after it',
  Stopped: '3: nothing destructive while paused, after Release, deletion or Audit',
  Leads: '3: of several responders only the one that holds the Lease acts',
  Asked: '3: no action that no policy in Enforce asked for',
  IsolationFirst: '4: isolation does not wait for evidence',
  DenyPolicy:
    '4: a pod is quarantined where the deny policy stands, which stays while it is needed, and then goes',
  Proven: '5: a node is said to enforce, or not to, only if both canaries showed it; no helper pod is left',
  Released: '6: labels are as before, nothing of ours is left',
  Finalizer: '6: the finalizer is there before the pod is changed, and as long as it is',
  Ends: '7: every incident ends, or waits for something that it names; then nothing runs',
  TrueRecord:
    '7: an incident that says Resolved was replaced, by a pod that is its own, is Ready, runs what it should and was quiet',
  CountsOnce: '8: a detection counts once',
  Listed:
    '9: where that is protected, pods are listed before they are quarantined and as long as they are, no others',
  Firewall:
    '10: a firewall only where it is permitted, after the quarantine, written ahead; none after a release',
  Restarted:
    '11: a pod is made anew once, after it is gone, from the manifest that was kept, pinned, and over no other pod',
  Told: '13: what people are told is true, told until it is taken, once, by who leads, and holds up nothing',
  Noticed:
    '14: when alerts came is noted and not put back; test events are asked for once an interval; a silent route is told of, a working one never',
} as const;

/** Name of a promise. */
export type Promised = keyof typeof PROMISES;

/** All names. */
export const PROMISED = Object.keys(PROMISES) as Promised[];
