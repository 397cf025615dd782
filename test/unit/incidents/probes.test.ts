// Which incidents have their pod probed, by whom, how many at a time, and what becomes of the result.
import { afterEach, describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { QUARANTINE_LABEL } from '../../../src/api/names.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { KeyedQueue } from '../../../src/controller/queue.ts';
import { Probes, type ProbesOptions } from '../../../src/incidents/probes.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { anIncident, aPod } from '../../support/builders.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;
/** How long a helper takes. */
const TOOK_MS = 12_000;
const CLOSED = '{"result":"Closed"}';
const OPEN = '{"result":"Open","ways":["to the API server"]}';

type Listener = (event: { type: 'set' | 'delete'; value: DriftIncident }) => void;
type Made = Record<string, unknown> & { metadata: { name: string; uid: string } };

class Scene {
  readonly clock = new VirtualClock();
  readonly stop = new AbortController();
  readonly changed: string[] = [];
  readonly incidents = new Map<string, DriftIncident>();
  readonly pods = new Map<string, PodFacts>();
  /** When each helper was started, by pod. */
  readonly started: [name: string, atMs: number][] = [];
  most = 0;
  says = CLOSED;
  mayRead = true;
  profiles = 'canary, netns';
  readonly #helpers = new Map<string, Made & { endsAt: number }>();
  readonly #listeners = new Set<Listener>();
  readonly #began = this.clock.now();
  readonly probes: Probes;

  constructor() {
    const options = {
      client: { get: this.#get, create: this.#create, delete: this.#delete },
      clock: this.clock,
      log: silentLogger,
      reviews: { mayDo: async () => this.mayRead },
      enforcementOf: () => ({ verdict: 'Enforced', at: 0, tookMs: 200, establishedCut: true }),
      onChange: (key: string) => void this.changed.push(key),
      caches: {
        pods: { get: (_namespace: string, name: string) => this.pods.get(name) },
        incidents: {
          get: (_namespace: string, name: string) => this.incidents.get(name),
          values: () => [...this.incidents.values()],
          subscribe: (listener: Listener) => {
            this.#listeners.add(listener);
            return () => this.#listeners.delete(listener);
          },
        },
      },
    };
    this.probes = new Probes(options as unknown as ProbesOptions);
  }

  readonly #get = async (_resource: unknown, { name }: { name: string }): Promise<unknown> => {
    if (name === 'die-operator-helpers') return { data: { image: IMAGE, profiles: this.profiles } };
    const helper = this.#helpers.get(name);
    if (helper) return { ...helper, status: statusOf(helper.endsAt <= this.clock.now(), this.says) };
    const pod = this.pods.get(name);
    if (!pod) throw new KubeError('not found', { status: 404, reason: 'NotFound' });
    const metadata = { name, namespace: 'shop', uid: pod.uid, labels: pod.labels };
    const status = { phase: 'Running', podIP: pod.ip };
    return { metadata, spec: { nodeName: pod.nodeName, containers: [{ name: 'web' }] }, status };
  };

  readonly #create = async (_resource: unknown, _at: unknown, body: Made): Promise<unknown> => {
    const { name } = body.metadata;
    this.started.push([name.replace('probe-', ''), this.clock.now() - this.#began]);
    const made = { ...body, metadata: { ...body.metadata, uid: name }, endsAt: this.clock.now() + TOOK_MS };
    this.#helpers.set(name, made);
    this.most = Math.max(this.most, this.#helpers.size);
    return { ...made, status: statusOf(false, '') };
  };

  readonly #delete = async (_resource: unknown, { name }: { name: string }) => {
    this.#helpers.delete(name);
  };

  /** An incident of a pod of that name, as the watch tells of it. */
  quarantined(name: string, { node = 'node-1', reason = 'Enforced', ip = '10.0.0.7' } = {}): DriftIncident {
    const base = anIncident();
    const at = new Date(this.clock.now()).toISOString();
    const status = reason === 'Partial' ? 'False' : 'True';
    const condition = { type: 'Isolated', status, reason, message: '', lastTransitionTime: at } as const;
    const isolation = this.incidents.get(name)?.status?.isolation ?? { form: 'Orphan', at };
    const incident: DriftIncident = {
      ...base,
      metadata: { ...base.metadata, name, namespace: 'shop', uid: `incident-${name}` },
      spec: { ...base.spec, target: { ...base.spec.target, namespace: 'shop', name, uid: name } },
      status: { ...base.status, isolation, conditions: [condition] },
    };
    const own = { namespace: 'shop', name, uid: name, nodeName: node, ip, phase: 'Running' } as const;
    this.pods.set(name, { ...aPod(), ...own, labels: { [QUARANTINE_LABEL]: 'true' } });
    this.incidents.set(name, incident);
    for (const tell of this.#listeners) tell({ type: 'set', value: incident });
    return incident;
  }

  gone(incident: DriftIncident): void {
    this.incidents.delete(incident.metadata.name);
    for (const tell of this.#listeners) tell({ type: 'delete', value: incident });
  }

  run(): void {
    const queue = new KeyedQueue({
      clock: this.clock,
      random: seededRandom(1),
      workers: 3,
      worker: (key, stopping) => this.probes.reconcile(key, stopping),
    });
    void queue.run(this.stop.signal);
    this.probes.watch(queue);
  }

  verdict(name: string): string | undefined {
    const pod = this.pods.get(name);
    return pod && this.probes.probeOf(pod)?.verdict;
  }
}

function statusOf(hasEnded: boolean, message: string): object {
  const state = hasEnded ? { terminated: { exitCode: 0, reason: '', message } } : { running: {} };
  return { phase: 'Running', containerStatuses: [{ state }] };
}

let scene = new Scene();
afterEach(() => {
  scene.stop.abort();
  scene = new Scene();
});

describe('a pod in quarantine is probed', () => {
  test('ten seconds after it was isolated, and whoever asks is told', async () => {
    scene.run();
    scene.quarantined('web');
    await scene.clock.advance(9_900);
    expect(scene.started).toEqual([]);
    await scene.clock.advance(20_000);
    expect(scene.started).toEqual([['web', 10_000]]);
    expect(scene.verdict('web')).toBe('Closed');
    expect(scene.changed).toEqual(['shop/web']);
  });

  test('that was there before the term began', async () => {
    scene.quarantined('web');
    scene.run();
    await scene.clock.advance(30_000);
    expect(scene.verdict('web')).toBe('Closed');
  });

  test('again before the result counts no more, by nothing but time', async () => {
    scene.run();
    scene.quarantined('web');
    await scene.clock.advance(3_600_000);
    expect(scene.started.map(([, at]) => at)).toEqual([10_000, 1_810_000]);
  });

  test('one at a time on a node, and three in all', async () => {
    scene.run();
    for (const n of [1, 2, 3]) scene.quarantined(`same-${n}`, { node: 'node-1' });
    await scene.clock.advance(120_000);
    expect(scene.most).toBe(1);
    expect(scene.started).toHaveLength(3);
    for (const n of [2, 3, 4, 5, 6]) scene.quarantined(`other-${n}`, { node: `node-${n}` });
    await scene.clock.advance(120_000);
    expect(scene.most).toBe(3);
    expect(scene.started).toHaveLength(8);
  });

  test('again soon while it is open', async () => {
    scene.says = OPEN;
    scene.run();
    scene.quarantined('web');
    await scene.clock.advance(30_000);
    const [pod] = scene.pods.values();
    expect(pod && scene.probes.probeOf(pod)).toMatchObject({ verdict: 'Open', ways: 'to the API server' });
    scene.says = CLOSED;
    await scene.clock.advance(330_000);
    expect(scene.verdict('web')).toBe('Closed');
  });
});

describe('a result counts no more', () => {
  test('once a policy let something through', async () => {
    scene.run();
    scene.quarantined('web');
    await scene.clock.advance(30_000);
    scene.quarantined('web', { reason: 'Partial' });
    expect(scene.verdict('web')).toBeUndefined();
    await scene.clock.advance(3_600_000);
    expect(scene.started).toHaveLength(1);
  });

  test('for a pod whose network was made anew', async () => {
    scene.run();
    scene.quarantined('web');
    await scene.clock.advance(30_000);
    scene.quarantined('web', { ip: '10.0.0.8' });
    expect(scene.verdict('web')).toBeUndefined();
    await scene.clock.advance(30_000);
    expect(scene.verdict('web')).toBe('Closed');
  });

  test('with the end of the incident', async () => {
    scene.run();
    const incident = scene.quarantined('web');
    await scene.clock.advance(30_000);
    scene.gone(incident);
    expect(scene.verdict('web')).toBeUndefined();
  });

  test('that came while a policy opened something', async () => {
    scene.says = OPEN;
    scene.run();
    scene.quarantined('web');
    await scene.clock.advance(15_000);
    scene.quarantined('web', { reason: 'Partial' });
    await scene.clock.advance(30_000);
    expect(scene.started).toHaveLength(1);
    expect(scene.verdict('web')).toBeUndefined();
  });
});

describe('nobody is probed', () => {
  test.each<[string, Partial<Pick<Scene, 'mayRead' | 'profiles'>>]>([
    ['where the helpers are not installed', { mayRead: false }],
    ['where the profile is not allowed', { profiles: 'canary' }],
  ])('%s, until that changes', async (_where, change) => {
    Object.assign(scene, change);
    scene.run();
    scene.quarantined('web');
    await scene.clock.advance(60_000);
    expect(scene.started).toEqual([]);
    Object.assign(scene, { mayRead: true, profiles: 'canary, netns' });
    await scene.clock.advance(600_000);
    expect(scene.verdict('web')).toBe('Closed');
  });
});
