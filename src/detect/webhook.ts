// The way in for Falco and Falcosidekick: `POST /v1/falco`.
import type { Server, TLSSocket } from 'node:tls';
import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Detection } from '../api/detection.ts';
import { sleep, timestamp, type Clock } from '../kube/clock.ts';
import type { Logger } from '../observe/log.ts';
import { throttle } from '../observe/throttle.ts';
import { noCredential, type Access } from './access.ts';
import { parseFalco } from './falco.ts';
import { MAX_ALERT_BYTES, parseJson, type Problem } from './json.ts';
import { assertSafeListen } from './listen.ts';
import type { Intake } from './intake.ts';
import type { OutcomeName } from './outcome.ts';
import { promptly, type Answer } from './prompt.ts';

import { followCertificate, serverOptions } from './tls.ts';

/** What the webhook counts; outcomes of what the intake accepted are counted there. */
export interface WebhookMetrics {
  detection(outcome: OutcomeName): void;
  /** @param status the HTTP status of the answer, 4xx or 5xx. */
  rejected(status: number): void;
}

/** Options of {@link createWebhook}. */
export interface WebhookOptions extends Access {
  intake: Intake;
  clock: Clock;
  log: Logger;
  metrics: WebhookMetrics;
  /** Bytes of a body. Default 256 KiB; Falco sends 0.7 to 5 kB. */
  bodyLimit?: number;
  /** Milliseconds within which a whole request must have come in. Default 10,000. */
  requestTimeoutMs?: number;
  /** Open connections; further ones are closed at once. Default 256. */
  maxConnections?: number;
}

/** A webhook that can be listened on. */
export interface Webhook {
  /** @returns the URL. Rejects if `host` is not loopback and there is no TLS, unless `insecure`, or no authentication. */
  listen(at: { host: string; port: number; insecure?: boolean }): Promise<string>;
  /** Answers a request without a network, for tests. */
  inject: FastifyInstance['inject'];
  /** Takes no new connections and waits for the requests in hand. */
  close(): Promise<void>;
}

const PATH = '/v1/falco';
/** How long a close waits for requests in hand, in milliseconds. */
const CLOSE_GRACE_MS = 3_000;
const LOG_EVERY_MS = 10_000;
const BAD_URL: Problem = { path: 'url', message: 'cannot be decoded' };
const QUEUED = { outcome: 'Queued', message: 'kept in the journal; the outcome is not known yet' };

/**
 * Answers 202 with an outcome, or `{error: {path, message}}` with 400 (not JSON, nested too deep, a bad field),
 * 401, 404, 405, 413, 415, or 503 when the alert could not be kept safe. Logs no body and no header.
 */
export function createWebhook(options: WebhookOptions): Webhook {
  const refuse = refuser(options);
  const app = buildServer(options, refuse);
  app.addHook('onRequest', async (request, reply) => {
    const reason = unauthorized(request, options) ?? refusal(request);
    return reason && refuse(request, reply.headers(reason.headers ?? {}), reason.status, reason.problem);
  });
  const logDue = throttle(options.clock, LOG_EVERY_MS);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500 && logDue('failed'))
      options.log.error({ err: error }, 'a request failed inside the webhook');
    return refuse(request, reply, status, describeError(error));
  });
  const handOver = promptly(options.intake, options.clock);
  app.post(PATH, (request, reply) => answerAlert(request, reply, { ...options, handOver }, refuse));
  return {
    listen: async ({ host, port, insecure = false }) => {
      const authenticated = options.allowUnauthenticated !== true;
      assertSafeListen(host, { encrypted: options.tls !== undefined, authenticated, insecure });
      return app.listen({ host, port });
    },
    inject: app.inject.bind(app),
    close: async () => {
      const closed = app.close();
      // Once it closes, Node no longer ends requests that never come to their end.
      await Promise.race([closed, sleep(options.clock, CLOSE_GRACE_MS)]);
      app.server.closeAllConnections();
      await closed;
    },
  };
}

