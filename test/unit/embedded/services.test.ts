// EndpointSlices: who gets the traffic of a Service.
import { expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { ENDPOINT_SLICES } from '../../../src/kube/resources.ts';
import { at, createLab, MERGE_PATCH, newPod, type Lab } from './harness.ts';

interface Endpoint {
  addresses: string[];
  conditions: { ready: boolean; serving: boolean; terminating: boolean };
  targetRef: { name: string };
}

const slices = (lab: Lab) => lab.cluster.api.list(ENDPOINT_SLICES, 'shop');
const endpoints = (lab: Lab) => slices(lab).flatMap((slice: KubeObject) => slice['endpoints'] as Endpoint[]);
const readyNames = (lab: Lab) =>
  endpoints(lab)
    .filter(({ conditions }) => conditions.ready)
    .map(({ targetRef }) => targetRef.name);

async function labWithService(): Promise<Lab> {
  const lab = createLab();
  lab.cluster.start();
  const spec = { selector: { app: 'web' }, ports: [{ port: 80 }] };
  await lab.call('POST', at('services'), { metadata: { name: 'web' }, spec });
  for (const name of ['web-1', 'web-2']) await lab.call('POST', at('pods'), newPod(name));
  await lab.clock.advance(500);
  return lab;
}

test('a Service has one slice with its Ready pods', async () => {
  const lab = await labWithService();
  const [slice, another] = slices(lab);
  expect(another).toBeUndefined();
  expect(slice).toMatchObject({
    metadata: { labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 80, protocol: 'TCP' }],
  });
  expect(slice?.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
  expect(readyNames(lab)).toEqual(['web-1', 'web-2']);
  expect(endpoints(lab)[0]?.addresses[0]).toMatch(/^10\.244\.\d+\.\d+$/);
});

test('a pod without its labels leaves it within some ten milliseconds', async () => {
  const lab = await labWithService();
  await lab.call('PATCH', at('pods', 'web-1'), { metadata: { labels: { app: null } } }, MERGE_PATCH);
  await lab.clock.advance(30);
  expect(endpoints(lab).map(({ targetRef }) => targetRef.name)).toEqual(['web-2']);
});

test('a pod with one label more stays in it', async () => {
  const lab = await labWithService();
  const labels = { 'die-operator.dev/quarantine': 'true' };
  await lab.call('PATCH', at('pods', 'web-1'), { metadata: { labels } }, MERGE_PATCH);
  await lab.clock.advance(100);
  expect(readyNames(lab)).toEqual(['web-1', 'web-2']);
});

test('a pod that is not Ready stays in it without traffic', async () => {
  const lab = await labWithService();
  const status = { conditions: [{ type: 'Ready', status: 'False' }] };
  await lab.call('PATCH', `${at('pods', 'web-1')}/status`, { status }, MERGE_PATCH);
  await lab.clock.advance(30);
  expect(readyNames(lab)).toEqual(['web-2']);
  expect(endpoints(lab)).toHaveLength(2);
});

test('a pod that terminates serves on but gets no new traffic', async () => {
  const lab = await labWithService();
  await lab.call('DELETE', at('pods', 'web-1'));
  await lab.clock.advance(30);
  expect(endpoints(lab).find(({ targetRef }) => targetRef.name === 'web-1')?.conditions).toEqual({
    ready: false,
    serving: true,
    terminating: true,
  });
  await lab.clock.advance(2_000);
  expect(readyNames(lab)).toEqual(['web-2']);
  expect(endpoints(lab)).toHaveLength(1);
});

test('a Service without a selector has none', async () => {
  const lab = createLab();
  lab.cluster.start();
  await lab.call('POST', at('services'), { metadata: { name: 'outside' }, spec: {} });
  await lab.clock.advance(500);
  expect(slices(lab)).toEqual([]);
});

test('it goes with its Service', async () => {
  const lab = await labWithService();
  await lab.call('DELETE', at('services', 'web'));
  await lab.clock.advance(500);
  expect(slices(lab)).toEqual([]);
});
