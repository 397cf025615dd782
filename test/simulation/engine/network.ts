// The network between one replica and the API server: how long things take, and what goes wrong on the way.
import type { HttpRequest, HttpResponse, Transport } from '../../../src/kube/transport.ts';
import { connectionRefused, connectionReset } from '../../support/faults.ts';
import { bodyOf, refusal } from './answers.ts';
import type { SimClock } from './clock.ts';
import { drawsFor } from './draws.ts';
import type { AnswerFault, Fault, History } from './history.ts';
import { never, type Process } from './process.ts';
import type { ServerLog } from './server-log.ts';
import { WatchGate } from './watch-gate.ts';

/** What the network tells the replica to do to its process. */
export interface Hooks {
  /** The process dies; another one starts on its disk after that time. */
  crash(awayMs: number): void;
}

type Of<K extends Fault['kind']> = Fault & { kind: K };

/** Requests under way arrive after this time at the latest, unless they are late by a fault. */
const LONGEST_TRIP_MS = 400;
/** A late request arrives when its sender has given up: the client waits for 10 s. */
const LATE_MS = 15_000;
/** What each trip takes with seed 0. */
const EVEN_TRIP_MS = 2;

/** See the file's first line. Counts go on over the lives of the replica. */
export class Network {
  readonly #replica: string;
  readonly #clock: SimClock;
  readonly #log: ServerLog;
  readonly #history: History;
  readonly #faults: readonly Fault[];
  readonly #counts = new Map<string, number>();
  /** What the second API server shows while it stands still, by fault. */
  readonly #frozen = new Map<Fault, Promise<string>>();
  #writes = 0;
  #reads = 0;

  constructor(replica: string, world: { clock: SimClock; log: ServerLog; history: History }) {
    this.#replica = replica;
    this.#clock = world.clock;
    this.#log = world.log;
    this.#history = world.history;
    this.#faults = world.history.faults.filter((fault) => fault.replica === replica);
    for (const fault of this.#faults) {
      if (fault.kind !== 'Lag') continue;
      const { promise, resolve } = Promise.withResolvers<string>();
      this.#frozen.set(fault, promise);
      this.#clock.after(fault.at, () => void this.#revision().then(resolve));
    }
  }

  /** Writes that the replica has sent, Events apart. */
  get writes(): number {
    return this.#writes;
  }

  /** Reads that the replica has sent, watches apart. */
  get reads(): number {
    return this.#reads;
  }

  /** The transport of one process of the replica. */
  transportFor(process: Process, hooks: Hooks): Transport {
    return async (request) => {
      this.#clock.stir();
      await process.turn();
      if (request.streaming) return this.#watch(process, request);
      const fate = this.#fateOf(request);
      if (fate.stop) process.stop(fate.stop.forMs);
      if (fate.crash?.moment === 'before') return this.#die(process, hooks, fate.crash);
      await process.turn();
      return this.#exchange(process, request, fate, hooks);
    };
  }

