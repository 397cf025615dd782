// Identity, for any pods and any told facts: what may never happen, and what may not matter.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ToldIdentity } from '../../../src/api/detection.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { identify } from '../../../src/decide/identify.ts';
import { container, pod } from './builders.ts';

describe('for any pods and any told facts', () => {
  // Few values, so that facts agree and collide often.
  const hex = fc.constantFrom('a', 'b').map((digit) => digit.repeat(12));
  const fullId = fc.tuple(hex, fc.constantFrom('0', '1')).map(([head, rest]) => head + rest.repeat(52));
  const containerID = fullId.map((id) => `containerd://${id}`);
  const anyContainer = fc
    .record(
      { name: fc.constantFrom('app', 'proxy'), containerID, previousContainerID: containerID },
      { requiredKeys: ['name'] },
    )
    .map(container);
  const anyPod = fc
    .record({
      uid: fc.constantFrom('u1', 'u2', 'u3'),
      name: fc.constantFrom('n1', 'n2'),
      namespace: fc.constantFrom('s1', 's2'),
      nodeName: fc.constantFrom('h1', 'h2'),
      containers: fc.uniqueArray(anyContainer, { maxLength: 2, selector: ({ name }) => name }),
    })
    .map(pod);
  const pods = fc.uniqueArray(anyPod, { maxLength: 4, selector: ({ uid }) => uid });
  const anyTold: fc.Arbitrary<ToldIdentity> = fc.record(
    {
      podUid: fc.constantFrom('u1', 'u2', 'u3', 'u4', ''),
      podName: fc.constantFrom('n1', 'n2', ''),
      namespace: fc.constantFrom('s1', 's2', ''),
      containerId: fc.oneof(hex, fullId, fc.constantFrom('host', '', 'aaaa')),
      hostname: fc.constantFrom('h1', 'h2', ''),
    },
    { requiredKeys: [] },
  );

  const runs = { numRuns: 3000 };
  const idsOf = ({ containers }: PodFacts) =>
    containers.flatMap((one) =>
      [one.containerID, one.previousContainerID].flatMap((id) => id?.split('//')[1] ?? []),
    );
  const hasToldContainer = (told: ToldIdentity, candidate: PodFacts) =>
    (told.containerId?.length ?? 0) >= 12 &&
    idsOf(candidate).some((id) => id.startsWith(told.containerId ?? '?'));

  test('a pod whose UID and container IDs all differ is never meant', () => {
    fc.assert(
      fc.property(anyTold, pods, (told, candidates) => {
        const result = identify(told, candidates);
        if (result.kind === 'Refused') return;
        expect(result.pod.uid === told.podUid || hasToldContainer(told, result.pod)).toBe(true);
      }),
      runs,
    );
  });

  test('a strong result contradicts nothing that was told', () => {
    fc.assert(
      fc.property(anyTold, pods, (told, candidates) => {
        const result = identify(told, candidates);
        if (result.kind === 'Refused') return;
        const { pod: meant } = result;
        expect([meant.uid, '', undefined]).toContain(told.podUid);
        expect([meant.nodeName, '', undefined]).toContain(told.hostname);
        expect([meant.name, '', undefined]).toContain(told.podName);
        expect([meant.namespace, '', undefined]).toContain(told.namespace);
        expect(result.container !== undefined && !hasToldContainer(told, meant)).toBe(false);
      }),
      runs,
    );
  });

  test('further candidates never change a strong result to another pod', () => {
    fc.assert(
      fc.property(anyTold, pods, fc.nat(), (told, candidates, cut) => {
        const fewer = identify(told, candidates.slice(0, cut % (candidates.length + 1)));
        const more = identify(told, candidates);
        fc.pre(fewer.kind === 'Strong' && more.kind === 'Strong');
        expect(more.pod.uid).toBe(fewer.pod.uid);
      }),
      runs,
    );
  });

  test('unrelated candidates change nothing at all', () => {
    const stranger = pod({
      uid: 'stranger',
      containers: [container({ containerID: `containerd://${'e'.repeat(64)}` })],
    });
    fc.assert(
      fc.property(anyTold, pods, (told, candidates) => {
        expect(identify(told, [stranger, ...candidates])).toEqual(identify(told, candidates));
      }),
      runs,
    );
  });

  test('the order of the candidates changes neither pod nor reason', () => {
    const outcome = (told: ToldIdentity, candidates: readonly PodFacts[]) => {
      const result = identify(told, candidates);
      return result.kind === 'Strong'
        ? [result.pod.uid, result.container, result.by]
        : [result.reason, result.retry];
    };
    fc.assert(
      fc.property(anyTold, pods, (told, candidates) => {
        expect(outcome(told, candidates.toReversed())).toEqual(outcome(told, candidates));
      }),
      runs,
    );
  });

  test('an alert is told apart often enough for these properties to mean something', () => {
    const results = fc
      .sample(fc.tuple(anyTold, pods), { numRuns: 2000, seed: 7 })
      .map(([told, candidates]) => identify(told, candidates));
    expect(results.filter(({ kind }) => kind === 'Strong').length).toBeGreaterThan(50);
    const reasons = new Set(results.flatMap((result) => (result.kind === 'Refused' ? result.reason : [])));
    expect(reasons.size).toBe(7);
  });
});
