// One incident that went all the way, made of recorded alerts of Falco: what a report is shown with in tests.
import { createHash } from 'node:crypto';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { EvidenceSchema } from '../../../src/api/policy.ts';
import { parseFalco } from '../../../src/detect/falco.ts';
import { aContribution, anIncident, someSettings } from '../../support/builders.ts';
import { falcoLine } from '../detect/recorded.ts';

export const EDITION = { madeAt: Date.UTC(2026, 10, 22, 19), version: '0.1.0' };

/** SHA-256 of a text. */
export const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const START = Date.UTC(2026, 10, 22, 18, 1, 30);
/** So many milliseconds after the second in which it began. */
export const at = (ms: number) => new Date(START + ms).toISOString();
/** ID of the only container. */
export const APP_ID = `2349fe66d55b${hash('app').slice(12)}`;
const IMAGE = `registry.example/shop:1.1@sha256:${hash('image')}`;

const WRITTEN = falcoLine('B2-app-runs-dropped__drop-and-execute-new-binary-in-container');
const FILELESS = falcoLine('B4-memfd__fileless-execution-via-memfd-create');

function detection(line: string, receivedAt: string): DriftIncident['spec']['trigger']['detection'] {
  const result = parseFalco(JSON.parse(line), receivedAt);
  if (!('detection' in result)) throw new Error('the recording is no detection');
  return result.detection.summary;
}

/** An incident that went all the way: detected, isolated with a way left open, captured, evicted, replaced. */
export function exampleIncident(change: Partial<DriftIncident> = {}): DriftIncident {
  const incident = anIncident();
  const response = {
    ...someSettings(),
    evidence: EvidenceSchema.parse({ collectors: ['Processes', 'Filesystem'] }),
  };
  const step = (
    name: 'Isolate' | 'Capture' | 'Evict' | 'Verify',
    from: number,
    to: number,
    message: string,
  ) => ({
    name,
    state: 'Succeeded' as const,
    attempts: 1,
    startedAt: at(from),
    finishedAt: at(to),
    reason: 'Done',
    message,
  });
  const second = { ...detection(FILELESS, at(4_000)), time: at(3_500), id: 'a'.repeat(32) };
  const condition = (type: string, is: `${'True' | 'False'}/${string}`, ms: number, message: string) => {
    const [status = '', reason = ''] = is.split('/');
    return { type, status: status as 'True' | 'False', reason, message, lastTransitionTime: at(ms) };
  };
  return {
    ...incident,
    metadata: { ...incident.metadata, name: 'cart-0-2349fe66d5-1', creationTimestamp: at(1_000) },
    spec: {
      ...incident.spec,
      target: {
        ...incident.spec.target,
        name: 'cart-0',
        uid: '5f0c2d9e-8a53-4c1e-9f5e-1d2b3c4d5e6f',
        workload: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'cart', uid: 'rs-uid' },
        containers: [{ name: 'app', image: IMAGE, imageID: IMAGE, containerID: `containerd://${APP_ID}` }],
      },
      trigger: {
        detection: detection(WRITTEN, at(900)),
        severity: 'Critical',
        policies: [
          aContribution({ name: 'shop-drift', generation: 3, rungs: ['dropped-binary'] }),
          aContribution({
            kind: 'ClusterDriftPolicy',
            name: 'baseline',
            mode: 'Audit',
            rungs: ['any'],
            actions: ['Label'],
            cap: {
              by: 'Exception',
              name: 'load-test',
              maxAction: 'Label',
              reason: 'load test until Monday (SHOP-411)',
              until: at(86_400_000),
            },
          }),
        ],
        response,
      },
    },
    status: {
      phase: 'Resolved',
      reports: {
        'receiver-0': {
          count: 14,
          firstSeen: at(900),
          lastSeen: at(6_200),
          highestSeverity: 'Critical',
          detections: [second],
        },
      },
      plan: {
        mode: 'Enforce',
        steps: ['Isolate', 'Capture', 'Evict', 'Verify'],
        form: 'Orphan',
        message: 'isolate the pod, keep evidence, evict it and verify its replacement',
      },
      steps: [
        step('Isolate', 1_100, 1_400, 'all labels taken away, deny policy die-operator-quarantine in place'),
        step('Capture', 1_400, 9_800, '12 files, 18.4 MiB'),
        step('Evict', 9_900, 11_400, 'accepted by the API server; the pod is gone'),
        step('Verify', 11_400, 16_000, 'cart-7x2lm is Ready and runs the pinned image'),
      ],
      isolation: {
        form: 'Orphan',
        at: at(1_300),
        networkPolicy: 'die-operator-quarantine',
        paths: [
          {
            kind: 'Policy',
            direction: 'Egress',
            peer: 'all pods in namespaces with kubernetes.io/metadata.name=kube-system',
            ports: 'UDP 53, TCP 53',
            policy: 'NetworkPolicy allow-dns',
          },
          {
            kind: 'Node',
            direction: 'Ingress',
            peer: 'its node: probes, and whatever runs in the network of the node',
            ports: 'all ports',
          },
          {
            kind: 'Exec',
            direction: 'Ingress',
            peer: 'whoever may exec, attach or port-forward',
            ports: 'all ports',
          },
        ],
        enforcement: {
          verdict: 'Enforced',
          node: 'node-1',
          testedAt: at(-3_600_000),
          tookMs: 620,
          establishedCut: true,
        },
      },
      evidence: {
        location: '/var/lib/die-operator/evidence/shop/cart-0-2349fe66d5-1-incident-uid',
        manifestSha256: hash('replaced by exampleEvidence'),
        files: 12,
        bytes: 19_293_798,
        problems: [],
      },
      eviction: { requestedAt: at(10_000), goneAt: at(11_300) },
      replacement: {
        name: 'cart-7x2lm',
        uid: 'b7d1f0aa-3c55-4b0e-a2f4-9c8d7e6f5a4b',
        nodeName: 'node-2',
        images: [{ container: 'app', imageID: IMAGE, proof: 'Pinned' }],
      },
      conditions: [
        condition('Ready', 'True/Resolved', 16_000, 'the pod was evicted and its replacement is verified'),
        condition(
          'Isolated',
          'False/Partial',
          1_500,
          'a policy lets the pod through: to all pods in kube-system, UDP 53, TCP 53 (NetworkPolicy allow-dns)',
        ),
        condition(
          'EvidenceComplete',
          'False/Partial',
          9_800,
          'logs: the log before the last restart was refused',
        ),
        condition('Contained', 'True/Terminated', 11_300, 'all containers of the pod have ended'),
        condition(
          'ReplacementVerified',
          'True/Pinned',
          16_000,
          'cart-7x2lm is Ready and runs the digest of its spec',
        ),
      ],
    },
    ...change,
  };
}
