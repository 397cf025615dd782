// Which lists of images have a say about a pod that is to be made anew.
import { expect, test } from 'vitest';
import type { PodFacts } from '../../../src/api/pod.ts';
import { compileApproved } from '../../../src/decide/approved-images.ts';
import { unapprovedImage } from '../../../src/incidents/replacement.ts';
import { aPod, anIncident } from '../../support/builders.ts';

const RUNS = `sha256:${'a'.repeat(64)}`;
const LISTED = `sha256:${'b'.repeat(64)}`;

function cachesWith(matchesPod: (pod: PodFacts) => boolean) {
  const images = compileApproved([`registry.example/web@${LISTED}`]);
  const policy = { kind: 'DriftPolicy', name: 'web', mode: 'Enforce', approvedImages: images, matchesPod };
  return { rulebooks: { of: () => ({ inForce: new Map([['web', policy]]) }) } } as never;
}

const image = { name: 'web', image: 'registry.example/web:1', imageID: `registry.example/web@${RUNS}` };
const incident = anIncident();
incident.spec.target.labels = { app: 'web' };
incident.spec.target.containers = [image];

test('a list refuses by the labels that the pod had, whoever took them away since', () => {
  const caches = cachesWith(({ labels }) => labels['app'] === 'web');
  expect(unapprovedImage({ caches }, incident, aPod({ labels: {} }))).toContain('DriftPolicy web');
});

test('a list that did not select the pod has no say, whatever labels somebody gave it since', () => {
  const caches = cachesWith(({ labels }) => labels['app'] === 'other');
  expect(unapprovedImage({ caches }, incident, aPod({ labels: { app: 'other' } }))).toBeUndefined();
});
