// A real HTTP server around the transport, for clients outside this process. Loopback only: there is no authentication.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { HttpRequest } from '../kube/transport.ts';
import type { EmbeddedCluster } from './api-server.ts';
import { isWatch } from './reads.ts';
import { failure, methodNotAllowed, type ApiError } from './status.ts';

/** A listening server. */
export interface ServedCluster {
  /** `http://127.0.0.1:<port>`. */
  url: string;
  /** Ends open watches and frees the port. */
  close(): Promise<void>;
}

/** As in a real API server. */
const MAX_BODY_BYTES = 3_145_728;
const METHODS: readonly string[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Serves the cluster on 127.0.0.1; port 0 takes a free one. A client that goes away ends its watch. */
export async function serveEmbedded(
  cluster: Pick<EmbeddedCluster, 'transport'>,
  { port }: { port: number },
): Promise<ServedCluster> {
  const server = createServer((incoming, outgoing) => {
    serve(cluster, incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: bound } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${bound}`, close: () => closed(server) };
}

async function closed(server: Server): Promise<void> {
  const done = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await done;
}

async function serve(
  { transport }: Pick<EmbeddedCluster, 'transport'>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  const request = await readRequest(incoming, gone.signal);
  if ('code' in request) return refuse(outgoing, request);
  const { status, headers, body } = await transport(request);
  outgoing.writeHead(status, headers);
  outgoing.flushHeaders();
  for await (const chunk of body) {
    if (gone.signal.aborted) return;
    if (!outgoing.write(chunk)) await Promise.race([once(outgoing, 'drain'), once(outgoing, 'close')]);
  }
  outgoing.end();
}

async function readRequest(incoming: IncomingMessage, signal: AbortSignal): Promise<HttpRequest | ApiError> {
  const { method = '', url = '' } = incoming;
  if (!METHODS.includes(method)) return methodNotAllowed();
  const body = await readBody(incoming);
  if (body === undefined) {
    const message = `Request entity too large: limit is ${MAX_BODY_BYTES}`;
    return failure(413, 'RequestEntityTooLarge', message);
  }
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  return {
    method: method as HttpRequest['method'],
    path: url,
    headers: Object.fromEntries(headers) as Record<string, string>,
    ...(body !== '' && { body }),
    streaming: isWatch(new URL(url, 'http://127.0.0.1').searchParams),
    signal,
  };
}

/** The body, or undefined for one that is too large, which is read to its end so that the client hears the answer. */
async function readBody(incoming: AsyncIterable<Buffer>): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return bytes <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString() : undefined;
}

function refuse(outgoing: ServerResponse, { code, status }: ApiError): void {
  outgoing.writeHead(code, { 'content-type': 'application/json', connection: 'close' });
  outgoing.end(JSON.stringify(status));
}
