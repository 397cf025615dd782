// Status writes reach only the object and version that they are about, and a failed one is the caller's to know.
import { beforeEach, describe, expect, test } from 'vitest';
import type { ResourceMeta } from '../../../src/controller/resource-event.ts';
import { metaOf } from '../../../src/controller/resource-event.ts';
import { createVerbs, type Verbs } from '../../../src/controller/verbs.ts';
import { isForbidden, isTestFailure, isUnavailable } from '../../../src/kube/errors.ts';
import { FakeApi, refusal, WIDGETS } from './fake-api.ts';

let api: FakeApi;
let verbs: Verbs;
let meta: ResourceMeta;

const status = () => api.objects.get('w')?.['status'];
const writes = () => api.calls.filter((call) => call.verb === 'jsonPatch');
/** Another writer comes between, at the first `times` reads. */
function interfere(times: number): void {
  let left = times;
  api.fault = ({ verb }) => {
    if (verb === 'jsonPatch' && left-- > 0) api.put('w', {}, { status: { theirs: left } });
  };
}

beforeEach(() => {
  api = new FakeApi();
  verbs = createVerbs(api);
  meta = metaOf(WIDGETS, api.put('w', {}, { status: { phase: 'Old', count: 1 } }));
});

describe('setResourceStatus', () => {
  test('replaces the status through the subresource, testing uid and version', async () => {
    await verbs.setResourceStatus(meta, { phase: 'New' });
    expect(status()).toEqual({ phase: 'New' });
    expect(writes()).toEqual([
      {
        verb: 'jsonPatch',
        at: { namespace: 'shop', name: 'w', subresource: 'status' },
        body: [
          { op: 'test', path: '/metadata/uid', value: 'uid-w' },
          { op: 'test', path: '/metadata/resourceVersion', value: '1' },
          { op: 'add', path: '/status', value: { phase: 'New' } },
        ],
      },
    ]);
  });

  test('gives back the version that it wrote, for the next write', async () => {
    const next = await verbs.setResourceStatus(meta, { phase: 'New' });
    expect(next).toEqual({ ...meta, resourceVersion: '2' });
    await verbs.setResourceStatus(next, { phase: 'Newer' });
    expect(status()).toEqual({ phase: 'Newer' });
  });

  test('rejects, and writes nothing, when the object changed since', async () => {
    api.put('w', { labels: { a: 'b' } });
    await expect(verbs.setResourceStatus(meta, { phase: 'New' })).rejects.toSatisfy(isTestFailure);
    expect(status()).toEqual({ phase: 'Old', count: 1 });
  });

  test.each([
    ['500', refusal(500, 'InternalError'), isUnavailable],
    ['403', refusal(403, 'Forbidden'), isForbidden],
  ])('rejects with the %s that the server answered', async (_, error, holds) => {
    api.fault = () => {
      throw error;
    };
    await expect(verbs.setResourceStatus(meta, {})).rejects.toSatisfy(holds);
    expect(api.calls).toHaveLength(1);
  });
});

describe('patchResourceStatus', () => {
  test('merges into the status as it is now, whatever version the caller knows', async () => {
    api.put('w', {}, { status: { phase: 'Old', count: 2, theirs: true } });
    await verbs.patchResourceStatus(meta, { phase: 'New', count: null });
    expect(status()).toEqual({ phase: 'New', theirs: true });
  });

  test('makes a status where there is none', async () => {
    const other = metaOf(WIDGETS, api.put('x'));
    await verbs.patchResourceStatus(other, { phase: 'New' });
    expect(api.objects.get('x')?.['status']).toEqual({ phase: 'New' });
  });

  test('reads again when another writer was faster, and loses nothing of theirs', async () => {
    interfere(3);
    await verbs.patchResourceStatus(meta, { ours: true });
    expect(status()).toEqual({ theirs: 0, ours: true });
    expect(writes()).toHaveLength(4);
  });

  test('gives up with the conflict when others are always faster', async () => {
    interfere(100);
    await expect(verbs.patchResourceStatus(meta, { ours: true })).rejects.toSatisfy(isTestFailure);
    expect(writes()).toHaveLength(5);
  });

  test('a 409 is a conflict as well', async () => {
    let left = 1;
    api.fault = ({ verb }) => {
      if (verb === 'jsonPatch' && left-- > 0) throw refusal(409, 'Conflict');
    };
    await verbs.patchResourceStatus(meta, { ours: true });
    expect(status()).toMatchObject({ ours: true });
  });

  test('does not touch another object that got the name', async () => {
    api.remove('w');
    api.put('w', { uid: 'uid-other' });
    await expect(verbs.patchResourceStatus(meta, { ours: true })).rejects.toMatchObject({
      reason: 'ObjectReplaced',
    });
    expect(writes()).toEqual([]);
  });
});
