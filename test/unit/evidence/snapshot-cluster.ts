// A pod with everything around it, for the tests of the API snapshot.
import { apiSnapshot } from '../../../src/evidence/collectors/api-snapshot.ts';
import type { CollectContext } from '../../../src/evidence/collector.ts';
import { contextOf, FakeApi, INCIDENT, object, RecordingBundle, UID } from './fakes.ts';

/** A reference to a controller. */
export const owner = (kind: string, name: string, apiVersion = 'apps/v1') => ({
  apiVersion,
  kind,
  name,
  uid: `uid-of-${name}`,
  controller: true,
});

/** The incident's pod. */
export const POD = object('web-1', {
  uid: UID,
  namespace: 'shop',
  labels: { app: 'web' },
  ownerReferences: [owner('ReplicaSet', 'web-abc')],
  managedFields: [{ manager: 'kubelet' }],
  spec: { serviceAccountName: 'web', volumes: [{ name: 'certs', secret: { secretName: 'tls' } }] },
});

/** A cluster in which everything is there. */
export function cluster(): FakeApi {
  const api = new FakeApi();
  api.objects.set('Pod/web-1', POD);
  api.objects.set('ReplicaSet/web-abc', object('web-abc', { ownerReferences: [owner('Deployment', 'web')] }));
  api.objects.set('Deployment/web', object('web'));
  api.objects.set('Node/node-a', object('node-a'));
  api.objects.set('Namespace/shop', object('shop'));
  api.objects.set('ServiceAccount/web', { ...object('web'), secrets: [{ name: 'web-token' }] });
  api.objects.set(`DriftIncident/${INCIDENT.name}`, object(INCIDENT.name, { uid: INCIDENT.uid }));
  api.lists.set('Event', [object('web-1.1')]);
  api.lists.set('EndpointSlice', [
    { ...object('mine'), endpoints: [{ targetRef: { uid: 'x' } }, { targetRef: { uid: UID } }] },
    { ...object('of-others'), endpoints: [{ targetRef: { uid: 'x' } }, {}] },
    object('empty'),
  ]);
  api.lists.set('NetworkPolicy', [object('deny')]);
  api.lists.set('PodDisruptionBudget', [object('budget')]);
  return api;
}

/** Runs the collector. */
export async function collected(api: FakeApi, rest: Partial<CollectContext> = {}): Promise<RecordingBundle> {
  const bundle = new RecordingBundle();
  await apiSnapshot().collect(contextOf(api, rest), bundle);
  return bundle;
}
