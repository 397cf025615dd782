// A wave: alerts about many pods at once, through receivers and responders that are killed again and again.
import { setTimeout as sleep } from 'node:timers/promises';
import { isFinal, type DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DEPLOYMENTS, DRIFT_INCIDENTS, PODS } from '../../src/kube/resources.ts';
import { postTo, type Fleet, type IntakeAnswer, type Member, type OperatorProcess } from './fleet.ts';
import { seededRandom } from './seeded-random.ts';
import { isReady, PINNED, type World } from './world.ts';

/** How large a wave is. */
export interface WaveSize {
  workloads: number;
  /** Pods of each workload that alerts are about; there is one more that none is about. */
  targets: number;
  kills: number;
}

/** A moment in a wave at which a process is killed: when so much of all alerts is answered and of all incidents over. */
export interface Kill {
  /** From 0 to 1. */
  progress: number;
  member: string;
}

/** One alert that was answered with 2xx. */
export interface Delivery {
  pod: KubeObject;
  outcome: string;
  /** Milliseconds since the epoch: first sent, and answered. */
  sentAt: number;
  answeredAt: number;
  /** Times that there was no answer, and that it was 503. */
  unanswered: number;
  refused: number;
}

/** What happens to a wave when it has come that far. */
export interface Disturbance {
  /** From 0 to 1. */
  progress: number;
  act: () => Promise<void>;
}

/** So many alerts come at once, and so often, in milliseconds: what is killed then has some in hand. */
const BURST = 20;
const BURST_EVERY_MS = 3_000;
/** Milliseconds before an alert without a good answer is sent again. */
const AGAIN_MS = 200;
const POLL_MS = 500;
/** A wave that does not get on for so long hangs: several takeovers in a row take less. */
const STILL_MS = 100_000;
/** Of the log of each process, where a wave stands still. */
const TOLD_LINES = 30;

/** Everything at once and nothing gentle: what a wave is about is not how limits slow it down. */
export const WAVE_POLICY = {
  limits: {
    perWorkload: { quarantined: 1_000, maxUnavailable: '100%' },
    perNamespace: { quarantined: 10_000 },
  },
};

/** The processes of a wave: two of each role. */
export function membersOf(world: World, lease: string): Member[] {
  const common = { namespaces: [world.namespace], lease };
  return (['receiver', 'responder'] as const).flatMap((role) =>
    [1, 2].map((n) => ({ name: `${world.namespace}-${role}-${n}`, role, ...common })),
  );
}

/** Which process is killed when, for a seed; in order. */
export function killPlan(seed: number, kills: number, members: readonly Member[]): Kill[] {
  const random = seededRandom(seed);
  const plan = Array.from({ length: kills }, () => ({
    progress: 0.02 + random() * 0.93,
    member: members[Math.floor(random() * members.length)]?.name ?? '',
  }));
  return plan.toSorted((a, b) => a.progress - b.progress);
}

/** Makes the workloads and waits until all pods are Ready; resolves to those that alerts will be about. */
export async function createTargets(world: World, { workloads, targets }: WaveSize): Promise<KubeObject[]> {
  const replicas = targets + 1;
  const names = Array.from({ length: workloads }, (_, n) => `web-${n + 1}`);
  await Promise.all(names.map((name) => createDeployment(world, name, replicas)));
  const pods = await world.until(`${workloads * replicas} Ready pods`, async () => {
    const ready = (await world.list(PODS)).filter(isReady);
    return ready.length === workloads * replicas ? ready : undefined;
  });
  const byWorkload = Map.groupBy(pods, ({ metadata }) => metadata.labels?.['app']);
  return [...byWorkload.values()].flatMap((group) => group.slice(0, targets));
}

async function createDeployment(world: World, name: string, replicas: number): Promise<void> {
  const { namespace } = world;
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: PINNED }] } };
  const spec = { replicas, selector: { matchLabels: labels }, template };
  const metadata = { name, namespace };
  await world.client.create(
    DEPLOYMENTS,
    { namespace },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec },
  );
}

/** See the file's first line. */
export class Wave {
  readonly #world: World;
  readonly #fleet: Fleet;
  readonly #members: readonly Member[];
  readonly #pods: readonly KubeObject[];
  /** The present life of each member. */
  readonly #lives = new Map<string, OperatorProcess>();
  /** Names of those that listen. */
  readonly #listening = new Set<string>();
  readonly deliveries: Delivery[] = [];
  /** Incidents that are over, with nothing of ours left. */
  #over = 0;

  constructor(world: World, fleet: Fleet, members: readonly Member[], pods: readonly KubeObject[]) {
    this.#world = world;
    this.#fleet = fleet;
    this.#members = members;
    this.#pods = pods;
  }

