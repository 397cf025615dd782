// People hear of what they must mend, and not of everyday life; and the watch stops only when it is told to.
import { beforeEach, describe, expect, test } from 'vitest';
import { DRIFT_POLICIES, PODS, type Resource } from '../../../src/kube/resources.ts';
import { watchResource, type WatcherEvent } from '../../../src/kube/watch.ts';
import { drain } from '../../support/virtual-clock.ts';
import { ScriptedServer } from './support/api-server.ts';
import { networkFailure, refusal } from './support/fake-transport.ts';
import { clientOf, MemoryLog, steady } from './support/fixtures.ts';

let server: ScriptedServer;
let log: MemoryLog;
let stop: AbortController;

beforeEach(() => {
  server = new ScriptedServer();
  log = new MemoryLog();
  stop = new AbortController();
});

function watch(resource: Resource = PODS, selection = {}) {
  const { client, clock } = clientOf(server.transport);
  const options = { client, resource, selection, clock, random: steady, log, signal: stop.signal };
  return { stream: watchResource(options), clock };
}

/** Reads a stream to its end. */
async function readAll(stream: AsyncIterable<WatcherEvent>): Promise<number> {
  let count = 0;
  for await (const _ of stream) count += 1;
  return count;
}

const often = <T>(value: T) => Array.from({ length: 100 }, () => value);

describe('a warning at once, with what to do, for', () => {
  test.each<[string, { resource: Resource; namespace?: string; status: number; expected: string }]>([
    [
      'a missing right everywhere',
      {
        resource: PODS,
        status: 403,
        expected:
          'not allowed to watch: grant the verbs list and watch on pods of the core API group in all namespaces',
      },
    ],
    [
      'a missing right in a namespace',
      {
        resource: DRIFT_POLICIES,
        namespace: 'shop',
        status: 403,
        expected:
          'not allowed to watch: grant the verbs list and watch on driftpolicies of API group die-operator.dev in namespace shop',
      },
    ],
    [
      'credentials that are not accepted',
      {
        resource: PODS,
        status: 401,
        expected: 'the API server does not accept our credentials, so pods are not seen',
      },
    ],
    [
      'a CRD that is not installed',
      {
        resource: DRIFT_POLICIES,
        status: 404,
        expected:
          'the API server does not serve driftpolicies of API group die-operator.dev: is the CRD installed?',
      },
    ],
  ])('%s', async (_, { resource, namespace, status, expected }) => {
    server.faults.push(refusal(status, 'X'));
    const { stream } = watch(resource, namespace === undefined ? {} : { namespace });
    const reading = readAll(stream);
    await drain();
    expect(log.at('warn')).toEqual([expected]);
    expect(log.lines[0]?.fields).toMatchObject({ resource: resource.plural, err: { status } });
    stop.abort();
    await reading;
  });

  test('a right that is taken away later', async () => {
    const { stream, clock } = watch();
    const reading = readAll(stream);
    await clock.advance(5_000);
    server.faults.push(refusal(403, 'Forbidden'));
    server.endWatches();
    await drain();
    expect(log.at('warn')).toHaveLength(1);
    stop.abort();
    await reading;
  });
});

describe('no warning for', () => {
  test('a short outage', async () => {
    const { stream, clock } = watch();
    const reading = readAll(stream);
    await clock.advance(5_000);
    server.faults.push(networkFailure('ECONNREFUSED'));
    server.breakWatches(networkFailure('ECONNRESET'));
    await clock.advance(10_000);
    expect(log.at('warn')).toEqual([]);
    expect(log.at('debug')).toHaveLength(2);
    stop.abort();
    await reading;
  });

  test('short outages that are far apart', async () => {
    const { stream, clock } = watch();
    const reading = readAll(stream);
    for (let times = 0; times < 5; times++) {
      await clock.advance(125_000);
      server.breakWatches(networkFailure('ECONNRESET'));
      await clock.advance(2_000);
    }
    expect(log.at('warn')).toEqual([]);
    expect(log.lines.every((line) => line.fields['retryInMs'] === 1_000)).toBe(true);
    stop.abort();
    await reading;
  });
});

test('an outage that lasts is warned of, and its end is silent', async () => {
  const { stream, clock } = watch();
  const reading = readAll(stream);
  await clock.advance(5_000);
  server.faults.push(...often(networkFailure('ECONNREFUSED')).slice(0, 5));
  server.breakWatches(networkFailure('ECONNRESET'));
  await clock.advance(120_000);
  expect(log.at('warn')).toEqual(Array.from({ length: 4 }, () => 'pods cannot be watched; trying again'));
  expect(server.watches).toHaveLength(1);
  stop.abort();
  await reading;
});

describe('the watch returns', () => {
  test('at once for a signal that fired before', async () => {
    stop.abort();
    expect(await readAll(watch().stream)).toBe(0);
    expect(server.requests).toEqual([]);
  });

  test('when the signal fires while it watches', async () => {
    const reading = readAll(watch().stream);
    await drain();
    stop.abort();
    expect(await reading).toBe(2);
    expect(log.lines).toEqual([]);
  });

  test('when the signal fires while it waits to try again', async () => {
    server.faults.push(...often(refusal(403, 'Forbidden')));
    const { stream, clock } = watch();
    const reading = readAll(stream);
    await drain();
    stop.abort();
    await reading;
    expect(clock.pending).toBe(0);
  });

  test('when its reader leaves, and closes its connection', async () => {
    server.set('a');
    const { stream } = watch();
    for await (const event of stream) {
      if (event.type === 'InitDone') server.set('b');
      if (event.type === 'Apply') break;
    }
    await drain();
    expect(server.requests.at(-1)?.signal.aborted).toBe(true);
    expect(server.watch.left).toBe(true);
  });
});
