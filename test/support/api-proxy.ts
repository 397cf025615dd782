// A proxy on loopback between one process and its API server that understands the requests, and can hold one back as a
// network could, however long: while its sender is stopped, and after it is gone.
import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { ClusterAccess } from './cluster-access.ts';
import { issueServerCertificate } from './pki.ts';

/** A request on its way to the API server. */
export interface PassingRequest {
  method: string;
  /** With the query. */
  path: string;
  body: string;
}

/** A request that is held back. */
export interface HeldRequest extends PassingRequest {
  /** Lets it through to the API server; resolves to the status code. Its sender gets the answer, if it still listens. */
  release(): Promise<number>;
}

/** See the file's first line. */
export interface ApiProxy {
  /** What a client takes for its API server. Tokens pass through it; client certificates cannot. */
  readonly server: string;
  /** Holds the next request that is accepted; resolves when all of it is here. Resolves never if none comes. */
  hold(accepts: (request: PassingRequest) => boolean): Promise<HeldRequest>;
  close(): Promise<void>;
}

interface Trap {
  accepts: (request: PassingRequest) => boolean;
  caught: (request: HeldRequest) => void;
}

/** Starts one in front of that API server; whoever trusts the one trusts the other. */
export async function startApiProxy(access: ClusterAccess, name: string): Promise<ApiProxy> {
  const { cert, key } = await issueServerCertificate(access.folder, `proxy-${name}`, ['IP:127.0.0.1']);
  const [ca, ...pair] = await Promise.all([access.authority, cert, key].map((file) => readFile(file)));
  const agent = new Agent({ keepAlive: true, ca });
  const traps = new Set<Trap>();

  const server = createServer({ cert: pair[0], key: pair[1] }, (incoming, outgoing) => {
    // A sender that goes away in the middle of its request sent none.
    void pass(incoming, outgoing).catch(() => outgoing.destroy());
  });

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = '', url: path = '' } = incoming;
    const passing = { method, path, body: await text(incoming) };
    const send = (until?: AbortSignal) => forward(passing, incoming.headers, outgoing, until);
    const trap = [...traps].find(({ accepts }) => accepts(passing));
    if (trap) {
      traps.delete(trap);
      return trap.caught({ ...passing, release: () => send() });
    }
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    await send(gone.signal);
  }

  function forward(
    { method, path, body }: PassingRequest,
    headers: IncomingHttpHeaders,
    outgoing: ServerResponse,
    signal?: AbortSignal,
  ): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const options = { method, headers: ownHeaders(headers, body), agent, ...(signal && { signal }) };
    request(new URL(path, access.server), options, (answer) => {
      resolve(answer.statusCode ?? 0);
      outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
      // Either side may break off.
      pipeline(answer, outgoing).catch(() => {});
    })
      .on('error', reject)
      .end(body);
    return promise;
  }

  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: (accepts) => new Promise((caught) => void traps.add({ accepts, caught })),
    close: () => closeAll(server, agent),
  };
}

/** Those of the sender without what belongs to its connection. */
function ownHeaders(headers: IncomingHttpHeaders, body: string): IncomingHttpHeaders {
  const { host: _host, connection: _connection, 'transfer-encoding': _encoding, ...rest } = headers;
  return body === '' ? rest : { ...rest, 'content-length': String(Buffer.byteLength(body)) };
}

async function closeAll(server: Server, agent: Agent): Promise<void> {
  const closed = new Promise((resolve) => void server.close(resolve));
  server.closeAllConnections();
  agent.destroy();
  await closed;
}
