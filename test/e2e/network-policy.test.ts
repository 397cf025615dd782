// The network of the node enforces NetworkPolicies: what a policy denies does not arrive.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { NETWORK_POLICIES } from '../../src/kube/resources.ts';
import { eventually } from '../support/real-api-test.ts';
import { nodeTest } from './support/node-test.ts';
import { beats, holdConnection, isCut, traffic } from './support/traffic.ts';

const DENY_ALL = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'deny-all' },
  spec: { podSelector: { matchLabels: { app: 'suspect' } }, policyTypes: ['Ingress', 'Egress'] },
};

describe('a NetworkPolicy that denies all', () => {
  nodeTest(
    'cuts connections that were open before, and no other',
    async ({ client, namespace, deploy, exec }) => {
      const [[suspect], [other, third]] = await Promise.all([deploy('suspect', 1), deploy('web', 2)]);
      if (suspect === undefined || other === undefined || third === undefined)
        throw new Error('a pod is missing');
      await Promise.all([
        holdConnection(exec, suspect, third),
        holdConnection(exec, other, suspect),
        holdConnection(exec, third, other),
      ]);

      await client.create<KubeObject>(NETWORK_POLICIES, { namespace }, DENY_ALL);
      await eventually('the way out is cut', () => beats(exec, suspect), isCut);
      await eventually('the way in is cut', () => beats(exec, other), isCut);
      const sofar = (await beats(exec, third)).length;
      await eventually(
        'the other still carries',
        () => beats(exec, third),
        ({ length }) => length > sofar,
      );
    },
  );

  nodeTest(
    'cuts a pod off, both ways and no other, until it is lifted',
    async ({ client, namespace, deploy, exec }) => {
      const [[suspect], [other, third]] = await Promise.all([deploy('suspect', 1), deploy('web', 2)]);
      if (suspect === undefined || other === undefined || third === undefined)
        throw new Error('a pod is missing');
      const all = async () => {
        const pairs = [
          [suspect, other],
          [other, suspect],
          [other, third],
        ] as const;
        const [out, into, others] = await Promise.all(pairs.map(([from, to]) => traffic(exec, from, to)));
        return { out, into, others };
      };
      expect(await all()).toEqual({ out: 'reaches', into: 'reaches', others: 'reaches' });

      const policy = await client.create<KubeObject>(NETWORK_POLICIES, { namespace }, DENY_ALL);
      await eventually('the policy is enforced', all, (now) => now.out === 'cut' && now.into === 'cut');
      expect(await all()).toEqual({ out: 'cut', into: 'cut', others: 'reaches' });

      await client.delete(NETWORK_POLICIES, { namespace, name: 'deny-all' }, policy.metadata.uid);
      await eventually('the policy is lifted', all, (now) => now.out === 'reaches' && now.into === 'reaches');
    },
  );
});
