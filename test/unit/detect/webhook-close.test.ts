// A stop is not held up by a sender that never comes to the end of its request.
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { systemClock } from '../../../src/kube/clock.ts';
import { alert, TOKEN, WebhookBench } from './support.ts';

const HEAD = `POST /v1/falco HTTP/1.1\r\nhost: die\r\nauthorization: Bearer ${TOKEN}\r\n`;
const JSON_OF = (length: number) => `content-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

it.each([
  ['half of the headers', HEAD],
  ['half of the body', `${HEAD}${JSON_OF(100)}{"rule"`],
])('closes although somebody has sent %s of a request', async (_what, half) => {
  const { webhook } = new WebhookBench({ clock: systemClock });
  const url = new URL(await webhook.listen({ host: '127.0.0.1', port: 0 }));
  const socket = connect(Number(url.port), url.hostname);
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  socket.on('error', () => {});
  // One whole request goes before: with its answer the rest is known to be there, too.
  const body = JSON.stringify(alert());
  socket.write(`${HEAD}${JSON_OF(Buffer.byteLength(body))}${body}${half}`);
  await once(socket, 'data');
  // The timers of the clock do not keep a process alive.
  const alive = setInterval(() => {}, 1000);
  await webhook.close();
  clearInterval(alive);
  await gone;
  expect(socket.destroyed).toBe(true);
});
