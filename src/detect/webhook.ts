// The way in for Falco and Falcosidekick, `POST /v1/falco`, and for Microsoft Defender for Cloud, `POST /v1/defender`.
import type { Server, TLSSocket } from 'node:tls';
import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { sleep, timestamp, type Clock } from '../kube/clock.ts';
import type { Logger } from '../observe/log.ts';
import { throttle } from '../observe/throttle.ts';
import { noCredential, type Access } from './access.ts';
import { answerTo, answerToAll, type AnswerParts, type Told } from './answers.ts';
import { alertsIn } from './defender-body.ts';
import { parseDefender, type DefenderOptions } from './defender.ts';
import { parseFalco } from './falco.ts';
import { MAX_ALERT_BYTES, parseJson, type Problem } from './json.ts';
import { assertSafeListen } from './listen.ts';
import type { Intake } from './intake.ts';
import type { OutcomeName } from './outcome.ts';
import { promptly } from './prompt.ts';
import type { OnArrival } from './silence.ts';

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
  /** Told of what came with a credential. */
  onArrival?: OnArrival;
  /** Absent: alerts of Defender for Cloud are not taken. */
  defender?: DefenderOptions;
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
const DEFENDER_PATH = '/v1/defender';
/** How long a close waits for requests in hand, in milliseconds. */
const CLOSE_GRACE_MS = 3_000;
const LOG_EVERY_MS = 10_000;
const BAD_URL: Problem = { path: 'url', message: 'cannot be decoded' };
const NO_CLUSTER =
  'is not served: its alerts are told from those of other clusters by --defender-cluster-resource-id, which is not set (`az aks show --query id` prints it)';

/**
 * Answers 202 with an outcome, or `{error: {path, message}}` with 400 (not JSON, nested too deep, a bad field),
 * 401, 404, 405, 413, 415, or 503 when the alert could not be kept safe. Logs no body and no header.
 */
export function createWebhook(options: WebhookOptions): Webhook {
  const refuse = refuser(options);
  const app = buildServer(options, refuse);
  app.addHook('onRequest', async (request, reply) => {
    const reason = unauthorized(request, options) ?? refusal(request, options);
    return reason && refuse(request, reply.headers(reason.headers ?? {}), reason.status, reason.problem);
  });
  const logDue = throttle(options.clock, LOG_EVERY_MS);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500 && logDue('failed'))
      options.log.error({ err: error }, 'a request failed inside the webhook');
    return refuse(request, reply, status, describeError(error));
  });
  const { clock, defender, metrics, onArrival } = options;
  const parts = { handOver: promptly(options.intake, clock), metrics, onArrival };
  const serve = (path: string, answer: Answering) =>
    app.post(path, async (request, reply) => {
      const json = parseJson(typeof request.body === 'string' ? request.body : '');
      if ('problem' in json) return refuse(request, reply, 400, json.problem);
      const told = await answer(json.value, timestamp(clock));
      if (told.status === 202) return reply.code(202).send(told.body);
      const again = told.status === 503 ? { 'retry-after': '1' } : {};
      return refuse(request, reply.headers(again), told.status, told.problem);
    });
  serve(PATH, (body, at) => answerTo(parseFalco(body, at), parts, body));
  if (defender) serve(DEFENDER_PATH, (body, at) => answerDefender(body, at, defender, parts));
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
function refusal(request: FastifyRequest, options: WebhookOptions): Refusal | undefined {
  const at = (path: string, message: string) => ({ path, message });
  if (request.is404) {
    const path = request.url.split('?')[0] ?? '';
    if (path === DEFENDER_PATH && !options.defender) return { status: 404, problem: at('url', NO_CLUSTER) };
    return path === PATH || path === DEFENDER_PATH
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

type Answering = (body: unknown, receivedAt: string) => Promise<Told>;

async function answerDefender(
  body: unknown,
  receivedAt: string,
  defender: DefenderOptions,
  parts: AnswerParts,
): Promise<Told> {
  const found = alertsIn(body);
  const parse = (alert: unknown) => parseDefender(alert, receivedAt, defender);
  switch (found.kind) {
    case 'Invalid':
      return { status: 400, problem: { path: found.path, message: found.message } };
    case 'One':
      return answerTo(parse(found.alert), parts);
    case 'Several':
      return answerToAll(found.alerts.map(parse), parts);
  }
}
