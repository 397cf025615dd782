// The story of the demo: before, the alert, the response as it happens, after, the evidence, and what to try next.
import { findCondition, INCIDENT_CONDITIONS } from '../../api/conditions.ts';
import { isFinal, type DriftIncident, type StepStatus } from '../../api/incident.ts';
import { isQuarantined, type PodFacts } from '../../api/pod.ts';
import { imageDigest } from '../../decide/images.ts';
import type { Clock } from '../../kube/clock.ts';
import { recordedAlert, WORKLOAD, type Seen } from './scene.ts';
import { showEvidence } from './evidence.ts';
import type { View } from './view.ts';

/** What the story is told with. */
export interface Telling {
  view: View;
  clock: Clock;
  seen: Seen;
  evidenceDir: string;
  post: (body: string) => Promise<{ status: number; outcome: string }>;
}

const COPIES = 3;
const LIVE_MS = 100;

/** @returns whether the incident was resolved. */
export async function tell(telling: Telling): Promise<boolean> {
  const { view, seen } = telling;
  view.line(
    view.tone('title', 'die-operator demo: one drift response on a Kubernetes API inside this process'),
  );
  await changeOf(
    seen,
    () => readyPods(seen).length === COPIES && endpoints(seen).size === COPIES && seen.policies.size > 0,
  );
  const [victim] = readyPods(seen);
  if (!victim) return false;
  view.title('Before');
  showPods(telling, victim);
  view.line(
    `  NetworkPolicy ${view.tone('name', 'die-operator-quarantine')} is there already; it selects no pod yet.`,
  );
  const incident = await respond(telling, victim);
  const resolved = incident.status?.phase === 'Resolved';
  if (resolved)
    await changeOf(seen, () => readyPods(seen).length === COPIES && endpoints(seen).size === COPIES);
  view.title('After');
  showPods(telling, victim);
  showEnd(telling, incident, resolved);
  await showEvidence(view, incident);
  showNext(view, incident);
  return resolved;
}

async function respond(telling: Telling, victim: PodFacts): Promise<DriftIncident> {
  const { view, clock, post } = telling;
  view.title('Alert');
  view.line('  POST /v1/falco, as a real Falcosidekick sent it; only container, pod and node are replaced.');
  view.line(
    `  Critical "Drop and execute new binary in container": ${view.tone('bad', '/tmp/x')} ran in ${view.tone('name', victim.name)}.`,
  );
  const start = clock.now();
  const { status, outcome } = await post(recordedAlert(victim));
  view.title('Response');
  const say = (text: string) => view.line(`  ${view.tone('quiet', since(clock, start))}  ${text}`);
  say(
    `alert answered with ${status} ${outcome}: the DriftIncident is in the API server, from here nothing is lost`,
  );
  return narrate(telling, victim, say, start);
}

// Tells each step once it is recorded, and what the cluster does of its own accord meanwhile.
async function narrate(
  { view, clock, seen }: Telling,
  victim: PodFacts,
  say: (text: string) => void,
  start: number,
): Promise<DriftIncident> {
  const known = new Set(seen.pods.values().map((pod) => pod.uid));
  const told = new Set<string>();
  const tellOnce = (key: string, text: string) => {
    if (!told.has(key)) say(text);
    told.add(key);
  };
  const cancel = seen.pods.subscribe(({ type, value: pod }) => {
    if (type === 'delete') return tellOnce(`gone ${pod.uid}`, `${view.tone('name', pod.name)} is gone`);
    if (pod.uid === victim.uid && isQuarantined(pod)) {
      const name = view.tone('name', pod.name);
      tellOnce(
        'isolated',
        `${name} isolated in one patch: it leaves Service, ReplicaSet and budget, the deny policy selects it`,
      );
      tellOnce('labels', `  its labels now: ${labelsOf(pod)}`);
    }
    if (known.has(pod.uid)) return;
    tellOnce(`new ${pod.uid}`, `${view.tone('name', pod.name)} started by the ReplicaSet as a clean copy`);
    if (pod.ready) tellOnce(`ready ${pod.uid}`, `${view.tone('name', pod.name)} is Ready`);
  });
  const ticking = { on: true };
  const tick = () => {
    if (!ticking.on) return;
    view.live(`  ${since(clock, start)}  ${phaseOf(seen)} ...`);
    clock.after(LIVE_MS, tick);
  };
  tick();
  const watching = seen.incidents.subscribe(({ value }) => {
    for (const step of value.status?.steps ?? []) tellStep(view, step, tellOnce);
  });
  await changeOf(seen, () => seen.incidents.values().some((incident) => isFinal(incident)));
  ticking.on = false;
  cancel();
  watching();
  const [incident] = seen.incidents.values().filter(isFinal);
  if (!incident) throw new Error('the incident is gone');
  const { phase = '' } = incident.status ?? {};
  say(
    `${view.tone(phase === 'Resolved' ? 'good' : 'bad', phase)}: ${findCondition(incident.status?.conditions, 'Ready')?.message ?? ''}`,
  );
  return incident;
}

