// A process in virtual time that can be stopped (SIGSTOP), put to sleep with its machine, killed, or given another time
// of day. Its timers and the answers to its requests wait until it runs.
import { sleep, type Cancel, type Clock, type Random } from '../../src/kube/clock.ts';
import type { HttpRequest, HttpResponse, Transport } from '../../src/kube/transport.ts';
import { connectionReset } from './faults.ts';

/** What becomes of one request. */
export interface Fate {
  /** Milliseconds until the server has it. */
  beforeMs: number;
  /** Milliseconds from the server's answer to its arrival. */
  afterMs: number;
  /** What never arrives. */
  lost?: 'Request' | 'Answer';
  /** What the server answers instead of carrying it out. */
  refusal?: HttpResponse;
}

/** A stopped process can be continued, a sleeping machine wakes up; its monotonic clock stood still meanwhile. */
type State = 'Running' | 'Stopped' | 'Asleep' | 'Dead';

/** See the file's first line. */
export class VirtualProcess implements Clock {
  readonly #world: Clock;
  readonly #random: Random;
  readonly #rate: number;
  #state: State = 'Running';
  #waiting: (() => void)[] = [];
  #jumpedMs = 0;
  /** Of the world's time, what the machine slept through; and since when it sleeps. */
  #sleptMs = 0;
  #asleepSince = 0;

  /** @param rate how fast its monotonic clock runs. */
  constructor(world: Clock, random: Random, rate = 1) {
    this.#world = world;
    this.#random = random;
    this.#rate = rate;
  }

  get state(): State {
    return this.#state;
  }

  now(): number {
    return this.#world.now() + this.#jumpedMs;
  }

  elapsed(): number {
    const asleep = this.#state === 'Asleep' ? this.#world.elapsed() - this.#asleepSince : 0;
    return (this.#world.elapsed() - this.#sleptMs - asleep) * this.#rate;
  }

  after(ms: number, fn: () => void): Cancel {
    const due = this.elapsed() + Math.max(0, ms);
    let cancel: Cancel = () => {};
    let cancelled = false;
    const arm = () => {
      cancel = this.#world.after((due - this.elapsed()) / this.#rate, () => this.#whenRunning(look));
    };
    const look = () => {
      if (cancelled) return;
      // A machine that slept owes its timers the time that it slept.
      if (due - this.elapsed() > 0.001) arm();
      else fn();
    };
    arm();
    return () => {
      cancelled = true;
      cancel();
    };
  }

  /** Sets the time of day. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }

  stop(): void {
    if (this.#state === 'Running') this.#state = 'Stopped';
  }

  suspend(): void {
    if (this.#state !== 'Running') return;
    this.#asleepSince = this.#world.elapsed();
    this.#state = 'Asleep';
  }

  /** Goes on; what came meanwhile comes now, in any order. */
  resume(): void {
    if (this.#state === 'Dead' || this.#state === 'Running') return;
    if (this.#state === 'Asleep') this.#sleptMs += this.#world.elapsed() - this.#asleepSince;
    this.#state = 'Running';
    const waiting = this.#waiting.map((fn) => ({ fn, order: this.#random() }));
    this.#waiting = [];
    // Each in a turn of its own, as an event loop does: what follows from one may come before the next.
    for (const { fn } of waiting.toSorted((a, b) => a.order - b.order))
      setImmediate(() => this.#whenRunning(fn));
  }

  kill(): void {
    this.#state = 'Dead';
    this.#waiting = [];
  }

  /** The wire of this process. What was sent arrives, whatever becomes of the process. */
  wire(server: Transport, fateOf: (request: HttpRequest) => Fate): Transport {
    return (request) => {
      const fate = fateOf(request);
      const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
      request.signal.addEventListener('abort', () => reject(connectionReset()), { once: true });
      void this.#carry(server, request, fate).then((answer) => {
        if (answer) this.#whenRunning(() => resolve(answer));
      });
      return promise;
    };
  }

  async #carry(server: Transport, request: HttpRequest, fate: Fate): Promise<HttpResponse | undefined> {
    const { beforeMs, afterMs, lost, refusal } = fate;
    await sleep(this.#world, beforeMs);
    if (lost === 'Request') return undefined;
    const answer = refusal ?? (await server({ ...request, signal: new AbortController().signal }));
    await sleep(this.#world, afterMs);
    return lost === 'Answer' ? undefined : answer;
  }

  #whenRunning(fn: () => void): void {
    if (this.#state === 'Running') fn();
    else if (this.#state !== 'Dead') this.#waiting.push(fn);
  }
}
