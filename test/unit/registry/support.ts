// A registry in a test: a real HTTP server that answers as the test says, and tells what it was asked.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `sha256:` of a text. */
export const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** What it was asked. */
export interface Asked {
  path: string;
  authorization: string | undefined;
  accept: string | undefined;
}

/** See the file's first line. */
export interface TestRegistry {
  host: string;
  asked: Asked[];
  close(): Promise<void>;
}

/** Starts one on this machine. */
export async function startRegistry(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TestRegistry> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { authorization, accept } = request.headers;
    asked.push({ path: request.url ?? '', authorization, accept });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
