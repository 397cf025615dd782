// Conditions in tests: compiled or the test fails, and an input of which a test says only what it is about.
import { expect } from 'vitest';
import { compileCondition, type Condition, type Verdict } from '../../../../src/decide/cel/condition.ts';
import type { ConditionInput } from '../../../../src/decide/cel/input.ts';

type Overrides = { readonly [Root in keyof ConditionInput]?: Partial<ConditionInput[Root]> };

/** What a condition sees of a shell in a pod of a shop. */
export function input(overrides: Overrides = {}): ConditionInput {
  return {
    detection: {
      id: '0'.repeat(32),
      source: 'Falco',
      rule: 'DIE Drift',
      severity: 'Critical',
      priority: 2,
      time: '2026-11-22T23:30:00Z',
      tags: ['container', 'T1059'],
      hostname: 'node-a',
      executable: '/tmp/miner',
      fields: { 'proc.name': 'miner', 'proc.pid': '4711' },
      ...overrides.detection,
    },
    pod: {
      namespace: 'shop',
      name: 'web-1',
      uid: 'uid-1',
      nodeName: 'node-a',
      serviceAccount: 'default',
      labels: { app: 'web' },
      images: ['nginx:1.27', 'envoy:1.30'],
      hostNetwork: false,
      ...overrides.pod,
    },
    container: { name: 'app', image: 'nginx:1.27', imageID: '', ...overrides.container },
    workload: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', ...overrides.workload },
  };
}

/** The condition; fails the test if it is refused. */
export function compiled(source: string): Condition {
  const compilation = compileCondition(source);
  if (!compilation.ok) return expect.fail(`${source} was refused: ${compilation.message}`);
  return compilation.condition;
}

/** Why the condition is refused; fails the test if it is not. */
export function refusal(source: string): string {
  const compilation = compileCondition(source);
  if (compilation.ok) return expect.fail(`${source} was taken`);
  return compilation.message;
}

/** What the condition says of an input. */
export function verdict(source: string, overrides: Overrides = {}): Verdict {
  return compiled(source).evaluate(input(overrides));
}

/** `count` entries, keys all different. */
export function entries(count: number, value = ''): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`key-${n}`, value]));
}
