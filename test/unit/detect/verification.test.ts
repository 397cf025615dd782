// From what a verification found to detections: which rule, how severe, and that the same finding is the same detection.
import { describe, expect, test } from 'vitest';
import { DetectionSummarySchema } from '../../../src/api/detection.ts';
import type { TemplateFinding } from '../../../src/decide/template-finding.ts';
import type { VerifiedImage } from '../../../src/decide/verify-images.ts';
import { VERIFICATION_RULES, verificationDetections } from '../../../src/detect/verification.ts';
import { aPod, CONTAINER_ID, T0 } from '../../support/builders.ts';

const [A, B] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];

const image = (change: Partial<VerifiedImage> = {}): VerifiedImage => ({
  container: 'web',
  image: 'registry.example/web:1',
  verdict: 'Unapproved',
  reason: 'NotListed',
  runs: B,
  approved: A,
  message: `container web runs ${B}`,
  ...change,
});

const drift = (change: Partial<TemplateFinding> = {}): TemplateFinding => ({
  kind: 'Volume',
  field: 'spec.volumes[x]',
  approved: 'nothing',
  runs: '{}',
  danger: false,
  message: 'the pod has volume x',
  ...change,
});

const detect = (images: VerifiedImage[], findings: TemplateFinding[] = [], time = T0) =>
  verificationDetections(aPod(), { images, drift: findings }, time);

describe('images', () => {
  test('that are approved, or merely cannot be proven, are no detection', () => {
    const verdicts = ['Approved', 'MutableTag', 'LocalOnly', 'Unverifiable'] as const;
    expect(detect(verdicts.map((verdict) => image({ verdict })))).toEqual([]);
  });

  test('that only a list refuses which is in Audit beside others in Enforce are no detection', () => {
    expect(detect([image({ audit: true })])).toEqual([]);
  });

  test('that are not approved are one detection of the pod, with its identity and both digests', () => {
    const [found, ...more] = detect([
      image(),
      image({ container: 'side', message: 'container side runs x' }),
    ]);
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      summary: {
        source: 'Digest',
        rule: VERIFICATION_RULES.image,
        severity: 'Error',
        containerName: 'web',
        containerID: CONTAINER_ID,
        message: `container web runs ${B}; container side runs x`,
      },
      identity: { podUid: 'pod-uid-1', containerId: CONTAINER_ID, hostname: 'node-1' },
      tags: ['image'],
      fields: { 'image.approved': A, 'image.runs': B, 'image.count': '2' },
    });
    expect(found?.summary).not.toHaveProperty('confidence');
    expect(DetectionSummarySchema.safeParse(found?.summary).success).toBe(true);
  });

  test('another digest than the pin, which no pull can give, is critical and comes first', () => {
    const [found] = detect([image(), image({ container: 'side', reason: 'OtherDigest' })]);
    expect(found?.summary).toMatchObject({ severity: 'Critical' });
    expect(found?.fields['image.reason']).toBe('OtherDigest');
  });

  test('of which no registry could tell are less sure', () => {
    expect(detect([image({ unsure: true })])[0]?.summary.confidence).toBe('Medium');
    expect(detect([image({ unsure: true }), image()])[0]?.summary).not.toHaveProperty('confidence');
  });
});

describe('configuration', () => {
  test.each<[Partial<TemplateFinding>, string, string]>([
    [{ kind: 'EphemeralContainer' }, VERIFICATION_RULES.container, 'Warning'],
    [{ kind: 'AddedContainer' }, VERIFICATION_RULES.container, 'Error'],
    [{ kind: 'AddedContainer', danger: true }, VERIFICATION_RULES.container, 'Critical'],
    [{ kind: 'Image' }, VERIFICATION_RULES.changed, 'Error'],
    [{ kind: 'Command' }, VERIFICATION_RULES.configuration, 'Error'],
    [{ kind: 'Volume' }, VERIFICATION_RULES.configuration, 'Warning'],
    [{ kind: 'SecurityContext', danger: true }, VERIFICATION_RULES.configuration, 'Critical'],
  ])('%j is told by its rule', (change, rule, severity) => {
    const [found] = detect([], [drift(change)]);
    expect(found?.summary).toMatchObject({ source: 'Configuration', rule, severity });
  });

  test('of several kinds is a detection for each rule, the most dangerous difference first', () => {
    const found = detect(
      [],
      [drift(), drift({ kind: 'HostNamespace', danger: true }), drift({ kind: 'Image' })],
    );
    expect(found.map(({ summary }) => [summary.rule, summary.severity])).toEqual([
      [VERIFICATION_RULES.configuration, 'Critical'],
      [VERIFICATION_RULES.changed, 'Error'],
    ]);
    expect(found[0]?.fields['config.kind']).toBe('HostNamespace');
  });
});

test('the same finding is the same detection whenever it is found, and another one is not', () => {
  const ids = (images: VerifiedImage[], findings: TemplateFinding[], time: string) =>
    detect(images, findings, time).map(({ summary }) => summary.id);
  const first = ids([image()], [drift()], T0);
  expect(ids([image()], [drift()], '2026-12-01T00:00:00Z')).toEqual(first);
  expect(ids([image({ runs: A })], [drift({ runs: '{"hostPath":1}' })], T0)).not.toEqual(first);
  expect(new Set(first).size).toBe(2);
});
