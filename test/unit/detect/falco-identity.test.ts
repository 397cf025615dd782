import { describe, expect, it } from 'vitest';
import { alert, detected } from './support.ts';

describe('identity', () => {
  const FULL = '2349fe66d55b8451092feecb1bba53f674736f870e78a7f37e2bcd4144347147';
  const UID = '11111111-2222-3333-4444-555555555555';

  it.each([null, '', '<NA>', 'host', 7, ['x'], {}, undefined])('takes %j as not told', (value) => {
    const nothing = Object.fromEntries(
      ['k8s.pod.uid', 'k8s.pod.name', 'k8s.ns.name', 'container.name', 'proc.exepath'].map((key) => [
        key,
        value,
      ]),
    );
    const { identity, summary } = detected(alert(nothing));
    expect(identity).toEqual({ containerId: '2349fe66d55b', hostname: 'node-1' });
    expect(summary).not.toHaveProperty('executable');
  });

  it.each([
    ['the full id', { 'container.full_id': FULL }, FULL],
    ['the short id without a full one', { 'container.full_id': null }, '2349fe66d55b'],
    ['the full id without a short one', { 'container.full_id': FULL, 'container.id': null }, FULL],
    ['no id if the two contradict', { 'container.full_id': 'f'.repeat(64) }, undefined],
    ['no id in upper case', { 'container.id': '2349FE66D55B' }, undefined],
    ['no id of 11 digits', { 'container.id': '2349fe66d55' }, undefined],
    ['no id of 65 digits', { 'container.id': 'a'.repeat(65) }, undefined],
    ['no id with other characters', { 'container.id': '2349fe66d55b\n' }, undefined],
  ])('tells %s', (_what, fields, expected) => {
    const { identity, summary } = detected(alert(fields));
    expect(identity.containerId).toBe(expected);
    expect(summary.containerID).toBe(expected);
  });

  it.each([
    ['by its name today', { 'k8s.pod.uid': UID, 'k8s.pod.id': 'old' }, UID],
    ['by its former name', { 'k8s.pod.uid': null, 'k8s.pod.id': UID }, UID],
    [
      'of a static pod',
      { 'k8s.pod.uid': 'd41d8cd98f00b204e9800998ecf8427e' },
      'd41d8cd98f00b204e9800998ecf8427e',
    ],
    ['not if too long', { 'k8s.pod.uid': 'a'.repeat(37) }, undefined],
    ['not with other characters', { 'k8s.pod.uid': '../../secrets' }, undefined],
  ])('reads the UID %s', (_what, fields, expected) => {
    expect(detected(alert(fields)).identity.podUid).toBe(expected);
  });

  it.each([
    ['k8s.pod.name', 'podName', 'web-1.shop', 253],
    ['k8s.ns.name', 'namespace', 'shop-2', 63],
    ['container.name', 'containerName', 'app-2', 63],
  ] as const)('checks %s as the DNS name that it is', (field, key, good, max) => {
    const read = (value: string) => detected(alert({ [field]: value })).identity[key];
    expect(read(good)).toBe(good);
    expect(read('a'.repeat(max))).toBe('a'.repeat(max));
    for (const bad of [
      'a'.repeat(max + 1),
      'UPPER',
      '-a',
      'a-',
      'a_b',
      'a/../b',
      'a\u0000',
      'ä',
      'a..b',
      'a b',
    ]) {
      expect([bad, read(bad)]).toEqual([bad, undefined]);
    }
  });

  it('reads the hostname in lower case, as node names are', () => {
    const read = (hostname: string) => detected(alert({}, { hostname })).identity.hostname;
    expect(read('Node-1.Example')).toBe('node-1.example');
    // A placeholder elsewhere; as a node's name it must not weaken the comparison with the pod's node.
    expect(read('host')).toBe('host');
    expect(read('<NA>')).toBeUndefined();
    expect(read('no de')).toBeUndefined();
  });

  it('checks hostile names without backtracking for long', () => {
    const started = performance.now();
    for (const hostile of [
      'a-'.repeat(126),
      'a.'.repeat(126),
      `${'a'.repeat(200_000)}!`,
      '-'.repeat(200_000),
    ]) {
      expect(detected(alert({ 'k8s.pod.name': hostile })).identity.podName).toBeUndefined();
    }
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
