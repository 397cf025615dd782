// What a firewall in the network of a pod has to know of the pod: the ports of probes, and who could get around it.
import { describe, expect, test } from 'vitest';
import { changesNetwork, passesFirewall, probePorts } from '../../../src/api/firewall.ts';
import type { KubeObject } from '../../../src/api/meta.ts';

const BARE = { capabilities: { drop: ['ALL'] } };
const MODEST = { runAsUser: 1000, allowPrivilegeEscalation: false };

function podOf(spec: object): KubeObject {
  const metadata = { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
}
const withProbes = (container: object, more: object = {}) =>
  podOf({ containers: [{ name: 'web', ...container }], ...more });
const withRights = (securityContext: object, more: object = {}) =>
  podOf({ containers: [{ name: 'web', securityContext }], ...more });

describe('the ports that the node probes', () => {
  test.each<[what: string, pod: KubeObject, ports: number[]]>([
    ['of no probe', withProbes({}), []],
    [
      'of each kind of probe',
      withProbes({
        livenessProbe: { httpGet: { path: '/', port: 8080 } },
        readinessProbe: { tcpSocket: { port: 5432 } },
        startupProbe: { grpc: { port: 9000, service: '' } },
      }),
      [5432, 8080, 9000],
    ],
    [
      'each once',
      withProbes({
        livenessProbe: { httpGet: { port: 8080 } },
        readinessProbe: { httpGet: { port: 8080 } },
      }),
      [8080],
    ],
    [
      'by name',
      withProbes({
        ports: [{ name: 'metrics', containerPort: 9090 }, { containerPort: 1 }],
        livenessProbe: { httpGet: { port: 'metrics' } },
      }),
      [9090],
    ],
    ['by a name that no port has', withProbes({ livenessProbe: { httpGet: { port: 'metrics' } } }), []],
    ['of a command', withProbes({ livenessProbe: { exec: { command: ['true'] } } }), []],
    ['of another host', withProbes({ livenessProbe: { httpGet: { port: 80, host: 'example.org' } } }), []],
    [
      'of a sidecar',
      withProbes(
        {},
        {
          initContainers: [
            { name: 'proxy', restartPolicy: 'Always', readinessProbe: { tcpSocket: { port: 15021 } } },
          ],
        },
      ),
      [15021],
    ],
    ['of a container that is not as it should be', podOf({ containers: [{ livenessProbe: 7 }] }), []],
  ])('%s', (_what, pod, ports) => {
    expect(probePorts(pod)).toEqual(ports);
  });
});

describe('nobody gets around the firewall', () => {
  test.each<[what: string, pod: KubeObject]>([
    ['without capabilities', withRights(BARE)],
    ['without NET_RAW', withRights({ capabilities: { drop: ['NET_RAW'] } })],
    ['spelled as the kernel does', withRights({ capabilities: { drop: ['CAP_NET_RAW'] } })],
    [
      'with one that has nothing to do with it',
      withRights({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }),
    ],
    ['not as root, nor by a program that gives rights', withRights(MODEST)],
    [
      'the same, said of the pod',
      withRights({ allowPrivilegeEscalation: false }, { securityContext: { runAsNonRoot: true } }),
    ],
  ])('%s', (_what, pod) => {
    expect(passesFirewall(pod)).toBeUndefined();
  });
});

describe('somebody may get around the firewall', () => {
  test.each<[what: string, pod: KubeObject, why: RegExp]>([
    ['as by default', withRights({}), /^container web may have the capability NET_RAW/],
    ['privileged', withRights({ ...BARE, privileged: true }), /^container web is privileged$/],
    ['with NET_ADMIN', withRights({ capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } }), /NET_ADMIN$/],
    [
      'with NET_RAW given back',
      withRights({ capabilities: { drop: ['ALL'], add: ['NET_RAW'] } }),
      /NET_RAW$/,
    ],
    ['with all', withRights({ capabilities: { add: ['ALL'] } }), /the capability ALL$/],
    [
      'with one of the kernel that is new',
      withRights({ capabilities: { drop: ['ALL'], add: ['cap_bpf'] } }),
      /BPF$/,
    ],
    [
      'root by the container, not by the pod',
      withRights({ ...MODEST, runAsUser: 0 }, { securityContext: { runAsUser: 1 } }),
      /NET_RAW/,
    ],
    ['root in spite of what it says', withRights({ ...MODEST, runAsUser: 0, runAsNonRoot: true }), /NET_RAW/],
    ['not as root, but with programs that give rights', withRights({ runAsUser: 1000 }), /NET_RAW/],
    [
      'with a runtime that may have a kernel of its own',
      withRights(BARE, { runtimeClassName: 'kata' }),
      /runtime class kata/,
    ],
    ['that sees the processes of the node', withRights(BARE, { hostPID: true }), /processes of its node/],
    [
      'in a sidecar',
      withRights(BARE, { initContainers: [{ name: 'proxy', securityContext: {} }] }),
      /^container proxy/,
    ],
    [
      'in a container for debugging',
      withRights(BARE, { ephemeralContainers: [{ name: 'debug' }] }),
      /^container debug/,
    ],
    ['that cannot be read', podOf({ containers: 'none' }), /cannot be read/],
    ['without a spec', podOf({}), /cannot be read/],
  ])('%s', (_what, pod, why) => {
    expect(passesFirewall(pod)).toMatch(why);
  });
});

describe('what a process finds in the network of a pod', () => {
  test.each<[what: string, pod: KubeObject, why: RegExp]>([
    ['privileged', withRights({ privileged: true }), /^container web is privileged$/],
    ['with NET_ADMIN', withRights({ capabilities: { add: ['NET_ADMIN'] } }), /NET_ADMIN$/],
    ['with NET_RAW and more', withRights({ capabilities: { add: ['NET_RAW', 'SYS_ADMIN'] } }), /SYS_ADMIN$/],
    ['with another runtime', withRights(BARE, { runtimeClassName: 'kata' }), /runtime class kata/],
    ['that sees the processes of the node', withRights(BARE, { hostPID: true }), /processes of its node/],
    [
      'in a container for debugging',
      withRights(BARE, { ephemeralContainers: [{ name: 'debug', securityContext: { privileged: true } }] }),
      /^container debug/,
    ],
  ])('may be made up by one %s', (_what, pod, why) => {
    expect(changesNetwork(pod)).toMatch(why);
  });

  test.each([{}, BARE, { capabilities: { add: ['NET_RAW', 'CHOWN'] } }])(
    'is not by one that at most builds frames itself: %j',
    (rights) => {
      expect(changesNetwork(withRights(rights))).toBeUndefined();
    },
  );
});
