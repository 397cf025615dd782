// From what a verification of a pod found to Detections: one for its images, one for each way in which its configuration differs.
import { createHash } from 'node:crypto';
import type { Confidence, Detection } from '../api/detection.ts';
import type { ContainerFacts, PodFacts } from '../api/pod.ts';
import type { Severity } from '../api/severity.ts';
import type { TemplateFinding } from '../decide/template-finding.ts';
import type { VerifiedImage } from '../decide/verify-images.ts';
import { keptFields } from './fields.ts';
import { cleanText } from './sanitize.ts';

/** Names of the rules that policies match. */
export const VERIFICATION_RULES = {
  /** Of the source Digest. */
  image: 'Image is not approved',
  /** Of the source Configuration. */
  container: 'Container is not in the template',
  changed: 'Image was changed in place',
  configuration: 'Configuration differs from the template',
} as const;

/** What was found of one pod. */
export interface PodFindings {
  images: readonly VerifiedImage[];
  drift: readonly TemplateFinding[];
  /** Why the configuration could not be compared; absent: it was. */
  unknown?: string;
}

const MAX_MESSAGE = 1024;

/**
 * The detections. Of images only those that are not approved make one: what merely cannot be proven is told by condition and
 * metrics, and no policy acts on it. The ID of a detection is the same as long as the same is found.
 * @param time when it was looked, RFC 3339.
 */
export function verificationDetections(
  pod: PodFacts,
  { images, drift }: PodFindings,
  time: string,
): Detection[] {
  const kinds = Map.groupBy(drift, ruleOf);
  return [
    ...imageDetection(pod, images, time),
    ...[...kinds].flatMap(([rule, findings]) => driftDetection(pod, rule, findings, time)),
  ];
}

function imageDetection(pod: PodFacts, images: readonly VerifiedImage[], time: string): Detection[] {
  const unapproved = images
    .filter(({ verdict, audit }) => verdict === 'Unapproved' && audit !== true)
    .toSorted((a, b) => Number(b.reason === 'OtherDigest') - Number(a.reason === 'OtherDigest'));
  const [worst] = unapproved;
  if (!worst) return [];
  return [
    detectionOf(pod, {
      source: 'Digest',
      rule: VERIFICATION_RULES.image,
      // A pull by digest cannot give another image: somebody was on the node.
      severity: worst.reason === 'OtherDigest' ? 'Critical' : 'Error',
      confidence: unapproved.every(({ unsure }) => unsure === true) ? 'Medium' : 'High',
      container: worst.container,
      message: unapproved.map(({ message }) => message).join('; '),
      found: unapproved.map(({ container, reason, approved, runs }) => [
        container,
        reason,
        approved ?? null,
        runs,
      ]),
      tags: ['image'],
      fields: {
        'image.name': worst.image,
        'image.reason': worst.reason,
        'image.approved': worst.approved ?? null,
        'image.runs': worst.runs ?? null,
        'image.count': unapproved.length,
      },
      time,
    }),
  ];
}

function ruleOf({ kind }: TemplateFinding): string {
  switch (kind) {
    case 'AddedContainer':
    case 'EphemeralContainer':
      return VERIFICATION_RULES.container;
    case 'Image':
      return VERIFICATION_RULES.changed;
    default:
      return VERIFICATION_RULES.configuration;
  }
}

function driftDetection(
  pod: PodFacts,
  rule: string,
  findings: readonly TemplateFinding[],
  time: string,
): Detection[] {
  const sorted = findings.toSorted((a, b) => Number(b.danger) - Number(a.danger));
  const [worst] = sorted;
  if (!worst) return [];
  return [
    detectionOf(pod, {
      source: 'Configuration',
      rule,
      severity: severityOf(worst),
      confidence: 'High',
      container: worst.container,
      message: sorted.map(({ message }) => message).join('; '),
      found: findings.map(({ kind, container, field, approved, runs }) => [
        kind,
        container ?? null,
        field,
        approved,
        runs,
      ]),
      tags: ['configuration'],
      fields: {
        'config.kind': worst.kind,
        'config.field': worst.field,
        'config.approved': worst.approved,
        'config.runs': worst.runs,
        'config.danger': worst.danger,
        'config.count': findings.length,
      },
      time,
    }),
  ];
}

function severityOf({ kind, danger }: TemplateFinding): Severity {
  if (danger) return 'Critical';
  return kind === 'AddedContainer' || kind === 'Image' || kind === 'Command' ? 'Error' : 'Warning';
}

interface Found {
  source: 'Digest' | 'Configuration';
  rule: string;
  severity: Severity;
  confidence: Confidence;
  container: string | undefined;
  message: string;
  /** What makes it another detection. */
  found: unknown;
  tags: readonly string[];
  fields: Readonly<Record<string, unknown>>;
  time: string;
}

function detectionOf(pod: PodFacts, about: Found): Detection {
  const { source, rule, severity, confidence, container: name, message, found, tags, fields, time } = about;
  const container = pod.containers.find((one) => one.name === name);
  const id = container === undefined ? undefined : containerId(container);
  const hostname = pod.nodeName === undefined ? {} : { hostname: pod.nodeName };
  const told = container === undefined ? {} : { containerName: container.name };
  const identity = JSON.stringify([source, rule, pod.uid, found]);
  return {
    summary: {
      id: createHash('sha256').update(identity).digest('hex').slice(0, 32),
      source,
      rule,
      severity,
      time,
      receivedAt: time,
      ...hostname,
      ...(id !== undefined && { containerID: id }),
      ...told,
      ...(confidence !== 'High' && { confidence }),
      message: cleanText(message, MAX_MESSAGE),
    },
    identity: {
      podUid: pod.uid,
      podName: pod.name,
      namespace: pod.namespace,
      ...hostname,
      ...(id !== undefined && { containerId: id }),
      ...told,
    },
    tags,
    fields: keptFields(fields),
  };
}

function containerId({ containerID }: ContainerFacts): string | undefined {
  return containerID?.slice(containerID.lastIndexOf('/') + 1).slice(0, 64);
}
