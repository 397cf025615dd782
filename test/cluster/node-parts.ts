// What a real node is made of, in parts that are built and cached one by one: a build that was broken off goes on with the
// part that is missing.
import { CILIUM, ciliumVersion, pinnedVersion, type AssetGroup, type Binary } from './pins.ts';

const KUBERNETES = 'k8s.io/kubernetes';
const CONTAINERD = 'github.com/containerd/containerd/v2';
const RUNC = 'github.com/opencontainers/runc';
const REGISTRY = 'github.com/google/go-containerregistry';
const PROGRAMS = 'die-operator.dev/test/cluster/programs';

/** A part whose binaries are commands of one Go module, which the folder of that name pins. */
function part(
  module: string,
  description: Pick<AssetGroup, 'title' | 'effort'>,
  binaries: readonly Omit<Binary, 'module'>[],
  rest: Partial<AssetGroup> & Pick<AssetGroup, 'label'>,
): AssetGroup {
  return {
    ...description,
    binaries: binaries.map((binary) => ({ ...binary, module })),
    moduleFiles: [`${module}/go.mod`, `${module}/go.sum`],
    ...rest,
  };
}

const containerd = (name: string) => ({ name, goPackage: `${CONTAINERD}/cmd/${name}` });
const kubernetes = (name: string) => ({ name, goPackage: `${KUBERNETES}/cmd/${name}` });
const registry = (name: string) => ({ name, goPackage: `${REGISTRY}/cmd/${name}` });
const program = (name: string) => ({ name, goPackage: `${PROGRAMS}/${name}` });

/** The parts in build order, short ones first. Etcd and the API server are the group `CONTROL_PLANE`. */
export const NODE_PARTS = {
  programs: part(
    'programs',
    { title: 'the programs of the pods', effort: 'seconds' },
    [program('pause'), program('peer')],
    {
      moduleFiles: ['programs/go.mod', 'programs/pause/main.go', 'programs/peer/main.go'],
      label: () => 'programs',
    },
  ),
  registry: part(
    'registry',
    { title: 'the image registry', effort: 'half a minute' },
    [registry('crane'), registry('registry')],
    { label: () => `registry-${pinnedVersion('registry', REGISTRY)}` },
  ),
  runc: part(
    'runc',
    { title: 'runc', effort: 'half a minute' },
    [{ name: 'runc', goPackage: RUNC, cgoTags: 'seccomp' }],
    { label: () => `runc-${pinnedVersion('runc', RUNC)}` },
  ),
  containerd: part(
    'containerd',
    { title: 'containerd', effort: '1 to 3 minutes' },
    ['containerd', 'containerd-shim-runc-v2', 'ctr'].map(containerd),
    { label: () => `containerd-${pinnedVersion('containerd', CONTAINERD)}` },
  ),
  kubernetes: part(
    'kube-node',
    { title: "Kubernetes' scheduler and node agents", effort: '1 to 5 minutes' },
    ['kube-scheduler', 'kubelet', 'kube-proxy'].map(kubernetes),
    { label: () => `node-${pinnedVersion('kube-node', KUBERNETES)}` },
  ),
  cilium: part(
    'cilium',
    { title: 'Cilium', effort: '5 to 15 minutes' },
    [
      { name: 'cilium-agent', goPackage: `${CILIUM}/daemon` },
      { name: 'cilium-cni', goPackage: `${CILIUM}/plugins/cilium-cni` },
    ],
    {
      // The agent compiles its BPF programs anew on each node; nobody publishes the definitions of its kinds apart.
      sources: [
        { module: 'cilium', goModule: CILIUM, folder: 'bpf', name: 'bpf' },
        { module: 'cilium', goModule: CILIUM, folder: 'pkg/k8s/apis/cilium.io/client/crds', name: 'crds' },
      ],
      label: () => `cilium-${ciliumVersion()}`,
    },
  ),
} satisfies Record<string, AssetGroup>;