  async #exchange(process: Process, request: HttpRequest, fate: Fate, hooks: Hooks): Promise<HttpResponse> {
    request.beforeSend?.();
    await this.#cutOff(process);
    const sentAt = this.#clock.elapsed();
    await this.#clock.sleep(this.#tripMs(request, 'out') + (fate.answer === 'Late' ? LATE_MS : 0));
    const refused = refusal(fate.answer);
    if (refused) {
      this.#log.refused.push({ at: this.#clock.elapsed(), path: request.path });
      return this.#deliver(process, request, refused);
    }
    const forServer = await this.#asOfSecondServer(request);
    const { answer, entry } = await this.#log.serve(
      { ...forServer, signal: new AbortController().signal },
      { replica: this.#replica, life: process.life, sentAt },
    );
    const bytes = Buffer.concat(await Array.fromAsync(answer.body));
    if (fate.crash) return this.#die(process, hooks, fate.crash);
    if (fate.answer === 'Lost') throw await this.#broken(process);
    const whole = { ...answer, body: bodyOf(bytes, fate.answer === 'Torn') };
    const delivered = await this.#deliver(process, request, whole);
    if (entry && fate.answer !== 'Torn') entry.receivedAt = this.#clock.elapsed();
    return delivered;
  }

  async #deliver(process: Process, request: HttpRequest, answer: HttpResponse): Promise<HttpResponse> {
    await this.#clock.sleep(this.#tripMs(request, 'back'));
    this.#clock.stir();
    await process.turn();
    if (this.#active('Partition')) throw connectionReset();
    return answer;
  }

  async #broken(process: Process): Promise<Error> {
    await this.#clock.sleep(EVEN_TRIP_MS);
    await process.turn();
    return connectionReset();
  }

  async #cutOff(process: Process): Promise<void> {
    const partition = this.#active('Partition');
    if (!partition) return;
    const silence = partition.how === 'Silent';
    const left = partition.at + partition.forMs - this.#clock.elapsed();
    await this.#clock.sleep(silence ? left : EVEN_TRIP_MS);
    await process.turn();
    throw silence ? connectionReset() : connectionRefused();
  }

  #die(process: Process, hooks: Hooks, { awayMs }: Of<'Crash'>): Promise<HttpResponse> {
    if (process.alive) {
      process.kill();
      hooks.crash(awayMs);
    }
    return never();
  }

  async #watch(process: Process, request: HttpRequest): Promise<HttpResponse> {
    await this.#cutOff(process);
    const signal = AbortSignal.any([request.signal, process.ended]);
    await this.#clock.sleep(this.#tripMs(request, 'out'));
    const sender = { replica: this.#replica, life: process.life, sentAt: this.#clock.elapsed() };
    const { answer } = await this.#log.serve({ ...request, signal }, sender);
    await this.#deliver(process, request, answer);
    const draws = drawsFor(this.#history.seed, this.#key(request, 'watch'));
    const gate = new WatchGate({
      clock: this.#clock,
      process,
      faults: this.#faults,
      of: pluralOf(request.path),
      delayMs: () => (this.#history.seed === 0 ? EVEN_TRIP_MS : Math.floor(draws() ** 3 * 100)),
      signal,
    });
    return { ...answer, body: gate.through(answer.body) };
  }

  /** A collection as the second API server lists it: as of the moment at which it stood still. */
  async #asOfSecondServer(request: HttpRequest): Promise<HttpRequest> {
    const lag = this.#active('Lag');
    const isList = /\/(pods|driftpolicies|driftincidents)(\?|$)/.test(request.path);
    if (!lag || request.method !== 'GET' || !isList) return request;
    const rv = Number(await this.#frozen.get(lag));
    const token = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start: '' })).toString('base64url');
    const separator = request.path.includes('?') ? '&' : '?';
    return { ...request, path: `${request.path}${separator}continue=${token}` };
  }

  async #revision(): Promise<string> {
    const { answer } = await this.#log.serve(
      {
        method: 'GET',
        path: '/api/v1/nodes?limit=1',
        headers: {},
        streaming: false,
        signal: new AbortController().signal,
      },
      { replica: 'network', life: 0, sentAt: this.#clock.elapsed() },
    );
    const text = Buffer.concat(await Array.fromAsync(answer.body)).toString();
    return (JSON.parse(text) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
  }

  #fateOf(request: HttpRequest): Fate {
    if (/\/(events|leases|selfsubjectaccessreviews)/.test(request.path))
      return { answer: this.#outage(request) };
    const isRead = request.method === 'GET';
    const number = isRead ? ++this.#reads : ++this.#writes;
    const struck = this.#faults.find(
      (fault) =>
        (isRead ? fault.kind === 'Read' && fault.read : fault.kind === 'Write' && fault.write) === number,
    ) as Of<'Read'> | Of<'Write'> | undefined;
    const answer = struck?.how ?? this.#outage(request);
    if (isRead) return { answer };
    const at = <K extends 'Crash' | 'Stop'>(kind: K) =>
      this.#faults.find(
        (fault): fault is Of<K> => fault.kind === kind && 'write' in fault && fault.write === number,
      );
    return { answer, crash: at('Crash'), stop: at('Stop') };
  }

  #outage({ path }: HttpRequest): AnswerFault | undefined {
    const now = this.#clock.elapsed();
    return this.#faults.find(
      (fault): fault is Of<'Outage'> =>
        fault.kind === 'Outage' &&
        isDuring(fault, now) &&
        (fault.of === 'all' || path.includes(`/${fault.of}`)),
    )?.how;
  }

  #active<K extends 'Partition' | 'Lag'>(kind: K): Of<K> | undefined {
    const now = this.#clock.elapsed();
    return this.#faults.find((fault): fault is Of<K> => fault.kind === kind && isDuring(fault as Of<K>, now));
  }

  #tripMs(request: HttpRequest, way: 'out' | 'back'): number {
    if (this.#history.seed === 0) return EVEN_TRIP_MS;
    const random = drawsFor(this.#history.seed, this.#key(request, way));
    // Mostly some milliseconds, and once in fifty times a long trip.
    return random() < 0.02 ? Math.floor(random() * LONGEST_TRIP_MS) : 1 + Math.floor(random() ** 3 * 40);
  }

  #key({ method, path }: HttpRequest, way: string): string {
    const name = `${this.#replica} ${way} ${method} ${path.split('?')[0]}`;
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return `${name} ${count}`;
  }
}

interface Fate {
  answer: AnswerFault | undefined;
  crash?: Of<'Crash'> | undefined;
  stop?: Of<'Stop'> | undefined;
}

/** Whether a fault that has a time is at work. */
export function isDuring({ at, forMs }: { at: number; forMs: number }, now: number): boolean {
  return at <= now && now < at + forMs;
}

function pluralOf(path: string): string {
  return path.split('?')[0]?.split('/').at(-1) ?? '';
}