function tellStep(
  view: View,
  { name, state, reason, message }: StepStatus,
  tellOnce: (key: string, text: string) => void,
): void {
  if (reason === 'Quiet') tellOnce('quiet', `${view.tone('title', 'Verify waits')}: ${message}`);
  if (name === 'Isolate' || name === 'Verify' || state === 'Waiting') return;
  const verb = state === 'Running' ? `${name} begins` : `${name} ${state.toLowerCase()}`;
  tellOnce(`${name} ${state}`, `${view.tone(state === 'Failed' ? 'bad' : 'title', verb)}: ${message}`);
}

function showPods({ view, seen }: Telling, victim: PodFacts): void {
  const serving = endpoints(seen);
  const pods = seen.pods.values().toSorted((a, b) => a.name.localeCompare(b.name));
  view.table(
    ['POD', 'STATUS', 'IN SERVICE', 'LABELS', 'IMAGE ID'],
    pods.map((pod) => [
      pod.name + (pod.uid === victim.uid ? '  <- drift' : ''),
      pod.ready ? 'Ready' : pod.phase,
      serving.has(pod.name) ? 'yes' : 'no',
      labelsOf(pod),
      shortDigest(pod),
    ]),
  );
}

function showEnd({ view }: Telling, incident: DriftIncident, resolved: boolean): void {
  const { replacement, conditions } = incident.status ?? {};
  const verified = findCondition(conditions, INCIDENT_CONDITIONS.ReplacementVerified);
  if (replacement) {
    view.line(
      `  ${replacement.name} took the place of ${incident.spec.target.name}: ReplacementVerified=${verified?.status}/${verified?.reason}`,
    );
  }
  const isolated = findCondition(conditions, INCIDENT_CONDITIONS.Isolated);
  view.line(
    `  Isolated=${isolated?.status}/${isolated?.reason}: label and deny policy were in place; no network is here to prove more.`,
  );
  if (!resolved)
    view.line(view.tone('bad', '  The response did not end as it should; please report this output.'));
}

function showNext(view: View, incident: DriftIncident): void {
  view.title('Next');
  view.line(
    `  node bin/die-operator.js evidence verify ${incident.status?.evidence?.location ?? 'DIRECTORY'}`,
  );
  view.line('  examples/policy-audit.yaml    the same policy, which only records what it would do');
  view.line('  README.md#install             run it against a cluster of yours');
  view.line('  docs/responses.md             each step, each limit, and how to stop it');
}

function readyPods(seen: Seen): PodFacts[] {
  const ready = seen.pods.values().filter((pod) => pod.ready && pod.labels['app'] === WORKLOAD);
  return ready.toSorted((a, b) => a.name.localeCompare(b.name));
}

function phaseOf(seen: Seen): string {
  const [incident] = seen.incidents.values();
  return incident?.status?.phase ?? 'Opened';
}

interface Slice {
  endpoints?: { conditions?: { ready?: boolean }; targetRef?: { name?: string } }[];
}

function endpoints(seen: Seen): Set<string> {
  const all = seen.slices.values().flatMap((slice) => (slice as Slice).endpoints ?? []);
  return new Set(
    all.flatMap(({ conditions, targetRef }) => (conditions?.ready ? (targetRef?.name ?? []) : [])),
  );
}

function labelsOf(pod: PodFacts): string {
  return Object.entries(pod.labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function shortDigest(pod: PodFacts): string {
  const digest = imageDigest(pod.containers[0]?.imageID ?? '');
  return digest === undefined ? '-' : `${digest.slice(0, 19)}...`;
}

function since(clock: Clock, start: number): string {
  return `+${((clock.now() - start) / 1000).toFixed(3)} s`;
}

/** Resolves once `holds`; asked after each change that is seen. */
function changeOf(seen: Seen, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (!holds()) return;
      cancels.forEach((cancel) => cancel());
      resolve();
    };
    const cancels = [
      seen.pods.subscribe(check),
      seen.incidents.subscribe(check),
      seen.policies.subscribe(check),
      seen.slices.subscribe(check),
    ];
    check();
  });
}