  /** How much is done, from 0 to 1: half of it is that alerts are answered, the rest that incidents are over. */
  get progress(): number {
    return (this.deliveries.length + this.#over) / (2 * this.#pods.length);
  }

  /** Starts all members; resolves when they listen. */
  async start(): Promise<void> {
    await Promise.all(this.#members.map((member) => this.#begin(member)));
    await Promise.all([...this.#lives.values()].map(({ addresses }) => addresses));
  }

  /** Sends every alert and goes on until all incidents are over; meanwhile does what disturbs it, one after the other. */
  async run(disturbances: readonly Disturbance[]): Promise<void> {
    const delivered = Promise.all(this.#pods.map((pod, n) => this.#deliver(pod, n)));
    const disturbed = this.#disturb(disturbances);
    await Promise.all([delivered, disturbed, this.#follow()]);
  }

  /** Kills that member in whatever it does, also in its start, and starts it again. */
  async kill(name: string): Promise<void> {
    const life = this.#lives.get(name);
    if (!life) throw new Error(`no process ${name}`);
    this.#listening.delete(name);
    await life.end('SIGKILL');
    await this.#begin(life.member);
  }

  /** Tells all to stop; resolves to their exit codes. */
  async stop(): Promise<unknown[]> {
    const lives = [...this.#lives.values()];
    await Promise.all(lives.map(({ addresses }) => addresses));
    return Promise.all(lives.map((life) => life.end('SIGTERM')));
  }

  async #begin(member: Member): Promise<void> {
    const { name } = member;
    const life = await this.#fleet.start(member);
    this.#lives.set(name, life);
    const listens = () => this.#lives.get(name) === life && this.#listening.add(name);
    // One that is killed before never does.
    void life.addresses.then(listens, () => {});
  }

  async #disturb(disturbances: readonly Disturbance[]): Promise<void> {
    for (const { progress, act } of disturbances) {
      await this.#world.until(`${progress} of the wave`, async () => this.progress >= progress || undefined);
      await act();
    }
  }

  /** Sends the nth alert when it is due, until it is answered with 2xx; then never again. */
  async #deliver(pod: KubeObject, n: number): Promise<void> {
    await sleep(Math.floor(n / BURST) * BURST_EVERY_MS);
    const receivers = this.#members.filter(({ role }) => role === 'receiver');
    const alert = this.#world.alert(pod);
    const sentAt = Date.now();
    const failures = { unanswered: 0, refused: 0 };
    for (let tries = n; ; tries++) {
      const { name = '' } = receivers[tries % receivers.length] ?? {};
      const answer = await this.#post(name, alert);
      if (answer && answer.status < 300) {
        const { outcome = '' } = answer;
        this.deliveries.push({ pod, outcome, sentAt, answeredAt: Date.now(), ...failures });
        return;
      }
      if (answer && answer.status !== 503) throw new Error(`an alert was answered ${answer.status}`);
      if (answer) failures.refused += 1;
      else failures.unanswered += 1;
      await sleep(AGAIN_MS);
    }
  }

  /** Undefined if there is no answer, or nobody who could give one. */
  async #post(name: string, alert: object): Promise<IntakeAnswer | undefined> {
    const life = this.#lives.get(name);
    return life && this.#listening.has(name) ? postTo(life, alert).catch(() => undefined) : undefined;
  }

  /** Looks until as many incidents are over as there are pods. */
  async #follow(): Promise<void> {
    const { namespace, client } = this.#world;
    let moved = { progress: 0, at: performance.now() };
    while (this.#over < this.#pods.length) {
      await sleep(POLL_MS);
      const found = await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace }).catch(() => undefined);
      if (found) this.#over = found.items.filter(isOver).length;
      if (this.progress !== moved.progress) moved = { progress: this.progress, at: performance.now() };
      if (performance.now() - moved.at > STILL_MS)
        throw new Error(`the wave does not get on: ${unfinished(found?.items ?? [])}\n${this.#said()}`);
    }
  }

  /** The last that each process said. */
  #said(): string {
    const tails = [...this.#lives].map(([name, { log }]) => [name, ...log.slice(-TOLD_LINES)].join('\n  '));
    return tails.join('\n');
  }
}

/** Final, and nothing of ours is left. */
export function isOver(incident: DriftIncident): boolean {
  return isFinal(incident) && (incident.metadata.finalizers ?? []).length === 0;
}

function unfinished(incidents: readonly DriftIncident[]): string {
  const rest = incidents.filter((incident) => !isOver(incident));
  const reasons = rest.map(({ metadata, status }) => {
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    const steps = JSON.stringify(status?.steps ?? []);
    return `${metadata.name} ${status?.phase} ${ready?.reason}: ${ready?.message}; steps ${steps}`;
  });
  const now = new Date().toISOString();
  return `at ${now} ${incidents.length - rest.length} incidents are; ${reasons.slice(0, 10).join('\n')}`;
}
