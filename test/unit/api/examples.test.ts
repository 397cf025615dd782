// Every example is what a user can apply as it is: policies that are accepted, a workload that they fit.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { DriftPolicySpec } from '../../../src/api/policy.ts';
import { validators } from '../../../src/api/validate.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';

const FOLDER = join(import.meta.dirname, '../../../examples');
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));
const textOf = (file: string) => readFileSync(join(FOLDER, file), 'utf8');

// kubectl reads YAML 1.1.
function documentsOf(file: string): KubeObject[] {
  return parseAllDocuments(textOf(file), { version: '1.1', strict: true }).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as KubeObject;
  });
}

const policyFiles = files.filter((file) => file.startsWith('policy-'));
const specOf = (file: string) => documentsOf(file)[0]?.['spec'] as DriftPolicySpec;

describe.each(files)('%s', (file) => {
  it('says first what it shows', () => {
    expect(textOf(file)).toMatch(/^# (?:Shows|Answers|Keeps) .{20,}/);
  });

  it('names every object and its namespace', () => {
    for (const { apiVersion, kind, metadata } of documentsOf(file)) {
      expect(apiVersion && kind && metadata.name).toBeTruthy();
      expect(metadata.namespace).toBe(kind === 'Namespace' ? undefined : 'shop');
    }
  });
});

describe.each(policyFiles)('%s', (file) => {
  const [policy, ...others] = documentsOf(file);

  it('holds one policy without a mistake', () => {
    expect(others).toEqual([]);
    const { problems, unknownFields } = validators.driftpolicies(policy);
    expect({ problems, unknownFields }).toEqual({ problems: [], unknownFields: [] });
  });

  it('is accepted by the operator', () => {
    const compilation = compilePolicy(validators.driftpolicies(policy).value as never);
    expect(compilation.accepted).toBe(true);
  });

  it('evicts only where the alert is certain', () => {
    const evicting = specOf(file).responses.filter(({ actions }) => actions.includes('Evict'));
    expect(evicting).toMatchObject([
      { minSeverity: 'Critical', rules: ['DIE *', 'Drop and execute new binary in container'] },
    ]);
  });
});

describe('the two policies', () => {
  it('differ in their mode, so that one shows what the other does', () => {
    const [audit, enforce] = [specOf('policy-audit.yaml'), specOf('policy-enforce.yaml')];
    expect([audit.mode, enforce.mode]).toEqual(['Audit', 'Enforce']);
    expect(audit.match).toEqual(enforce.match);
    expect(audit.responses).toEqual(enforce.responses);
  });

  it('have one name, so that one takes the place of the other', () => {
    expect(policyFiles.map((file) => documentsOf(file)[0]?.metadata.name)).toEqual(['web', 'web']);
  });
});

describe('the examples in the reference pages', () => {
  const exampleIn = (page: string) => {
    const text = readFileSync(join(FOLDER, '../docs/spec', page), 'utf8');
    return parse(/```yaml\n(.*?)```/s.exec(text)?.[1] ?? '', { version: '1.1' }) as KubeObject;
  };

  it('hold a policy without a mistake, with the ladder of examples/policy-enforce.yaml', () => {
    const policy = exampleIn('driftpolicy.md');
    const { problems, unknownFields } = validators.driftpolicies(policy);
    expect({ problems, unknownFields }).toEqual({ problems: [], unknownFields: [] });
    const { mode, match, responses } = specOf('policy-enforce.yaml');
    expect(policy['spec']).toEqual({ mode, match, responses });
  });

  it('hold an incident with fields that there are, and wrong only in what was left out', () => {
    const { problems, unknownFields } = validators.driftincidents(exampleIn('driftincident.md'));
    expect(unknownFields).toEqual([]);
    expect(problems.filter(({ reason }) => reason !== 'FieldValueRequired')).toEqual([]);
  });
});

interface PodTemplate {
  metadata: { labels: Record<string, string> };
  spec: {
    securityContext: object;
    containers: { image: string; securityContext: object; ports: { name: string }[] }[];
  };
}

describe('workload.yaml', () => {
  const documents = documentsOf('workload.yaml');
  const find = (kind: string) => {
    const found = documents.find((document) => document.kind === kind);
    if (!found) throw new Error(`workload.yaml has no ${kind}`);
    return found as KubeObject & {
      spec: { selector: object; replicas: number; minAvailable: number; template: PodTemplate };
    };
  };
  const { template, replicas, selector } = find('Deployment').spec;

  it('holds the namespace, three pods, a Service and a budget', () => {
    expect(documents.map(({ kind }) => kind)).toEqual([
      'Namespace',
      'Deployment',
      'Service',
      'PodDisruptionBudget',
    ]);
    expect(replicas).toBe(3);
    expect(find('PodDisruptionBudget').spec.minAvailable).toBe(1);
  });

  it('has pods that Deployment, Service, budget and policies select', () => {
    const { labels } = template.metadata;
    expect(selector).toEqual({ matchLabels: labels });
    expect(find('Service').spec.selector).toEqual(labels);
    expect(find('PodDisruptionBudget').spec.selector).toEqual({ matchLabels: labels });
    for (const file of policyFiles) expect(specOf(file).match.podSelector).toEqual({ matchLabels: labels });
  });

  it('names its images by digest', () => {
    for (const { image } of template.spec.containers) expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
  });

  it('keeps the Pod Security Standard "restricted", which its namespace enforces', () => {
    expect(find('Namespace').metadata.labels).toEqual({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    expect(template.spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const container of template.spec.containers) {
      expect(container.securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      });
    }
  });
});
