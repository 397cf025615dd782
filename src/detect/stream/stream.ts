// The way in for Falcosidekick's NATS output: a durable consumer of the JetStream stream that captures what it publishes.
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { Backoff } from '../../kube/backoff.ts';
import { sleep, type Clock } from '../../kube/clock.ts';
import type { ReadinessCheck } from '../../observe/health.ts';
import { checkTlsFiles, readCredentials, type StreamTlsFiles } from './credentials.ts';
import { loadNats } from './library.ts';
import { checkNames, type StreamOptions } from './options.ts';
import { Pace } from './pace.ts';
import { assertSafeServers, parseServers, type StreamServer } from './servers.ts';
import { runSession } from './session.ts';
import { StreamStatus } from './status.ts';

/** A stream that can be read. */
export interface AlertStream {
  /**
   * Reads until the signal fires, connecting again for ever; then finishes what is in hand, and gives back at once what
   * takes longer than the grace. Never rejects for anything that the server does. May be called once.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Whether alerts come in, or why not. */
  readonly check: ReadinessCheck;
  /** Messages that the server had not handed out to anybody when it handed out the last one. */
  readonly waiting: number;
  /** Ends {@link run} at once: the server hands out again what was in hand, after its `ack_wait`. */
  close(): Promise<void>;
}

const STOP_GRACE_MS = 8_000;
const CONNECT_WITHIN_MS = 5_000;
const PING_EVERY_MS = 10_000;
/** Answers come in here; a user of the server needs no more than to subscribe to what begins so. */
const INBOX = '_INBOX.die-operator';

/** @throws Error that names the flag and says what to do, if what is given is not good or not safe. */
export function createStream(options: StreamOptions): AlertStream {
  const { clock, log } = options;
  checkNames(options);
  const servers = checkServers(options);
  const makeAuthenticator = readCredentials(options.credentials ?? {}, clock, log);
  checkTlsFiles(options.tls ?? {});
  const status = new StreamStatus(servers.map(({ url }) => url).join(', '), log);
  const closing = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let waiting = 0;

  const start = async (signal: AbortSignal) => {
    const nats = await loadNats();
    const stopping = AbortSignal.any([signal, closing.signal]);
    const over = afterGrace(stopping, clock, options.stopGraceMs ?? STOP_GRACE_MS);
    const connectionOptions = connectTo(servers, options, makeAuthenticator(nats));
    const onMessage = ({ info }: { info: { pending: number } }) => void (waiting = info.pending);
    const shared = { options, nats, servers, connectionOptions, status, pace: new Pace(clock), onMessage };
    const backoff = new Backoff(clock, options.random);
    while (!stopping.aborted) {
      // The status knows why.
      await runSession({ ...shared, stopping, over, closing: closing.signal }).catch(() => {});
      await sleep(clock, backoff.next(), stopping);
    }
    status.stopped();
  };

  return {
    run: (signal) => (running = start(signal)),
    check: status,
    get waiting() {
      return waiting;
    },
    close: async () => {
      closing.abort();
      await running;
    },
  };
}

function checkServers(options: StreamOptions): readonly StreamServer[] {
  const servers = parseServers(options.servers);
  const { credentials = {}, tls = {}, allowUnauthenticated = false, insecure = false } = options;
  assertSafeServers(servers, {
    authenticated: Object.values(credentials).length > 0 || tls.cert !== undefined,
    encrypted: asksForTls(servers, tls),
    allowUnauthenticated,
    insecure,
  });
  return servers;
}

/** One server that asks for TLS asks for it for all: the client knows only one way. */
function asksForTls(servers: readonly StreamServer[], { ca, cert }: StreamTlsFiles): boolean {
  return ca !== undefined || cert !== undefined || servers.some(({ encrypted }) => encrypted);
}

/**
 * The client makes one connection and does not repair it: a new one is the same as a new process, which has to work
 * anyway. It goes only where it was told to, whatever other servers the cluster announces.
 */
function connectTo(
  servers: readonly StreamServer[],
  { tls = {}, instance }: StreamOptions,
  authenticator: ReturnType<ReturnType<typeof readCredentials>>,
): NodeConnectionOptions {
  const { ca: caFile, cert: certFile, key: keyFile } = tls;
  const files = { ...(caFile && { caFile }), ...(certFile && { certFile }), ...(keyFile && { keyFile }) };
  return {
    servers: servers.map(({ url }) => url),
    name: `die-operator${instance === undefined ? '' : `/${instance}`}`,
    reconnect: false,
    ignoreClusterUpdates: true,
    timeout: CONNECT_WITHIN_MS,
    pingInterval: PING_EVERY_MS,
    inboxPrefix: INBOX,
    noAsyncTraces: true,
    ...(asksForTls(servers, tls) && { tls: files }),
    ...(authenticator && { authenticator }),
  };
}

function afterGrace(stopping: AbortSignal, clock: Clock, graceMs: number): AbortSignal {
  const grace = new AbortController();
  const begin = () => void clock.after(graceMs, () => grace.abort());
  if (stopping.aborted) begin();
  else stopping.addEventListener('abort', begin, { once: true });
  return grace.signal;
}
