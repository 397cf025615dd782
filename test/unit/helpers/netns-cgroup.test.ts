// Which container a process belongs to, by paths as kubelets and runtimes write them.
import { describe, expect, test } from 'vitest';
import { containerOf } from '../../../src/helpers/programs/netns-cgroup.ts';

const POD = '5f6ded9b-0d3c-4f5e-9f3a-0a1b2c3d4e5f';
const OTHER = '11111111-2222-3333-4444-555555555555';
const ID = 'c'.repeat(64);
const FOREIGN = 'd'.repeat(64);
const slice = (uid: string, of = 'kubepods-burstable') => `${of}-pod${uid.replaceAll('-', '_')}.slice`;
const v2 = (path: string) => `0::${path}\n`;
/** The same path in several hierarchies, as cgroup v1 has it. */
const v1 = (path: string) =>
  `13:memory:${path}\n5:net_cls,net_prio:${path}\n2:cpu,cpuacct:${path}\n1:name=systemd:${path}\n`;

describe('a process is found in its container', () => {
  test.each<[what: string, cgroup: string]>([
    ['cgroup v1, cgroupfs, containerd', v1(`/kubepods/burstable/pod${POD}/${ID}`)],
    ['cgroup v1, cgroupfs, guaranteed', v1(`/kubepods/pod${POD}/${ID}`)],
    [
      'cgroup v1, systemd, Docker',
      v1(`/kubepods.slice/kubepods-besteffort.slice/${slice(POD)}/docker-${ID}.scope`),
    ],
    ['cgroup v1 with processes of v2', `${v1(`/kubepods/besteffort/pod${POD}/${ID}`)}0::/\n`],
    [
      'cgroup v2, systemd, containerd',
      v2(`/kubepods.slice/kubepods-burstable.slice/${slice(POD)}/cri-containerd-${ID}.scope`),
    ],
    ['cgroup v2, systemd, CRI-O', v2(`/kubepods.slice/${slice(POD, 'kubepods')}/crio-${ID}.scope/container`)],
    ['cgroup v2, cgroupfs', v2(`/kubepods/burstable/pod${POD}/${ID}`)],
    [
      'read from another cgroup namespace',
      v2(`/../../../kubepods-burstable.slice/${slice(POD)}/cri-containerd-${ID}.scope`),
    ],
    ['read by a neighbour of the same class', v2(`/../../${slice(POD)}/cri-containerd-${ID}.scope`)],
    [
      'a kubelet with a root group of its own',
      v2(
        `/kubelet.slice/kubelet-kubepods.slice/${slice(POD, 'kubelet-kubepods')}/cri-containerd-${ID}.scope`,
      ),
    ],
    ['systemd inside the container', v2(`/kubepods/burstable/pod${POD}/${ID}/init.scope`)],
    [
      'containerd that was not told of systemd',
      v2(`/system.slice/containerd.service/${slice(POD)}:cri-containerd:${ID}`),
    ],
  ])('%s', (_what, cgroup) => {
    expect(containerOf(cgroup, POD)).toBe(ID);
  });
});

describe('a process is in no container of the pod', () => {
  test.each<[what: string, cgroup: string]>([
    ['nothing is there', ''],
    ['a process of the node', v2('/system.slice/ssh.service')],
    ['another pod', v2(`/kubepods/burstable/pod${OTHER}/${ID}`)],
    ['the pod itself, and no container', v2(`/kubepods/burstable/pod${POD}`)],
    [
      'the monitor of CRI-O, which is in the network of the node',
      v2(`/kubepods.slice/${slice(POD)}/crio-conmon-${ID}.scope`),
    ],
    ['an ID that is too short', v2(`/kubepods/burstable/pod${POD}/${ID.slice(0, 12)}`)],
    ['a group that a container of another pod made', v2(`/kubepods/pod${OTHER}/${FOREIGN}/pod${POD}/${ID}`)],
    ['the same, one level up', v2(`/kubepods/pod${OTHER}/pod${POD}/${ID}`)],
    ['a name that only ends like the pod', v2(`/kubepods/xpod${POD}x/${ID}`)],
    [
      'hierarchies that do not agree',
      `2:cpu:/kubepods/pod${POD}/${ID}\n1:memory:/kubepods/pod${OTHER}/${ID}\n`,
    ],
    [
      'two containers at a time',
      `2:cpu:/kubepods/pod${POD}/${ID}\n1:memory:/kubepods/pod${POD}/${FOREIGN}\n`,
    ],
  ])('%s', (_what, cgroup) => {
    expect(containerOf(cgroup, POD)).toBeUndefined();
  });
});
