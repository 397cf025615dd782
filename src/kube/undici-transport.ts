// The wire to a real API server: pooled connections by undici, rebuilt when certificates change.
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import type { Connection, TlsMaterial } from './connection.ts';
import type { HttpRequest, HttpResponse, Transport } from './transport.ts';
import { guarded } from './undici-guard.ts';

/** Connections for calls. Streams have a pool of their own without a limit, so that they never keep a call waiting. */
const MAX_CALL_CONNECTIONS = 16;
/** Milliseconds after which an idle connection is closed, and between TCP keep-alive probes' first. */
const KEEP_ALIVE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

interface Pools {
  /** The material that they were made with, to see when it changed. */
  tls: string;
  calls: Dispatcher;
  streams: Dispatcher;
}

/**
 * A Transport over HTTP/1.1 connections that are kept alive and shared. Time limits are the caller's, by the signal.
 * `close` ends all requests, and later ones are refused.
 */
export function createUndiciTransport(connection: Connection): Transport & { close(): Promise<void> } {
  const pooled = new PooledTransport(connection);
  const transport: Transport = (request) => pooled.send(request);
  return Object.assign(transport, { close: () => pooled.close() });
}

class PooledTransport {
  readonly #connection: Connection;
  readonly #origin: string;
  readonly #prefix: string;
  /** Ends requests also on retired dispatchers: one that was told to close cannot be destroyed any more. */
  readonly #closing = new AbortController();
  #pools: Pools | undefined;

  constructor(connection: Connection) {
    const { origin, pathname } = new URL(connection.server);
    this.#connection = connection;
    this.#origin = origin;
    this.#prefix = pathname.replace(/\/+$/, '');
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { method, path, headers, body, streaming, signal, beforeSend } = request;
    const credentials = await this.#connection.credentials();
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    ending.throwIfAborted();
    const pools = this.#poolsFor(credentials.tls);
    const pool = streaming ? pools.streams : pools.calls;
    const answer = await (beforeSend ? guarded(pool, beforeSend) : pool).request({
      origin: this.#origin,
      path: this.#prefix + path,
      method,
      headers: { ...headers, ...credentials.headers, 'accept-encoding': 'identity' },
      body: body ?? null,
      signal: ending,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    return { status: answer.statusCode, headers: flat(answer.headers), body: answer.body };
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the connection to the API server was closed'));
    await Promise.all([this.#pools?.calls.destroy(), this.#pools?.streams.destroy()]);
  }

  #poolsFor(material: TlsMaterial): Pools {
    const tls = JSON.stringify(material);
    if (this.#pools?.tls === tls) return this.#pools;
    // Requests under way end as they would have: a watch within five minutes.
    void this.#pools?.calls.close();
    void this.#pools?.streams.close();
    const { proxyUrl } = this.#connection;
    const calls = createDispatcher(proxyUrl, material, MAX_CALL_CONNECTIONS);
    const streams = createDispatcher(proxyUrl, material, null);
    this.#pools = { tls, calls, streams };
    return this.#pools;
  }
}

function createDispatcher(
  proxyUrl: string | undefined,
  tls: TlsMaterial,
  connections: number | null,
): Dispatcher {
  const socket = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, timeout: CONNECT_TIMEOUT_MS };
  const options = { connections, allowH2: false, keepAliveTimeout: KEEP_ALIVE_MS };
  if (proxyUrl === undefined) return new Agent({ ...options, connect: { ...socket, ...tls } });
  return new ProxyAgent({ ...options, uri: proxyUrl, proxyTunnel: true, requestTls: { ...socket, ...tls } });
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
