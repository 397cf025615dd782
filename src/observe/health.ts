// Probes and metrics on a port of their own.
import { fastify, type FastifyInstance } from 'fastify';

/** One condition of being ready. */
export interface ReadinessCheck {
  name: string;
  /** Why it does not hold, in words for people; undefined if it holds. */
  reason(): string | undefined;
}

/** Options of {@link createHealth}. */
export interface HealthOptions {
  /** All must hold. */
  checks: readonly ReadinessCheck[];
  metrics: { render(): Promise<string>; readonly contentType: string };
}

/** Serves `/livez`, `/readyz` and `/metrics`. */
export interface Health {
  /** @returns the URL. */
  listen(at: { host: string; port: number }): Promise<string>;
  /** Answers a request without a network, for tests. */
  inject: FastifyInstance['inject'];
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 64;
// Nothing that is served here has a body.
const BODY_LIMIT = 1024;

/** Answers 200, or 503 with the reasons from `/readyz` until all checks hold. */
export function createHealth({ checks, metrics }: HealthOptions): Health {
  const app: FastifyInstance = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.get('/livez', () => ({ alive: true }));
  app.get('/readyz', (_request, reply) => {
    const results = checks.map(runCheck);
    const ready = results.every((result) => result.ready);
    return reply.code(ready ? 200 : 503).send({ ready, checks: results });
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.render()),
  );
  return {
    listen: (at) => app.listen(at),
    inject: app.inject.bind(app),
    close: () => app.close(),
  };
}

function runCheck(check: ReadinessCheck): { name: string; ready: boolean; reason?: string } {
  const reason = reasonOf(check);
  return { name: check.name, ready: reason === undefined, ...(reason !== undefined && { reason }) };
}

// A check that breaks does not hold.
function reasonOf(check: ReadinessCheck): string | undefined {
  try {
    return check.reason();
  } catch (error) {
    return `the check failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}
