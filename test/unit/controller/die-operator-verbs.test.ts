// The library's verbs behave as their names say: watches go on, and errors reach the caller.
import { ResourceEventType, type ResourceEvent } from '@dot-i/k8s-operator';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isForbidden } from '../../../src/kube/errors.ts';
import { drain } from '../../support/virtual-clock.ts';
import { refusal } from './fake-api.ts';
import { OperatorStage, writeFiles } from './operator-stage.ts';

let stage: OperatorStage;
let files: Awaited<ReturnType<typeof writeFiles>>;

beforeAll(async () => {
  files = await writeFiles();
});
afterAll(() => files.remove());
beforeEach(() => {
  stage = new OperatorStage();
});

describe('watchResource', () => {
  const watch = async (onEvent: (event: ResourceEvent) => Promise<void>, ...more: [string?, object?]) => {
    const { subject, end } = await stage.running();
    await subject.watchResource('example.dev', 'v1', 'widgets', onEvent, ...more);
    await drain();
    return { subject, end };
  };

  test('hands over events in the form of the library', async () => {
    stage.api.put('a');
    const events: ResourceEvent[] = [];
    await watch(async (event) => {
      events.push(event);
    });
    expect(events.map(({ type, meta }) => ({ type, id: meta.id, name: meta.name }))).toEqual([
      { type: ResourceEventType.Added, id: 'widgets.example.dev/v1', name: 'a' },
    ]);
  });

  test('selects by namespace and labels', async () => {
    await watch(async () => {}, 'shop', { labelSelector: 'app=web' });
    expect(stage.api.calls[0]?.at).toMatchObject({ namespace: 'shop', labelSelector: 'app=web' });
  });

  test('goes on after a handler threw, and calls it again', async () => {
    let calls = 0;
    stage.api.put('a');
    await watch(async () => {
      calls += 1;
      if (calls === 1) throw new Error('once');
    });
    expect(calls).toBe(1);
    await stage.clock.advance(1000);
    expect(calls).toBe(2);
  });

  test('ends with the operator, which waits for it', async () => {
    const { subject, end } = await watch(async () => {});
    expect(stage.api.watching).toBe(true);
    subject.stop();
    await end;
    expect(stage.api.watching).toBe(false);
  });

  test('needs a running operator', async () => {
    const call = stage.operator().watchResource('example.dev', 'v1', 'widgets', async () => {});
    await expect(call).rejects.toThrow('call start() first');
  });
});

describe('the other verbs', () => {
  test('refuse a description without a uid, which could name another object by now', async () => {
    const meta = {
      id: 'widgets.example.dev/v1',
      name: 'a',
      resourceVersion: '1',
      apiVersion: 'example.dev/v1',
      kind: 'Widget',
    };
    await expect(stage.operator().setResourceStatus(meta, {})).rejects.toThrow('take `meta` from an event');
    expect(stage.api.calls).toEqual([]);
  });

  test('pass errors of the server on', async () => {
    const object = stage.api.put('a');
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const meta = {
      id: 'widgets.example.dev/v1',
      apiVersion: 'example.dev/v1',
      kind: 'Widget',
      name,
      uid,
      resourceVersion,
    };
    stage.api.fault = () => {
      throw refusal(403, 'Forbidden');
    };
    await expect(
      stage.operator().setResourceFinalizers({ ...meta, namespace: namespace ?? '' }, []),
    ).rejects.toSatisfy(isForbidden);
  });

  test('register a definition, also one that exists', async () => {
    const expected = {
      group: 'example.dev',
      plural: 'widgets',
      versions: [{ name: 'v1', served: true, storage: true }],
    };
    expect(await stage.operator().registerCustomResourceDefinition(files.crd)).toEqual(expected);
    stage.api.fault = () => {
      throw refusal(409, 'AlreadyExists');
    };
    expect(await stage.operator().registerCustomResourceDefinition(files.crd)).toEqual(expected);
    stage.api.fault = () => {
      throw refusal(403, 'Forbidden');
    };
    await expect(stage.operator().registerCustomResourceDefinition(files.crd)).rejects.toSatisfy(isForbidden);
  });

  test('give the URL of a kind with every part escaped', () => {
    const subject = stage.operator();
    expect(subject.getCustomResourceApiUri('example.dev', 'v1', 'widgets', 'a/../b')).toBe(
      'https://127.0.0.1:1/apis/example.dev/v1/namespaces/a%2F..%2Fb/widgets',
    );
    expect(subject.getCustomResourceApiUri('', 'v1', 'pods')).toBe('https://127.0.0.1:1/api/v1/pods');
  });
});
