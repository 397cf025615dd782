// What the condition `Verified` of a policy says of what was found of its pods.
import { describe, expect, test } from 'vitest';
import type { TemplateFinding } from '../../../src/decide/template-finding.ts';
import type { VerifiedImage } from '../../../src/decide/verify-images.ts';
import { Verifications } from '../../../src/incidents/verifications.ts';
import { aPod } from '../../support/builders.ts';

const POLICY = { uid: 'policy-1', key: 'shop/web' };
const ASKED = { policies: [POLICY] };
/** No pod waits to be looked at. */
const ALL = { pending: 0 };
const podOf = (n: number) => aPod({ uid: `pod-${n}`, name: `web-${n}` });

const image = (
  verdict: VerifiedImage['verdict'],
  message = 'container web runs something',
): VerifiedImage => ({
  container: 'web',
  image: 'registry.example/web:1',
  verdict,
  reason: 'NoDigest',
  message,
});
const DRIFT: TemplateFinding = {
  kind: 'AddedContainer',
  field: 'spec.containers[miner]',
  approved: 'nothing',
  runs: 'miner',
  danger: false,
  message: 'container miner is not in the template',
};

function found(...pods: { images: VerifiedImage[]; drift?: TemplateFinding[] }[]): Verifications {
  const all = new Verifications();
  pods.forEach(({ images, drift = [] }, n) => all.note(podOf(n), ASKED, { images, drift }));
  return all;
}

describe('the condition', () => {
  test('is unknown before any pod was looked at, and of pods of other policies', () => {
    expect(new Verifications().conditionOf(POLICY.uid, ALL)).toMatchObject({
      status: 'Unknown',
      reason: 'NoPods',
    });
    const all = found({ images: [image('Unapproved')] });
    expect(all.conditionOf('another', ALL)).toMatchObject({ reason: 'NoPods' });
  });

  test('is true where every image is approved', () => {
    const all = found({ images: [image('Approved'), image('Approved')] }, { images: [image('Approved')] });
    expect(all.conditionOf(POLICY.uid, ALL)).toEqual({
      type: 'Verified',
      status: 'True',
      reason: 'Verified',
      message: 'the images of 3 containers of 2 pods are approved',
    });
  });

  test('is not true of a part of the pods, nor are there none while some wait to be looked at', () => {
    const some = found({ images: [image('Approved')] }, { images: [image('Approved')] });
    const verifying = { type: 'Verified', status: 'Unknown', reason: 'Verifying' };
    expect(some.conditionOf(POLICY.uid, { pending: 1 })).toEqual({
      ...verifying,
      message: '1 of 3 pods not looked at yet',
    });
    expect(new Verifications().conditionOf(POLICY.uid, { pending: 2 })).toMatchObject(verifying);
    expect(some.has('pod-1', POLICY.uid)).toBe(true);
    expect(some.has('pod-1', 'another')).toBe(false);
    expect(some.has('pod-2', POLICY.uid)).toBe(false);
  });

  test.each([
    ['Unapproved', image('Unapproved')],
    ['MutableTag', image('MutableTag')],
  ])('tells of %s before all pods were looked at', (reason, bad) => {
    const all = found({ images: [image('Approved')] }, { images: [bad] });
    expect(all.conditionOf(POLICY.uid, { pending: 7 }).reason).toBe(reason);
  });

  test('is unknown where an image cannot be proven, by the worst of them', () => {
    const all = found({ images: [image('MutableTag'), image('LocalOnly', 'container side is local')] });
    expect(all.conditionOf(POLICY.uid, ALL)).toMatchObject({
      status: 'Unknown',
      reason: 'LocalOnly',
      message: '2 containers of 1 pod: 1 MutableTag, 1 LocalOnly: shop/web-0: container side is local',
    });
  });

  test('is false where one is not approved, and names three pods', () => {
    const all = found(...Array.from({ length: 5 }, () => ({ images: [image('Unapproved', 'it is bad')] })));
    const { status, reason, message } = all.conditionOf(POLICY.uid, ALL);
    expect([status, reason]).toEqual(['False', 'Unapproved']);
    expect(message).toMatch(
      /^5 images of 5 containers of 5 pods not approved, 0 pods differ from the template/,
    );
    expect(message).toMatch(/shop\/web-2: it is bad; and 2 more pods$/);
  });

  test('is false where only the configuration differs', () => {
    const all = found({ images: [image('MutableTag')], drift: [DRIFT] });
    expect(all.conditionOf(POLICY.uid, ALL)).toMatchObject({
      status: 'False',
      reason: 'ConfigurationDrift',
      message: expect.stringContaining('shop/web-0: container miner is not in the template'),
    });
  });

  test('is unknown while the list of the policy cannot be read, but what is false stays false', () => {
    const told = { problem: 'there is no ConfigMap', pending: 0 };
    const good = found({ images: [image('Approved')] });
    expect(good.conditionOf(POLICY.uid, told)).toMatchObject({ status: 'Unknown', reason: 'ListUnreadable' });
    const bad = found({ images: [image('Unapproved')] }).conditionOf(POLICY.uid, told);
    expect(bad).toMatchObject({ status: 'False', reason: 'Unapproved' });
    expect(bad.message).toMatch(/^there is no ConfigMap\. 1 image/);
  });
});

test('a policy is told of what changed, and of nothing else', () => {
  const all = new Verifications();
  const approved = { images: [image('Approved')], drift: [] };
  expect(all.note(podOf(1), ASKED, approved)).toEqual(['shop/web']);
  expect(all.note(podOf(1), ASKED, approved)).toEqual([]);
  const other = { policies: [{ uid: 'policy-2', key: '/cluster' }] };
  expect(all.note(podOf(1), other, approved).toSorted()).toEqual(['/cluster', 'shop/web']);
  expect(all.forget('pod-1')).toEqual(['/cluster']);
  expect(all.forget('pod-1')).toEqual([]);
});

test('metrics count containers by verdict, and pods that differ', () => {
  const all = found({ images: [image('Approved'), image('Unapproved')], drift: [DRIFT, DRIFT] });
  expect(all.counts()).toEqual({ Approved: 1, MutableTag: 0, LocalOnly: 0, Unverifiable: 0, Unapproved: 1 });
  expect(all.drifted()).toBe(1);
});
