// Handlers that throw, hang or wait: no event is lost, and no other object or kind has to wait for them.
// Each test names the row of the table in docs/decisions/0001 that it answers.
import { describe, expect, onTestFinished } from 'vitest';
import type { ResourceEvent } from '@dot-i/k8s-operator';
import { call, type ClusterAccess } from '../support/cluster-access.ts';
import { configMaps, fireTest as test } from '../support/fire-test.ts';
import { eventually } from '../support/real-api-test.ts';

/** As the library hands events over. */
const told = ({ type, meta }: ResourceEvent) => `${type} ${meta.name}`;
/** The controller manager adds a ConfigMap of its own to each namespace. */
const isOurs = ({ meta }: ResourceEvent) => meta.name !== 'kube-root-ca.crt';
/** Until nothing can come any more that was not there before. */
const MOMENT_MS = 200;

async function comes(what: string, calls: readonly string[]): Promise<void> {
  await eventually(
    `${what} in ${calls.join()}`,
    async () => calls.includes(what),
    (is) => is,
  );
}

/** A second namespace, for as long as the test lasts. */
async function anotherNamespace(access: ClusterAccess, name: string): Promise<string> {
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  expect(await call(access, { method: 'POST', path: '/api/v1/namespaces', body })).toMatchObject({
    status: 201,
  });
  onTestFinished(
    async () => void (await call(access, { method: 'DELETE', path: `/api/v1/namespaces/${name}` })),
  );
  return name;
}

describe('a handler that throws', () => {
  // Row "`onEvent` throws": the event is lost, without a log line and without another try.
  test('in DieOperator.watchResource gets the same event again, and the log names it', async ({
    fire,
    client,
    namespace,
  }) => {
    const operator = await fire.operator();
    await operator.start();
    const calls: string[] = [];
    const onEvent = async (event: ResourceEvent) => {
      if (!isOurs(event)) return;
      calls.push(told(event));
      if (calls.length <= 2) throw new Error('not yet');
    };
    await operator.watchResource('', 'v1', 'configmaps', onEvent, namespace);
    await configMaps(client, namespace).create('a');
    await eventually(
      'three calls',
      async () => calls.length,
      (count) => count === 3,
    );
    expect(calls).toEqual(['ADDED a', 'ADDED a', 'ADDED a']);
    const failures = fire.log.filter(({ level }) => level === 'warn').map(({ message }) => message);
    expect(failures).toEqual(Array(2).fill('the handler of a ADDED event failed: not yet'));
  });

  // client-node, point 4: swallowed as a "parse error", or the end of the process as an unhandled rejection.
  test('as a listener of a cache neither stops the cache nor keeps others from hearing', async ({
    fire,
    client,
    namespace,
  }) => {
    const { cache, told: heard } = await fire.cacheOf(namespace);
    const maps = configMaps(client, namespace);
    const unsubscribe = cache.subscribe(() => {
      throw new Error('a listener with a bug');
    });
    const late: string[] = [];
    cache.subscribe(({ type }) => late.push(type));
    await maps.create('a');
    await heard('set a');
    await maps.remove('a');
    await heard('delete a');
    unsubscribe();
    expect(late.slice(-2)).toEqual(['set', 'delete']);
    const errors = fire.log.filter(({ level }) => level === 'error').map(({ message }) => message);
    expect(new Set(errors)).toEqual(new Set(['a listener of the cache failed']));
  });
});

describe('a handler that takes its time', () => {
  // Row "slow handler": one queue for all, so that all objects of all kinds wait.
  test('makes only its own object wait, and that one gets its latest state in the end', async ({
    fire,
    client,
    namespace,
  }) => {
    const operator = await fire.operator();
    await operator.start();
    const gate = Promise.withResolvers<undefined>();
    const [started, ended, accounts]: [string[], string[], string[]] = [[], [], []];
    const onEvent = async (event: ResourceEvent) => {
      if (!isOurs(event)) return;
      started.push(told(event));
      if (event.meta.name === 'slow') await gate.promise;
      ended.push(told(event));
    };
    await operator.watchResource('', 'v1', 'configmaps', onEvent, namespace);
    const note = async (event: ResourceEvent) => void accounts.push(told(event));
    const maps = configMaps(client, namespace);
    await maps.create('slow');
    await comes('ADDED slow', started);
    await maps.create('fast');
    await comes('ADDED fast', ended);
    await operator.watchResource('', 'v1', 'serviceaccounts', note, namespace);
    await comes('ADDED default', accounts);
    await maps.change('slow', 'newer');
    await maps.change('slow', 'newest');
    await new Promise((resolve) => setTimeout(resolve, MOMENT_MS));
    expect(started).toEqual(['ADDED slow', 'ADDED fast']);
    gate.resolve(undefined);
    await comes('MODIFIED slow', ended);
    expect(ended).toEqual(['ADDED fast', 'ADDED slow', 'MODIFIED slow']);
  });
});

describe('two watches of a kind in different namespaces', () => {
  // Read in the library: both share one slot, and the first can never be ended.
  test('both tell what happens, and both end with the operator', async ({
    access,
    fire,
    client,
    namespace,
  }) => {
    const other = await anotherNamespace(access, `${namespace}-b`);
    const operator = await fire.operator();
    await operator.start();
    const calls: string[] = [];
    const onEvent = async (event: ResourceEvent) => void (isOurs(event) && calls.push(told(event)));
    await operator.watchResource('', 'v1', 'configmaps', onEvent, namespace);
    await operator.watchResource('', 'v1', 'configmaps', onEvent, other);
    await configMaps(client, namespace).create('a');
    await configMaps(client, other).create('b');
    await comes('ADDED a', calls);
    await comes('ADDED b', calls);
    operator.stop();
    await operator.finished();
    await configMaps(client, namespace).create('late-a');
    await configMaps(client, other).create('late-b');
    await new Promise((resolve) => setTimeout(resolve, MOMENT_MS));
    expect(calls.toSorted()).toEqual(['ADDED a', 'ADDED b']);
  });
});
