// Which pods share their node, by their spec: whoever is in one may have left it.
import { describe, expect, test } from 'vitest';
import { sharedNode } from '../../../src/api/shared-node.ts';

const metadata = { name: 'web', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-11-22T00:00:00Z' };
const of = (spec: unknown) => sharedNode({ metadata, spec });
const privileged = (name: string) => ({ name, securityContext: { privileged: true } });

describe('a pod', () => {
  test.each<[string, object, string]>([
    ['a privileged container', { containers: [privileged('web')] }, 'Privileged'],
    ['a privileged init container', { initContainers: [privileged('init')] }, 'Privileged'],
    ['a privileged container for debugging', { ephemeralContainers: [privileged('debug')] }, 'Privileged'],
    ['the processes of its node', { hostPID: true }, 'HostPID'],
    ['the network of its node', { hostNetwork: true }, 'HostNetwork'],
    ['all of it', { hostPID: true, hostNetwork: true, containers: [privileged('web')] }, 'Privileged'],
    ['two of it', { hostPID: true, hostNetwork: true }, 'HostPID'],
  ])('with %s shares its node', (_what, spec, reason) => {
    expect(of({ containers: [{ name: 'web' }], ...spec })).toMatchObject({
      reason,
      message: expect.stringMatching(/^the pod .*look at the node, too$/),
    });
  });

  test('names all that it shares', () => {
    const message = of({ hostPID: true, hostNetwork: true, containers: [privileged('web')] })?.message;
    expect(message).toContain('(web) and sees the processes of its node and uses the network of its node');
  });

  test.each<[string, unknown]>([
    ['of the usual kind', { containers: [{ name: 'web', securityContext: { privileged: false } }] }],
    ['with the IPC of its node only', { containers: [{ name: 'web' }], hostIPC: true }],
    ['without a spec', undefined],
    ['whose spec is nonsense', { containers: 'x', hostPID: 'true' }],
  ])('%s shares nothing that counts', (_what, spec) => {
    expect(of(spec)).toBeUndefined();
  });
});
