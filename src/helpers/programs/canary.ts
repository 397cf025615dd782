// One of the two canaries: answers the other one and keeps calling it, by new connections and by one that it holds open. It
// says what it sees and never ends by itself, so that an end of one is not taken for a cut by the other.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { deadline, sleep, type Clock } from '../../kube/clock.ts';
import type { CanaryReport } from '../canary-report.ts';
import {
  BEAT_MS,
  needsNewHold,
  newLink,
  nextLink,
  type Link,
  type LinkEvent,
  type TryResult,
} from './link.ts';

/** What a canary is told. */
export interface CanaryOptions {
  clock: Clock;
  /** Told of each change. */
  say: (report: CanaryReport) => void;
  /** Both canaries of a pair know it, and no other: what else connects is not taken for the other one. */
  pair: string;
  /** Where to listen; default all addresses. */
  host?: string;
  port: number;
  /** Where the other one is. Without it, it is wherever the first one of the pair connects from. */
  peer?: string;
  /** Port of the other one; default the same. */
  peerPort?: number;
}

const TRY_MS = 1_000;
/** Tries that may be under way at a time; each is given up before there are more. */
const MAX_TRIES = 8;
/** Whoever connects has this long to say which pair it is of. */
const IDENTIFY_MS = 2_000;
const MAX_CONNECTIONS = 64;
/** More than this that was not sent yet, and nothing is added. */
const MAX_UNSENT = 1_024;
/** How long the other one has to see that this one ends in order. */
const FAREWELL_MS = 100;

/** Runs until the signal fires. Rejects when it cannot listen. */
export async function runCanary(options: CanaryOptions, signal: AbortSignal): Promise<void> {
  const canary = new Canary(options);
  await canary.listen();
  while (!signal.aborted) {
    canary.look();
    await sleep(options.clock, BEAT_MS, signal);
  }
  await canary.end();
}

class Canary {
  readonly #options: CanaryOptions;
  readonly #greeting: string;
  readonly #server: Server;
  /** All that are open, whoever opened them. */
  readonly #sockets = new Set<Socket>();
  #peer: string | undefined;
  #link: Link;
  #tries = 0;
  #held: Socket | undefined;
  #isEnding = false;

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.#peer = options.peer;
    this.#greeting = `die-operator-canary ${options.pair}\n`;
    this.#link = newLink(options.clock.elapsed());
    this.#server = createServer((socket) => this.#answer(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  async listen(): Promise<void> {
    const { port, host, say } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, ...(host !== undefined && { host }) }, resolve);
    });
    say(this.#link.report);
  }

  look(): void {
    const { clock } = this.#options;
    this.#tell({ kind: 'Look' });
    if (this.#peer === undefined) return;
    if (this.#tries < MAX_TRIES) void this.#try(this.#peer, clock.elapsed());
    if (this.#held !== undefined && needsNewHold(this.#link, clock.elapsed())) this.#held.destroy();
    else if (this.#held === undefined) this.#hold(this.#peer);
    else if (this.#held.writableLength < MAX_UNSENT) this.#held.write('.');
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    this.#server.close();
    for (const socket of this.#sockets) socket.end();
    await sleep(this.#options.clock, FAREWELL_MS);
    for (const socket of this.#sockets) socket.destroy();
  }

  #tell(event: LinkEvent): void {
    const before = this.#link.report;
    this.#link = nextLink(this.#link, event, this.#options.clock.elapsed());
    if (this.#link.report !== before) this.#options.say(this.#link.report);
  }

  /** Greets whoever comes, and sends back what the other canary sends. */
  #answer(socket: Socket): void {
    this.#keep(socket);
    socket.write(this.#greeting);
    void this.#greeted(socket, IDENTIFY_MS).then((isOurs) => {
      if (!isOurs) {
        socket.destroy();
        return;
      }
      // As an IPv6 socket writes an IPv4 address.
      this.#peer ??= socket.remoteAddress?.replace(/^::ffff:/, '');
      socket.on('data', (data) => socket.writableLength < MAX_UNSENT && socket.write(data));
    });
  }

  async #try(host: string, startedAt: number): Promise<void> {
    this.#tries++;
    const socket = this.#dial(host);
    let result: TryResult = 'Failed';
    socket.once('connect', () => {
      result = 'Reached';
    });
    if (await this.#greeted(socket, TRY_MS)) {
      result = 'Greeted';
      socket.end(this.#greeting);
    } else {
      socket.destroy();
    }
    this.#tries--;
    if (!this.#isEnding) this.#tell({ kind: 'Try', result, startedAt });
  }

  #hold(host: string): void {
    // One that got lost when it carried is not replaced: that it got lost is what is to be told.
    if (this.#link.report.state === 'Connected') return;
    const socket = this.#dial(host);
    this.#held = socket;
    socket.once('close', () => {
      this.#held = undefined;
    });
    void this.#greeted(socket, TRY_MS).then((ok) => {
      if (!ok) {
        socket.destroy();
        return;
      }
      socket.write(this.#greeting);
      socket.on('data', () => this.#tell({ kind: 'Beat' }));
      socket.once('end', () => this.#isEnding || this.#tell({ kind: 'Ended' }));
    });
  }

  #dial(host: string): Socket {
    const { port, peerPort = port } = this.#options;
    const socket = connect({ host, port: peerPort });
    this.#keep(socket);
    return socket;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay();
    // A reset, a refusal, a network that is not reachable: `close` follows.
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** Whether the other side sends the greeting of the pair, first of all and in time. */
  async #greeted(socket: Socket, withinMs: number): Promise<boolean> {
    const { signal, done } = deadline(this.#options.clock, withinMs);
    let text = '';
    const isGreeting = await new Promise<boolean>((resolve) => {
      const finish = (result: boolean) => {
        socket.removeListener('data', onData).removeListener('close', onClose);
        resolve(result);
      };
      const onClose = () => finish(false);
      const onData = (data: Buffer) => {
        text += data.subarray(0, this.#greeting.length).toString('latin1');
        if (text.startsWith(this.#greeting)) finish(true);
        else if (!this.#greeting.startsWith(text)) finish(false);
      };
      socket.on('data', onData).once('close', onClose);
      signal.addEventListener('abort', onClose, { once: true });
    });
    done();
    return isGreeting;
  }
}
