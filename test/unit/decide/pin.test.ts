// Pins: images by digest for a clean copy, and the patch that people apply to a workload.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_PIN_LENGTH, type Target } from '../../../src/api/incident.ts';
import { pinCommand, pinnedImage, unapproved, unpinnable, workloadPin } from '../../../src/decide/pin.ts';
import { compileApproved, type ApprovedList } from '../../../src/decide/approved-images.ts';
import { digest } from './builders.ts';

const A = digest('a');
const B = digest('b');

function aTarget(containers: Target['containers'], change: Partial<Target> = {}): Target {
  return { namespace: 'shop', name: 'web-1', uid: 'u', labels: {}, containers, ...change };
}

describe('a pinned image', () => {
  test.each([
    ['a tag', 'nginx:1.27', `docker.io/library/nginx@${A}`, `nginx:1.27@${A}`],
    [
      'no tag',
      'registry.example:5000/web',
      `registry.example:5000/web@${A}`,
      `registry.example:5000/web@${A}`,
    ],
    ['another name for the same', 'web:1', `mirror.example/web@${A}`, `web:1@${A}`],
    ['cri-dockerd', 'web:1', `docker-pullable://web@${A}`, `web:1@${A}`],
    ['a digest, which the author chose', `web:1@${B}`, `web@${A}`, `web:1@${B}`],
    ['a digest, and nothing known', `web@${B}`, undefined, `web@${B}`],
  ])('from %s', (_, image, imageID, expected) =>
    expect(pinnedImage(image, imageID)).toEqual({ ok: true, image: expected }),
  );

  test.each([
    ['is only on the node', 'web:1', A, 'built or loaded on the node'],
    ['is only on the node, by cri-dockerd', 'web:1', `docker://${A}`, 'built or loaded on the node'],
    ['has not run yet', 'web:1', undefined, 'not recorded'],
    ['has an empty ID', 'web:1', '', 'not recorded'],
    ['names half a digest', 'web@sha256:abc', `web@${A}`, 'no reference'],
    ['is meant for a shell', "web:1'; rm -rf /; '", `web@${A}`, 'no reference'],
    ['begins like an option', '--patch=x', `web@${A}`, 'no reference'],
    ['is too long', `web:${'1'.repeat(600)}`, `web@${A}`, 'no reference'],
  ])('is refused where it %s', (_, image, imageID, why) => {
    expect(pinnedImage(image, imageID)).toEqual({ ok: false, message: expect.stringContaining(why) });
  });

  test('ends with a digest and holds nothing that a shell reads, whatever the texts are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (image, imageID) => {
        const pin = pinnedImage(image, imageID);
        expect(pin.ok ? pin.image : `a@sha256:0`).toMatch(/^[A-Za-z0-9._/:@-]+@sha(256|512):[0-9a-f]+$/);
      }),
    );
  });
});

describe('what a pod would be pinned to', () => {
  const list = (approved: string, name = 'cluster'): ApprovedList => ({
    policy: { kind: 'ClusterDriftPolicy', name },
    images: compileApproved([`registry.example/web@${approved}`]),
    approves: true,
  });
  const target = aTarget([
    { name: 'web', image: 'registry.example/web:1', imageID: `registry.example/web@${A}` },
  ]);

  test('has to be on each list that names the repository', () => {
    expect(unapproved(target, [list(A)])).toBeUndefined();
    expect(unapproved(target, [list(A), list(B, 'other')])).toBe(
      `container web: ${A} is not on the list of approved images of ClusterDriftPolicy other`,
    );
    expect(unapproved(aTarget([{ name: 'db', image: 'registry.example/db:1' }]), [list(B)])).toBeUndefined();
  });

  test('is the digest that the spec names, and may be another name of the same image', () => {
    const named = aTarget([{ name: 'web', image: `registry.example/web:1@${B}`, imageID: `web@${A}` }]);
    expect(unapproved(named, [list(A)])).toContain(B);
    expect(unapproved(named, [list(A)], (_, a, b) => a === A && b === B)).toBeUndefined();
  });
});

test('a pod cannot be pinned where one of its containers cannot, init containers first', () => {
  const good = { name: 'web', image: 'web:1', imageID: `web@${A}` };
  const local = { name: 'setup', image: 'setup:1', imageID: A };
  expect(unpinnable(aTarget([good]))).toBeUndefined();
  expect(unpinnable(aTarget([good], { initContainers: [local] }))).toContain('container setup');
});

describe('the pin of a workload', () => {
  const web = { name: 'web', image: 'web:1', imageID: `web@${A}` };
  const injected = { name: 'proxy', image: 'proxy:1', imageID: `proxy@${B}` };
  const workload = (containers: { name: string; image: string }[], name = 'web') => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name,
    template: { containers },
  });

  test('has the containers of its template and none that admission put into the pod', () => {
    const pin = workloadPin(aTarget([web, injected]), workload([{ name: 'web', image: 'web:1' }]));
    expect(pin).toMatchObject({ ok: true, kind: 'Deployment', name: 'web' });
    expect(JSON.parse(pin.ok ? pin.patch : '')).toEqual({
      spec: { template: { spec: { containers: [{ name: 'web', image: `web:1@${A}` }] } } },
    });
  });

  test.each([
    ['has moved on to another image', [web], [{ name: 'web', image: 'web:2' }], 'other images'],
    [
      'is pinned already',
      [{ ...web, image: `web:1@${A}` }],
      [{ name: 'web', image: `web:1@${A}` }],
      'already',
    ],
    [
      'ran what is only on the node',
      [{ ...web, imageID: A }],
      [{ name: 'web', image: 'web:1' }],
      'container web',
    ],
  ])('is none where it %s', (_, ran, template, why) => {
    const pin = workloadPin(aTarget(ran), workload(template));
    expect(pin).toEqual({ ok: false, message: expect.stringContaining(why) });
  });

  test('is none for a name that is none: an owner reference holds any text', () => {
    const pin = workloadPin(aTarget([web]), workload([{ name: 'web', image: 'web:1' }], 'web $(reboot)'));
    expect(pin).toMatchObject({ ok: false });
  });

  test('is none where the incident has no room for it', () => {
    const many = Array.from({ length: 32 }, (_, i) => ({
      ...web,
      name: `c${i}`,
      image: `${'w'.repeat(200)}:1`,
    }));
    const pin = workloadPin(aTarget(many), workload(many));
    expect(pin).toEqual({ ok: false, message: expect.stringContaining('too long') });
    expect(MAX_PIN_LENGTH).toBe(4096);
  });

  test('is applied by one command that reads it from the incident', () => {
    expect(pinCommand('shop', 'web-1-abc-1', { kind: 'Deployment', name: 'web' })).toBe(
      `kubectl -n shop patch deployment web --patch "$(kubectl -n shop get driftincident web-1-abc-1 -o jsonpath='{.status.restart.pin.patch}')"`,
    );
  });
});
