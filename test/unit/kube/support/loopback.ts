// Real HTTP and HTTPS servers and a real proxy on loopback.
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** A server with what it saw. */
export interface Loopback {
  /** `http://127.0.0.1:port` or `https://...`. */
  url: string;
  port: number;
  requests: IncomingMessage[];
  /** Connections that were ever accepted. */
  connections: number;
  /** Connections that are open. */
  open: Set<Socket>;
  close: () => Promise<void>;
}

/** Reads a request's body. */
export async function received(request: IncomingMessage): Promise<string> {
  return Buffer.concat(await request.toArray()).toString('utf8');
}

/** Answers with JSON. */
export function reply(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Common name of the certificate that the client showed. */
export function clientName(request: IncomingMessage): string | undefined {
  const name = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
  return Array.isArray(name) ? name.join() : name;
}

export function serve(listener: RequestListener): Promise<Loopback> {
  return listen('http', 'connection', (watch) => createServer(watch(listener)));
}

export function serveTls(options: ServerOptions, listener: RequestListener): Promise<Loopback> {
  return listen('https', 'secureConnection', (watch) => createTlsServer(options, watch(listener)));
}

/** A proxy for CONNECT; `requests` holds what it was asked. */
export function serveProxy(): Promise<Loopback> {
  return listen('http', 'connection', (watch) => {
    const server = createServer(watch((_, response) => void response.writeHead(405).end()));
    return server.on('connect', (request: IncomingMessage, client: Socket) => {
      watch(() => {})(request, undefined as unknown as ServerResponse);
      const [host, port] = (request.url ?? '').split(':');
      const target = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        target.pipe(client).pipe(target);
      });
      client.on('error', () => {}).on('close', () => target.destroy());
      target.on('error', () => {}).on('close', () => client.destroy());
    });
  });
}

async function listen(
  scheme: string,
  connection: 'connection' | 'secureConnection',
  create: (watch: (listener: RequestListener) => RequestListener) => Server,
): Promise<Loopback> {
  const requests: IncomingMessage[] = [];
  const server = create((listener) => (request, response) => {
    requests.push(request);
    listener(request, response);
  });
  const open = new Set<Socket>();
  const loopback: Loopback = {
    url: '',
    port: 0,
    requests,
    connections: 0,
    open,
    close: () => closeServer(server, open),
  };
  server.on(connection, (socket: Socket) => {
    loopback.connections += 1;
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  loopback.port = (server.address() as AddressInfo).port;
  loopback.url = `${scheme}://127.0.0.1:${loopback.port}`;
  return loopback;
}

async function closeServer(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  for (const socket of open) socket.destroy();
  await closed;
}
