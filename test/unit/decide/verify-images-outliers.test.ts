// A pod that runs another image than the first pods of its controller, found without any registry.
import { describe, expect, test } from 'vitest';
import type { PodFacts } from '../../../src/api/pod.ts';
import type { SameImage } from '../../../src/decide/verify-images.ts';
import { A, answers, at, B, OWNER, podWith, REPOSITORY, verify } from './verify-images-support.ts';

describe('a pod among those of its controller', () => {
  const sibling = (name: string, runs: string, seconds: number, change: Partial<PodFacts> = {}) =>
    podWith(`${REPOSITORY}:1`, `${REPOSITORY}@${runs}`, {
      name,
      uid: name,
      createdAt: at(seconds),
      ...change,
    });

  test('that differs from the first ones is an outlier, whichever of them are younger', () => {
    const [a, b, late] = [sibling('a', A, 0), sibling('b', A, 2), sibling('late', B, 3600)];
    const siblings = [late, b, a];
    expect(verify(a, { siblings })[0]).toMatchObject({ verdict: 'MutableTag' });
    expect(verify(late, { siblings })[0]).toMatchObject({
      verdict: 'Unapproved',
      reason: 'Outlier',
      approved: A,
      runs: B,
      unsure: true,
    });
    // That most run it by now makes it no better.
    const more = [sibling('late-2', B, 3601), sibling('late-3', B, 3602)];
    expect(verify(late, { siblings: [...siblings, ...more] })[0]).toMatchObject({ reason: 'Outlier' });
  });

  test('that was made together with others is judged by most of them, whoever comes first', () => {
    const siblings = [sibling('a', B, 0), sibling('b', A, 1), sibling('c', A, 1)];
    expect(siblings.map((one) => verify(one, { siblings })[0]?.reason)).toEqual([
      'Outlier',
      'NoDigest',
      'NoDigest',
    ]);
  });

  test('is none where the registry says that both are one image, and is sure where it says they are not', () => {
    const siblings = [sibling('a', A, 0), sibling('b', B, 300)];
    const judged = (answer: ReturnType<SameImage>) =>
      siblings[1] && verify(siblings[1], { siblings, same: answers(answer) })[0];
    expect(judged('Same')?.reason).toBe('NoDigest');
    expect(judged('Asking')?.reason).toBe('AskingRegistry');
    expect(judged('Other')).toMatchObject({ reason: 'Outlier' });
    expect(judged('Other')).not.toHaveProperty('unsure');
  });

  test('is measured by those of its own namespace, and of its own revision where its controller has revisions', () => {
    const [one, two] = ['1', '2'].map((hash) => ({ 'controller-revision-hash': hash }));
    const reasonOf = (kind: string, labels: PodFacts['labels'] = {}, change: Partial<PodFacts> = {}) => {
      const ownerReferences = [{ ...OWNER, kind }];
      const late = sibling('late', B, 3600, { ownerReferences, ...(two && { labels: two }) });
      const first = sibling('first', A, 0, { ownerReferences, labels, ...change });
      return verify(late, { siblings: [first, late] })[0]?.reason;
    };
    for (const kind of ['StatefulSet', 'DaemonSet']) {
      expect(reasonOf(kind, two)).toBe('Outlier');
      expect(reasonOf(kind, one)).toBe('NoDigest');
      expect(reasonOf(kind, two, { namespace: 'bank' })).toBe('NoDigest');
    }
    // They pass the label over, which whoever may label pods could set.
    for (const kind of ['ReplicaSet', 'ReplicationController', 'Job'])
      expect(reasonOf(kind, one)).toBe('Outlier');
    // Nobody knows which pods of these were made together.
    expect(reasonOf('StrimziPodSet', two)).toBe('NoDigest');
  });

  test('is no outlier by a digest of another repository, nor is another one by it', () => {
    const strange = podWith(`${REPOSITORY}:1`, `aaa.example/x@${B}`, {
      name: 's',
      uid: 's',
      createdAt: at(0),
    });
    const usual = sibling('usual', A, 3600);
    const siblings = [strange, usual];
    expect(verify(usual, { siblings })[0]?.reason).toBe('NoDigest');
    expect(verify(strange, { siblings })[0]?.reason).toBe('OtherRepository');
  });

  test('is not measured by pods of another controller, in quarantine, or of another image', () => {
    const late = sibling('late', B, 3600);
    const others = [
      sibling('foreign', A, 0, { ownerReferences: [{ ...OWNER, uid: 'other' }] }),
      sibling('quarantined', A, 0, { labels: { 'die-operator.dev/quarantine': 'true' } }),
      podWith(`${REPOSITORY}:2`, `${REPOSITORY}@${A}`, { name: 'next', uid: 'next', createdAt: at(0) }),
    ];
    expect(verify(late, { siblings: [...others, late] })[0]?.verdict).toBe('MutableTag');
  });

  test('that got a digest besides the tag of the others is one by what it runs', () => {
    const changed = podWith(`${REPOSITORY}:1@${B}`, `${REPOSITORY}@${B}`, {
      name: 'c',
      uid: 'c',
      createdAt: at(0),
    });
    const siblings = [sibling('a', A, 0), sibling('b', A, 0), changed];
    const template = new Map([['web', `${REPOSITORY}:1`]]);
    expect(verify(changed, { siblings, template })[0]).toMatchObject({
      reason: 'Outlier',
      approved: A,
      runs: B,
    });
    const same = podWith(`${REPOSITORY}:1@${A}`, `${REPOSITORY}@${A}`, {
      name: 's',
      uid: 's',
      createdAt: at(0),
    });
    expect(verify(same, { siblings: [...siblings, same], template })[0]?.message).toContain(
      'its template names no digest',
    );
  });

  test('without a controller has none', () => {
    const bare = sibling('bare', B, 10, { ownerReferences: [] });
    expect(verify(bare, { siblings: [sibling('a', A, 0), bare] })[0]?.verdict).toBe('MutableTag');
  });
});
