// Probes and metrics on a port of their own.
import { fastify, type FastifyInstance } from 'fastify';

/** One condition of being ready. */
export interface ReadinessCheck {
  name: string;
  /** Why it does not hold, in words for people; undefined if it holds. */
  reason(): string | undefined;
  /** What somebody should look at although it holds, in words for people. */
  warning?(): string | undefined;
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
    // A probe that is cut off is asked again.
    forceCloseConnections: true,
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

interface CheckResult {
  name: string;
  ready: boolean;
  reason?: string;
  warning?: string;
}

// A check that breaks does not hold.
function runCheck(check: ReadinessCheck): CheckResult {
  const { name } = check;
  try {
    const reason = check.reason();
    if (reason !== undefined) return { name, ready: false, reason };
    const warning = check.warning?.();
    return { name, ready: true, ...(warning !== undefined && { warning }) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { name, ready: false, reason: `the check failed: ${message}` };
  }
}
