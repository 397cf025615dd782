// A TCP proxy on loopback between a client and its API server that resets, silences, delays or refuses on command.
// TLS goes through it untouched, so that what breaks is the connection and never the protocol.
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** See the file's first line. Every command is about what the client meets. */
export interface FaultProxy {
  /** `https://127.0.0.1:<port>`: the server's certificate is good for that name. */
  readonly server: string;
  readonly port: number;
  /** Connections that clients made so far. */
  readonly accepted: number;
  /** Ends every open connection: by RST as a crash or firewall would, or by FIN as a load balancer would. */
  cut(how: 'RST' | 'FIN'): void;
  /** Resets the first connection over which the server sends that many bytes more. */
  resetAfter(bytes: number): void;
  /** No byte passes on the connections that are open now, and nobody is told. New ones are as they should be. */
  silence(): void;
  /** Resets every open connection, and new ones as soon as they are made, until `restore`. */
  refuse(): void;
  /** What the server sends from now on arrives that much later, in milliseconds. */
  delay(ms: number): void;
  /** New connections pass again, at once. */
  restore(): void;
  close(): Promise<void>;
}

/** One connection of a client. */
interface Link {
  client: Socket;
  upstream: Socket;
}

/** Starts a proxy to an `https://127.0.0.1:<port>`. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const links = new Set<Link>();
  let accepted = 0;
  let isRefusing = false;
  let delayMs = 0;
  let bytesLeft = Infinity;

  const server = createServer((client) => {
    accepted += 1;
    if (isRefusing) return void client.on('error', ignore).resetAndDestroy();
    const link = { client, upstream: connect(Number(new URL(target).port), '127.0.0.1') };
    links.add(link);
    join(link, (bytes) => passBack(link, bytes));
    client.once('close', () => links.delete(link));
  });

  function passBack(link: Link, bytes: Buffer): void {
    bytesLeft -= bytes.length;
    if (bytesLeft <= 0) {
      bytesLeft = Infinity;
      reset(link);
    } else if (delayMs > 0) {
      setTimeout(() => link.client.writable && link.client.write(bytes), delayMs);
    } else {
      link.client.write(bytes);
    }
  }

  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    server: `https://127.0.0.1:${port}`,
    port,
    get accepted() {
      return accepted;
    },
    cut: (how) => links.forEach(how === 'RST' ? reset : finish),
    resetAfter: (bytes) => (bytesLeft = bytes),
    silence: () => links.forEach(silence),
    refuse: () => {
      isRefusing = true;
      links.forEach(reset);
    },
    delay: (ms) => (delayMs = ms),
    restore: () => {
      isRefusing = false;
      delayMs = 0;
    },
    close: () => {
      links.forEach(reset);
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

/** Bytes both ways; when one side breaks or ends, so does the other. */
function join({ client, upstream }: Link, passBack: (bytes: Buffer) => void): void {
  client.on('data', (bytes) => upstream.write(bytes));
  upstream.on('data', passBack);
  client.on('error', ignore).once('close', () => upstream.destroy());
  upstream.on('error', () => client.resetAndDestroy()).once('end', () => client.end());
}

/** Errors of a socket are followed by its end, which is what counts. */
function ignore(): void {}

function reset({ client, upstream }: Link): void {
  client.resetAndDestroy();
  upstream.destroy();
}

function finish({ client, upstream }: Link): void {
  client.end();
  upstream.destroy();
}

/** The bytes of both are thrown away; the end of the server still ends the client. */
function silence({ client, upstream }: Link): void {
  client.removeAllListeners('data').resume();
  upstream.removeAllListeners('data').resume();
}
