// The example with one text in every field that somebody else writes: names, paths, messages, command lines.
import { FileChangeSchema, type FileChange } from '../../../src/api/file-change.ts';
import type { DriftIncident } from '../../../src/api/incident.ts';
import { ProcessRecordSchema } from '../../../src/api/process-record.ts';
import { reportOf } from '../../../src/report/report.ts';
import type { ReportModel } from '../../../src/report/model.ts';
import { EDITION, exampleIncident } from './example.ts';
import { aChange, aProcess, exampleEvidence } from './example-evidence.ts';

/** The longest that the text may be: that of a container's name. */
export const MAX_TEXT = 60;

/** The report of the example, full of the text. */
export function hostileReport(text: string): ReportModel {
  const incident = hostileIncident(text);
  const evidence = exampleEvidence(incident, hostileFiles(text), {
    problems: [{ collector: text, message: text }],
    missing: [text],
  });
  const { manifest } = evidence;
  const files = manifest.files.map((file) => ({ ...file, source: text, collector: text }));
  return reportOf(
    incident,
    {
      ...evidence,
      location: text,
      manifest: { ...manifest, files, tool: { name: text, version: text } },
      differences: [text],
      signature: { tone: 'Bad', text },
    },
    EDITION,
  );
}

function hostileIncident(text: string): DriftIncident {
  const incident = exampleIncident();
  const { spec, status = {} } = incident;
  const detection = {
    ...spec.trigger.detection,
    rule: text,
    executable: text,
    hostname: text,
    containerName: text,
  };
  const policies = spec.trigger.policies.map((policy) => ({
    ...policy,
    name: text,
    rungs: [text],
    ...(policy.cap && { cap: { ...policy.cap, name: text, reason: text } }),
  }));
  return {
    ...incident,
    metadata: { ...incident.metadata, name: text, namespace: text },
    spec: {
      ...spec,
      target: {
        ...spec.target,
        name: text,
        namespace: text,
        nodeName: text,
        workload: { apiVersion: text, kind: text, name: text, uid: text },
        containers: [{ name: text, image: text, imageID: text, containerID: text }],
      },
      trigger: { ...spec.trigger, detection, policies, recordedOnly: text },
      previous: text,
      decision: { action: 'Release', by: text, reason: text },
    },
    status: {
      ...status,
      reports: { [text]: { ...there(Object.values(status.reports ?? {})[0]), detections: [] } },
      plan: { ...there(status.plan), message: text },
      steps: (status.steps ?? []).map((step) => ({ ...step, message: text })),
      isolation: {
        ...there(status.isolation),
        networkPolicy: text,
        deniedBy: text,
        paths: (status.isolation?.paths ?? []).map((path) => ({
          ...path,
          peer: text,
          ports: text,
          policy: text,
        })),
        enforcement: { ...there(status.isolation?.enforcement), node: text },
      },
      evidence: { ...there(status.evidence), location: text, problems: [text] },
      replacement: {
        name: text,
        uid: text,
        nodeName: text,
        images: [{ container: text, imageID: text, proof: 'None' }],
      },
      conditions: (status.conditions ?? []).map((condition) => ({ ...condition, message: text })),
    },
  };
}

function hostileFiles(text: string): Record<string, string> {
  const process = {
    ...aProcess(4300, 1, { path: text, problem: text, kept: text }, [text, text]),
    container: text,
    name: text,
    problems: [text],
  };
  const socket = {
    namespace: text,
    protocol: 'tcp',
    local: text,
    remote: text,
    state: text.slice(0, 32),
    inode: 1,
    pids: [4300],
  };
  const changes: FileChange[] = [
    aChange({ path: text, container: text, linkTarget: text, problem: text, kept: text, executable: true }),
    aChange({ path: text, container: text, type: 'Symlink', linkTarget: text }),
  ];
  ProcessRecordSchema.parse(process);
  for (const change of changes) FileChangeSchema.parse(change);
  const named = [{ name: text, reachedBy: [text] }];
  const rotate = {
    serviceAccount: {
      name: text,
      tokens: [{ volume: text, audience: text, expirationSeconds: 1 }],
      secrets: [text],
    },
    secrets: named,
    configMaps: named,
    secretProviderClasses: named,
  };
  return {
    'node/processes.json': JSON.stringify([process]),
    'node/sockets.json': JSON.stringify([socket]),
    'node/filesystem.ndjson': changes.map((change) => `${JSON.stringify(change)}\n`).join(''),
    'rotate.json': JSON.stringify(rotate),
  };
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the example has everything');
  return value;
}
