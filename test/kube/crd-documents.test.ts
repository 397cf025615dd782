// What a real API server and kubectl make of our CustomResourceDefinitions.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import type { ClusterAccess } from '../support/cluster-access.ts';
import { CRD_FOLDER, established } from '../support/crds.ts';
import { crdTest as test } from '../support/real-api-test.ts';

/** Runs kubectl as the admin, if there is one. */
function kubectl({ kubectl: command, adminKubeconfig }: ClusterAccess, skip: (note: string) => never) {
  if (command === undefined) return skip('kubectl is missing in KUBEBUILDER_ASSETS');
  return (...args: string[]) => promisify(execFile)(command, ['--kubeconfig', adminKubeconfig, ...args]);
}

describe('the definitions', () => {
  test('are applied by kubectl without a warning', async ({ access, skip }) => {
    const run = kubectl(access, skip);
    const { stderr } = await run('apply', '--server-side', '--force-conflicts', '-k', CRD_FOLDER);
    expect(stderr).toBe('');
  });

  test('are established and structural', async ({ access, crds }) => {
    expect(crds).toEqual([
      'clusterdriftpolicies.die-operator.dev',
      'driftincidents.die-operator.dev',
      'driftpolicies.die-operator.dev',
    ]);
    for (const name of crds) {
      const { status } = await established(access, name);
      const bad = status?.conditions?.filter(({ type }) => type === 'NonStructuralSchema');
      expect(bad).toEqual([]);
    }
  });

  test.for([
    ['di', 'driftincidents.die-operator.dev'],
    ['dp', 'driftpolicies.die-operator.dev'],
    ['cdp', 'clusterdriftpolicies.die-operator.dev'],
  ] as const)('give kubectl the short name %s', async ([short, name], { access, namespace, skip }) => {
    const { stdout } = await kubectl(access, skip)('get', short, '-n', namespace, '-o', 'name');
    // Those of the cluster are not of this test.
    expect(stdout.split('\n').filter((line) => !line.includes('/cluster-'))).toEqual(['']);
    const { stdout: listed } = await kubectl(access, skip)('api-resources', '--categories=die', '-o', 'name');
    expect(listed.split('\n')).toContain(name);
  });
});
