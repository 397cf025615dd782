import { describe, expect, it } from 'vitest';
import {
  apiSnapshot,
  MAX_SNAPSHOT_BYTES,
  readSnapshot,
} from '../../../src/evidence/collectors/api-snapshot.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { contextOf, forbidden, INCIDENT, object, RecordingBundle, TARGET, UID } from './fakes.ts';
import { cluster, collected, owner, POD } from './snapshot-cluster.ts';

const namesIn = (list: Record<string, unknown>) =>
  (list['items'] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);

describe('the API snapshot', () => {
  it('holds the pod and everything around it, without managed fields and without a problem', async () => {
    const bundle = await collected(cluster(), { pod: POD });
    expect(bundle.problems).toEqual([]);
    expect([...bundle.files.keys()].toSorted()).toEqual([
      'api/about.json',
      'api/endpoint-slices.json',
      'api/events.json',
      'api/incident.json',
      'api/namespace.json',
      'api/network-policies.json',
      'api/node.json',
      'api/owners/deployment-web.json',
      'api/owners/replicaset-web-abc.json',
      'api/pod-disruption-budgets.json',
      'api/pod.json',
      'api/service-account.json',
      'rotate.json',
    ]);
    const { managedFields: _, ...metadata } = POD.metadata as typeof POD.metadata & {
      managedFields: unknown;
    };
    expect(bundle.json('api/pod.json')).toEqual({ ...POD, metadata });
    expect(bundle.json('rotate.json')).toMatchObject({
      serviceAccount: { name: 'web', secrets: ['web-token'] },
      secrets: [{ name: 'tls', reachedBy: ['volume certs'] }],
    });
  });

  it('takes the pod as it was read before the change, and does not read it again', async () => {
    const api = cluster();
    api.objects.set(
      'Pod/web-1',
      object('web-1', { uid: UID, labels: { 'die-operator.dev/quarantine': 'true' } }),
    );
    const bundle = await collected(api, { pod: POD });
    expect(api.requests).not.toContain('get Pod/web-1');
    expect(bundle.json('api/pod.json')['metadata']).toMatchObject({ labels: { app: 'web' } });
    expect(bundle.json('api/about.json')).toMatchObject({ readAfterIsolation: false, notes: [] });
  });

  it('says so when the pod is read after isolation, and follows the owners that the incident recorded', async () => {
    const api = cluster();
    const labels = { 'die-operator.dev/quarantine': 'true' };
    api.objects.set('Pod/web-1', object('web-1', { uid: UID, labels, spec: { serviceAccountName: 'web' } }));
    const target = { ...TARGET, ownerReferences: [owner('ReplicaSet', 'web-abc')] };
    const bundle = await collected(api, { target });
    expect(bundle.json('api/about.json')).toMatchObject({
      readAfterIsolation: true,
      notes: [expect.stringContaining('spec.target of incident.json')],
    });
    expect([...bundle.files.keys()]).toContain('api/owners/deployment-web.json');
    expect(bundle.problems).toEqual([]);
  });

  it('does not call a pod changed that nobody isolated', async () => {
    const bundle = await collected(cluster());
    expect(bundle.json('api/about.json')).toMatchObject({ readAfterIsolation: false });
  });

  it('asks for the events of that pod only, and keeps the slices that list it', async () => {
    const api = cluster();
    const bundle = await collected(api);
    expect(api.requests).toContain(`list Event shop involvedObject.uid=${UID}`);
    expect(namesIn(bundle.json('api/endpoint-slices.json'))).toEqual(['mine']);
    expect(bundle.json('api/events.json')).toMatchObject({ apiVersion: 'v1', kind: 'EventList' });
  });

  it('cuts long lists at 500 objects and says so', async () => {
    const api = cluster();
    api.lists.set(
      'NetworkPolicy',
      Array.from({ length: 501 }, (_, n) => object(`p${n}`)),
    );
    const bundle = await collected(api);
    expect(namesIn(bundle.json('api/network-policies.json'))).toHaveLength(500);
    expect(bundle.files.get('api/network-policies.json')?.truncated).toBe(true);
    expect(bundle.files.get('api/events.json')?.truncated).toBe(false);
    expect(bundle.problems).toEqual([
      'api-snapshot: api/network-policies.json is about the first 500 objects of kind NetworkPolicy only; there are more',
    ]);
  });
});

