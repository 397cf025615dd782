// A finalizer is added and removed without disturbing those of others, and holds the object until the action is done.
import { beforeEach, describe, expect, test } from 'vitest';
import { metaOf, type EventType, type ResourceEvent } from '../../../src/controller/resource-event.ts';
import { createVerbs, type Verbs } from '../../../src/controller/verbs.ts';
import { isForbidden, isTestFailure, isUnavailable } from '../../../src/kube/errors.ts';
import { FakeApi, refusal, WIDGETS } from './fake-api.ts';

const OURS = 'die-operator.dev/containment';
const THEIRS = 'example.dev/theirs';
const DELETED_AT = '2026-11-22T01:00:00Z';

let api: FakeApi;
let verbs: Verbs;
let actions: ResourceEvent[];

const finalizers = () => api.objects.get('w')?.metadata.finalizers;
const writes = () => api.calls.filter((call) => call.verb === 'jsonPatch');
const act = async (seen: ResourceEvent) => {
  actions.push(seen);
};

function event(metadata: Parameters<FakeApi['put']>[1], type: EventType = 'MODIFIED'): ResourceEvent {
  const object = api.put('w', metadata);
  return { type, meta: metaOf(WIDGETS, object), object };
}

beforeEach(() => {
  api = new FakeApi();
  verbs = createVerbs(api);
  actions = [];
});

describe('an object that lives', () => {
  test.each<EventType>(['ADDED', 'MODIFIED'])(
    'gets the finalizer on %s, and the event needs no more',
    async (type) => {
      expect(await verbs.handleResourceFinalizer(event({ finalizers: [THEIRS] }, type), OURS, act)).toBe(
        true,
      );
      expect(finalizers()).toEqual([THEIRS, OURS]);
      expect(actions).toEqual([]);
    },
  );

  test('that has the finalizer is for the caller to handle', async () => {
    expect(await verbs.handleResourceFinalizer(event({ finalizers: [OURS] }), OURS, act)).toBe(false);
    expect(api.calls).toEqual([]);
  });

  test('keeps a finalizer that another controller added meanwhile', async () => {
    const seen = event({});
    api.put('w', { finalizers: [THEIRS] });
    await verbs.handleResourceFinalizer(seen, OURS, act);
    expect(finalizers()).toEqual([THEIRS, OURS]);
  });

  test('is read again when another writer comes between read and write', async () => {
    const seen = event({});
    let left = 2;
    api.fault = ({ verb }) => {
      if (verb === 'jsonPatch' && left-- > 0) api.put('w', { finalizers: [`${THEIRS}-${left}`] });
    };
    await verbs.handleResourceFinalizer(seen, OURS, act);
    expect(finalizers()).toEqual([`${THEIRS}-0`, OURS]);
  });

  test('is not written when it has the finalizer by now, or is being deleted by now', async () => {
    const seen = event({});
    api.put('w', { finalizers: [OURS] });
    await verbs.handleResourceFinalizer(seen, OURS, act);
    api.put('w', { finalizers: [THEIRS], deletionTimestamp: DELETED_AT });
    await verbs.handleResourceFinalizer(seen, OURS, act);
    expect(writes()).toEqual([]);
  });

  test('leaves the event as it was', async () => {
    const seen = event({ finalizers: [THEIRS] });
    const before = structuredClone(seen);
    await verbs.handleResourceFinalizer(seen, OURS, act);
    expect(seen).toEqual(before);
  });
});

describe('an object that is to be deleted', () => {
  const deleting = (list: string[]) => event({ finalizers: list, deletionTimestamp: DELETED_AT });

  test('is let go after the action', async () => {
    const seen = deleting([OURS]);
    expect(await verbs.handleResourceFinalizer(seen, OURS, act)).toBe(true);
    expect(actions).toEqual([seen]);
    expect(api.objects.has('w')).toBe(false);
  });

  test('keeps the finalizers of others', async () => {
    await verbs.handleResourceFinalizer(deleting([THEIRS, OURS]), OURS, act);
    expect(finalizers()).toEqual([THEIRS]);
  });

  test('keeps ours when the action fails, and the caller hears of it', async () => {
    const fail = () => Promise.reject(new Error('the pod cannot be deleted'));
    await expect(verbs.handleResourceFinalizer(deleting([OURS]), OURS, fail)).rejects.toThrow(
      'the pod cannot',
    );
    expect(finalizers()).toEqual([OURS]);
  });

  test('that never had our finalizer needs nothing', async () => {
    expect(await verbs.handleResourceFinalizer(deleting([THEIRS]), OURS, act)).toBe(true);
    expect({ actions, calls: api.calls }).toEqual({ actions: [], calls: [] });
  });

  test('that is gone by the time of the removal is let go already', async () => {
    const seen = deleting([OURS]);
    const remove = async () => api.remove('w');
    expect(await verbs.handleResourceFinalizer(seen, OURS, remove)).toBe(true);
  });

  test('leaves another object of its name alone', async () => {
    const seen = deleting([OURS]);
    api.remove('w');
    api.put('w', { uid: 'uid-other', finalizers: [OURS] });
    await verbs.handleResourceFinalizer(seen, OURS, act);
    expect(finalizers()).toEqual([OURS]);
  });
});

test('an object that is gone needs nothing', async () => {
  expect(await verbs.handleResourceFinalizer(event({}, 'DELETED'), OURS, act)).toBe(false);
  expect(api.calls).toEqual([]);
});

describe('a finalizer that cannot be written', () => {
  test.each([
    ['adding', {}],
    ['removing', { finalizers: [OURS], deletionTimestamp: DELETED_AT }],
  ])('is an error for the caller: %s', async (_, metadata) => {
    const seen = event(metadata);
    api.fault = ({ verb }) => {
      if (verb === 'jsonPatch') throw refusal(403, 'Forbidden');
    };
    await expect(verbs.handleResourceFinalizer(seen, OURS, act)).rejects.toSatisfy(isForbidden);
  });

  test('also when the object cannot be read', async () => {
    const seen = event({});
    api.fault = () => {
      throw refusal(500, 'InternalError');
    };
    await expect(verbs.handleResourceFinalizer(seen, OURS, act)).rejects.toSatisfy(isUnavailable);
  });
});

describe('setResourceFinalizers', () => {
  test('replaces the list of that version', async () => {
    const { meta } = event({ finalizers: [THEIRS] });
    await verbs.setResourceFinalizers(meta, [OURS]);
    expect(finalizers()).toEqual([OURS]);
  });

  test('rejects when the object changed since, so that no finalizer of others is lost', async () => {
    const { meta } = event({});
    api.put('w', { finalizers: [THEIRS] });
    await expect(verbs.setResourceFinalizers(meta, [OURS])).rejects.toSatisfy(isTestFailure);
    expect(finalizers()).toEqual([THEIRS]);
  });
});
