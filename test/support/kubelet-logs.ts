// The kubelet's endpoint for logs, `GET /containerLogs/<namespace>/<pod>/<container>`: the API server reads pods/log there.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { KeyPair } from './pki.ts';
import type { KubeletPod } from './pod-status.ts';

/** Finds a pod of this kubelet. */
export type FindPod = (namespace: string, name: string) => KubeletPod | undefined;

/** An endpoint at work on 127.0.0.1. */
export interface LogEndpoint {
  port: number;
  close(): Promise<void>;
}

/** An HTTP answer in plain text. */
export interface LogAnswer {
  status: number;
  text: string;
}

/** A line of a log with the time of its writing, RFC 3339. */
export interface LogLine {
  at: string;
  text: string;
}

const PATH = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/;

/** Starts the endpoint with that certificate, which has to be good for 127.0.0.1. */
export async function serveLogs(serving: KeyPair, find: FindPod): Promise<LogEndpoint> {
  const [cert, key] = await Promise.all([readFile(serving.cert), readFile(serving.key)]);
  const server = createServer({ cert, key }, ({ method, url = '' }, response) => {
    const { status, text } = answerLogs(method ?? '', url, find);
    response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
  });
  // A test that fails while it starts must not hang.
  server.unref();
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(0, '127.0.0.1', () => resolve()),
  );
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The answer to one request, in the words of kubelet 1.36 (pkg/kubelet/server/server.go and kubelet_pods.go). */
export function answerLogs(method: string, url: string, find: FindPod): LogAnswer {
  const { pathname, searchParams } = new URL(url, 'https://kubelet');
  const [, namespace, name, container] = PATH.exec(pathname)?.map(decodeURIComponent) ?? [];
  if (method !== 'GET' || namespace === undefined || name === undefined || container === undefined)
    return { status: 404, text: '404: Page Not Found' };
  const pod = find(namespace, name);
  if (pod === undefined) return { status: 404, text: `pod "${name}" does not exist\n` };
  if (!pod.spec.containers.some((known) => known.name === container))
    return { status: 404, text: `container "${container}" not found in pod "${name}"\n` };
  const lines = linesOf(pod, container, searchParams.get('previous') === 'true');
  return typeof lines === 'string'
    ? { status: 400, text: lines }
    : { status: 200, text: selected(lines, searchParams) };
}

/** What a container wrote, which is one line when it began; or why there is no log. */
function linesOf({ metadata, status }: KubeletPod, container: string, previous: boolean): LogLine[] | string {
  const where = `container "${container}" in pod "${metadata.name}"`;
  const state = status?.containerStatuses?.find(({ name }) => name === container)?.state;
  if (state === undefined) return `${where} is not available`;
  // This kubelet never starts a container again.
  if (previous) return `previous terminated ${where} not found`;
  if (state.waiting) {
    const { reason } = state.waiting;
    return `${where} is waiting to start: ${reason === 'ErrImagePull' ? "image can't be pulled" : reason}`;
  }
  const at = (state.running ?? state.terminated)?.startedAt ?? '';
  return [{ at, text: `${container} is listening` }];
}

/** The part of a log that `tailLines`, `timestamps` and `limitBytes` ask for; bytes are counted last and from the start. */
export function selected(lines: readonly LogLine[], query: URLSearchParams): string {
  const number = (name: string) => Number(query.get(name) ?? Infinity);
  const kept = lines.slice(Math.max(0, lines.length - number('tailLines')));
  const stamped = query.get('timestamps') === 'true';
  const text = kept.map((line) => `${stamped ? `${line.at} ` : ''}${line.text}\n`).join('');
  return Buffer.from(text).subarray(0, number('limitBytes')).toString();
}