describe('what cannot be read', () => {
  it.each([
    ['Node/node-a', 'api/node.json', 'get Node node-a: 404 NotFound'],
    ['Namespace/shop', 'api/namespace.json', 'get Namespace shop: 404 NotFound'],
    ['ServiceAccount/web', 'api/service-account.json', 'get ServiceAccount web: 404 NotFound'],
    ['ReplicaSet/web-abc', 'api/owners/replicaset-web-abc.json', 'get ReplicaSet web-abc: 404 NotFound'],
    [`DriftIncident/${INCIDENT.name}`, 'api/incident.json', 'get DriftIncident'],
  ])('is a problem and hinders nothing else: %s', async (key, path, message) => {
    const api = cluster();
    api.objects.delete(key);
    const bundle = await collected(api);
    expect(bundle.problems).toEqual([expect.stringContaining(message)]);
    expect([...bundle.files.keys()]).not.toContain(path);
    expect([...bundle.files.keys()]).toContain('rotate.json');
  });

  it('is named when RBAC refuses a list', async () => {
    const api = cluster();
    api.lists.set('NetworkPolicy', forbidden('list NetworkPolicy in shop'));
    const bundle = await collected(api);
    expect(bundle.problems).toEqual([
      'api-snapshot: cannot list NetworkPolicy in shop: 403 Forbidden: no right',
    ]);
  });

  it.each([
    ['gone', undefined, 'Pod shop/web-1 is gone'],
    [
      'followed by another of its name',
      object('web-1', { uid: 'new' }),
      'another pod has its name, with uid new',
    ],
    ['refused', forbidden('get Pod web-1'), '403 Forbidden'],
  ])('of a pod that is %s is never replaced by anything else', async (_what, found, message) => {
    const api = cluster();
    api.objects.delete('Pod/web-1');
    if (found) api.objects.set('Pod/web-1', found);
    const bundle = await collected(api);
    expect(bundle.problems).toEqual([
      expect.stringContaining(message),
      expect.stringContaining('no rotate.json'),
    ]);
    expect([...bundle.files.keys()]).toEqual(expect.arrayContaining(['api/events.json', 'api/node.json']));
    expect([...bundle.files.keys()]).not.toContain('api/pod.json');
  });

  it('does not take a pod from memory that is not the target', async () => {
    const bundle = await collected(cluster(), { pod: object('web-1', { uid: 'other' }) });
    expect(bundle.json('api/pod.json')['metadata']).toMatchObject({ uid: UID });
  });

  it('has its own deadline each, and one that hangs until then loses only itself', async () => {
    const api = cluster();
    const stop = new AbortController();
    api.before = (request) =>
      request.startsWith('list NetworkPolicy')
        ? new Promise((_, reject) => {
            stop.signal.addEventListener('abort', () => reject(new Error('no answer within 5000 ms')));
          })
        : Promise.resolve();
    const reading = readSnapshot(contextOf(api));
    await new VirtualClock().advance(0);
    stop.abort();
    const { files, problems } = await reading;
    expect(problems).toEqual(['no answer within 5000 ms']);
    expect(files).toHaveLength(12);
    expect(new Set(api.timeouts)).toEqual(new Set([5000]));
  });

  it('never rejects, so that it can run beside the isolation', async () => {
    const api = cluster();
    for (const key of api.objects.keys()) api.objects.set(key, new Error('everything is broken'));
    const { files, problems } = await readSnapshot(contextOf(api));
    expect(problems.length).toBeGreaterThan(3);
    expect(files.map(({ path }) => path)).toContain('api/about.json');
    const odd = contextOf(cluster(), { pod: { ...POD, spec: { volumes: 'no list' } } });
    expect(await readSnapshot(odd)).toEqual({
      files: [],
      problems: [expect.stringContaining('the snapshot failed')],
    });
  });

  it('is everything once the time is over, and is returned at once', async () => {
    const { problems } = await readSnapshot(
      contextOf(cluster(), { signal: AbortSignal.abort(new Error('time is over')) }),
    );
    expect(problems).toContain('no manifest of the pod: time is over');
  });
});

describe('a snapshot that was begun earlier', () => {
  it('is what the collector writes; nothing is read again', async () => {
    const api = cluster();
    const started = readSnapshot(contextOf(api, { pod: POD }));
    await started;
    const before = api.requests.length;
    const bundle = new RecordingBundle();
    await apiSnapshot(started).collect(contextOf(api), bundle);
    expect(api.requests).toHaveLength(before);
    expect(bundle.files.get('api/pod.json')?.collector).toBe('api-snapshot');
  });

  it('holds at most 8 MiB, leaves out whole files, and names them', async () => {
    const api = cluster();
    api.lists.set('NetworkPolicy', [object('huge', { annotations: { a: 'x'.repeat(MAX_SNAPSHOT_BYTES) } })]);
    const { files, problems } = await readSnapshot(contextOf(api));
    expect(problems).toEqual([
      expect.stringMatching(
        /^api\/network-policies\.json \(\d+ bytes\) is left out: a snapshot has at most 8388608 bytes$/,
      ),
    ]);
    const bytes = files.reduce((sum, { content }) => sum + content.length, 0);
    expect(bytes).toBeLessThanOrEqual(MAX_SNAPSHOT_BYTES);
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['api/node.json', 'api/namespace.json']),
    );
  });
});
