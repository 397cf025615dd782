// An operator at work in a test's world, with what it wrote.
import type { Transport } from '../../src/kube/transport.ts';
import type { JournalDisk } from '../../src/detect/journal/disk.ts';
import { openJournal } from '../../src/detect/journal/journal.ts';
import { LEDGER_CONFIGMAP } from '../../src/api/names.ts';
import { fencedClient } from '../../src/kube/fence.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { silentLogger, type Logger } from '../../src/observe/log.ts';
import { createOperator, type OperatorParts } from '../../src/operator.ts';
import { NO_LIMITS } from './limits.ts';
import { MemoryDisk } from './memory-disk.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';
import type { World } from './world.ts';

export const TOKEN = 'test-token-0123456789';

/** One API call of an operator that is not a read. */
export interface WriteCall {
  method: string;
  path: string;
  status: number;
  body: unknown;
  /** What the API server answered, if it was JSON. */
  answer: unknown;
}

/** An operator at work. */
export interface TestOperator {
  post(
    body: unknown,
    headers?: Record<string, string>,
    /** Where to; default: where Falco's go. */
    path?: string,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Writes in the order of their answers; Events apart, which are sent beside. */
  readonly writes: WriteCall[];
  readonly events: WriteCall[];
  /** Writes to the ledger. */
  readonly ledger: WriteCall[];
  readonly evidence: MemoryStore;
  /** The metrics as Prometheus would read them. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

/** How an operator differs from the usual one of a test. */
export interface OperatorChange extends Partial<Omit<OperatorParts, 'election'>> {
  /** Of its journal; it outlives the operator. Default: a new one. */
  disk?: JournalDisk;
  /** The Lease by which it is elected. Default: it is the only responder. */
  election?: { namespace: string; name: string };
}

/** Name of the ledger of the operators of one world. */
export function ledgerOf(namespace: string): string {
  return `${LEDGER_CONFIGMAP}-${namespace}`;
}

/**
 * Starts one that watches the world's namespace, and waits until it is ready.
 * @param onStop called when it is asked to stop.
 */
export async function startOperator(
  world: Pick<World, 'namespace' | 'parts' | 'until'>,
  change: OperatorChange,
  wrap: (transport: Transport) => Transport,
  onStop: () => void,
): Promise<TestOperator> {
  const { clock, random, transport } = world.parts;
  const writes: WriteCall[] = [];
  const events: WriteCall[] = [];
  const ledger: WriteCall[] = [];
  const recorded = recording(wrap(transport), (call) => {
    return (call.path.includes('/events') ? events : isLedger(call) ? ledger : writes).push(call);
  });
  const evidence = createMemoryStore({ clock });
  const connected = { transport: recorded, clock, random, userAgent: 'die-operator/test' };
  const { disk = new MemoryDisk().mount(), election, ...rest } = change;
  const log = testLogger();
  const owner = Math.floor(random() * 2 ** 48)
    .toString(16)
    .padStart(32, '0');
  const operator = createOperator({
    client: createKubeClient(connected),
    journal: await openJournal({ disk, clock, log, owner }),
    ...(election && { election: { lease: election, fencedClient: (term) => fencedClient(connected, term) } }),
    clock,
    random,
    evidence,
    log,
    tokens: () => [TOKEN],
    roles: ['receiver', 'responder'],
    instance: 'test-1',
    watchNamespaces: [world.namespace],
    protectedNamespaces: ['kube-system'],
    maxAlertAgeMs: 900_000,
    limits: NO_LIMITS,
    ledgerName: ledgerOf(world.namespace),
    ...rest,
  });
  const stopped = new AbortController();
  const ended = operator.run(stopped.signal);
  const isReady = async () => operator.checks.every((c) => c.reason() === undefined) || undefined;
  await world.until('the operator is ready', isReady).catch((error: unknown) => {
    stopped.abort();
    throw error;
  });
  return {
    writes,
    events,
    ledger,
    evidence,
    metrics: () => operator.metrics.render(),
    post: (body, headers = {}, path = '/v1/falco') => post(operator.webhook, body, headers, path),
    stop: async () => {
      onStop();
      stopped.abort();
      let done = false;
      void ended.then(() => (done = true));
      await world.until('the operator has stopped', async () => done || undefined);
    },
  };
}

type Webhook = ReturnType<typeof createOperator>['webhook'];

async function post(
  webhook: Webhook,
  body: unknown,
  headers: Record<string, string>,
  path: string,
): ReturnType<TestOperator['post']> {
  if (!webhook) throw new Error('this operator is no receiver');
  const answer = await webhook.inject({
    method: 'POST',
    url: path,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json; charset=utf-8',
      ...headers,
    },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.statusCode, body: answer.json() };
}

// Its name is in the path, or, where it is made, in what is sent.
function isLedger({ path, body }: WriteCall): boolean {
  const made = (body as { metadata?: { name?: string } } | undefined)?.metadata?.name;
  return path.includes(`/${LEDGER_CONFIGMAP}`) || made?.startsWith(LEDGER_CONFIGMAP) === true;
}

function recording(transport: Transport, note: (call: WriteCall) => void): Transport {
  return async (request) => {
    const { method, path } = request;
    const answer = await transport(request);
    // An access review is a question, though it is posted.
    if (method === 'GET' || path.includes('/selfsubjectaccessreviews')) return answer;
    const bytes = await Array.fromAsync(answer.body);
    const body: unknown = request.body === undefined ? undefined : JSON.parse(request.body);
    note({ method, path, status: answer.status, body, answer: parsed(Buffer.concat(bytes).toString()) });
    return { ...answer, body: chunksOf(bytes) };
  };
}

async function* chunksOf(bytes: Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* bytes;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// DIE_TEST_LOG=1 shows what the operator says, to find out why a test fails.
function testLogger(): Logger {
  if (!process.env['DIE_TEST_LOG']) return silentLogger;
  const say = (fields: object, message: string) =>
    process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
  const logger: Logger = { debug: () => {}, info: say, warn: say, error: say, child: () => logger };
  return logger;
}