function buildServer(options: WebhookOptions, refuse: Refuse): FastifyInstance {
  const requestTimeout = options.requestTimeoutMs ?? 10_000;
  const http = {
    headersTimeout: requestTimeout,
    connectionsCheckingInterval: Math.min(1000, requestTimeout),
  };
  const served = options.tls?.current();
  const app: FastifyInstance = fastify({
    logger: false,
    bodyLimit: options.bodyLimit ?? MAX_ALERT_BYTES,
    requestTimeout,
    // A URL that cannot be decoded does not get as far as the hooks.
    frameworkErrors: (_error, request, reply) => void refuse(request, reply, 400, BAD_URL),
    ...(served
      ? { https: { ...serverOptions(served), ...http, handshakeTimeout: requestTimeout } }
      : { http }),
  });
  app.server.maxConnections = options.maxConnections ?? 256;
  if (options.tls && served) {
    followCertificate(app.server as unknown as Server, options.tls, served);
    logHandshakes(app.server, options);
  }
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );
  return app;
}

// A sender that does not trust our certificate, or speaks no TLS, would otherwise fail unseen.
function logHandshakes(server: FastifyInstance['server'], { clock, log }: WebhookOptions): void {
  const logDue = throttle(clock, LOG_EVERY_MS);
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    // Probes of load balancers connect and leave.
    if (error.code === 'ECONNRESET' || !logDue('handshake')) return;
    const fields = { remote: socket.remoteAddress, code: error.code };
    log.warn(
      fields,
      'a sender could not agree with the intake on TLS; further ones are not logged for a while',
    );
  });
}

type Refuse = (
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  problem: Problem,
) => FastifyReply;

function refuser({ clock, log, metrics }: WebhookOptions): Refuse {
  const logDue = throttle(clock, LOG_EVERY_MS);
  return (request, reply, status, problem) => {
    metrics.rejected(status);
    if (logDue(String(status))) {
      log.warn({ status, remote: request.ip, ...problem }, 'refused a request; further ones are counted');
    }
    return reply.code(status).send({ error: problem });
  };
}

interface Refusal {
  status: number;
  problem: Problem;
  headers?: Record<string, string>;
}

// Comes first: who is not known learns nothing else.
function unauthorized(request: FastifyRequest, options: WebhookOptions): Refusal | undefined {
  const message = noCredential(request, options, options.clock.now());
  if (message === undefined) return undefined;
  const headers = { 'www-authenticate': 'Bearer realm="die-operator"' };
  return { status: 401, problem: { path: 'Authorization', message }, headers };
}

// What can be refused before the body is read.
function refusal(request: FastifyRequest): Refusal | undefined {
  const at = (path: string, message: string) => ({ path, message });
  if (request.is404) {
    const known = request.url.split('?')[0] === PATH;
    return known
      ? { status: 405, problem: at('method', 'must be POST'), headers: { allow: 'POST' } }
      : { status: 404, problem: at('url', `is not served; alerts go to ${PATH}`) };
  }
  if (request.headers['content-encoding'] !== undefined) {
    return { status: 415, problem: at('Content-Encoding', 'must not be set: send the body as it is') };
  }
  return undefined;
}

function describeError(error: FastifyError): Problem {
  if (error.statusCode === 413) return { path: 'body', message: 'is larger than accepted' };
  if (error.statusCode === 415) return { path: 'Content-Type', message: 'must be application/json' };
  if ((error.statusCode ?? 500) < 500) return { path: 'body', message: 'could not be read' };
  return { path: 'body', message: 'was not handled: an error inside die-operator, see its log' };
}

async function answerAlert(
  request: FastifyRequest,
  reply: FastifyReply,
  { handOver, clock, metrics }: WebhookOptions & { handOver: (detection: Detection) => Promise<Answer> },
  refuse: Refuse,
): Promise<FastifyReply> {
  const json = parseJson(typeof request.body === 'string' ? request.body : '');
  if ('problem' in json) return refuse(request, reply, 400, json.problem);
  const result = parseFalco(json.value, timestamp(clock));
  if (result.kind === 'Invalid') {
    return refuse(request, reply, 400, { path: result.path, message: result.message });
  }
  if (result.kind !== 'Detection') {
    metrics.detection(result.kind);
    return reply.code(202).send({ outcome: result.kind, message: result.message });
  }
  const answer = await handOver(result.detection);
  if (answer.kind === 'Refused') {
    const problem = { path: 'body', message: `was not accepted: ${answer.reason}; send it again` };
    return refuse(request, reply.header('retry-after', '1'), 503, problem);
  }
  return reply.code(202).send(answer.kind === 'Queued' ? QUEUED : answer.outcome);
}
