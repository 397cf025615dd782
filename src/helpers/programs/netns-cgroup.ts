// Reads in /proc/PID/cgroup which container of a pod a process belongs to.

// The names that kubelets give to the group of a pod: pod<uid>, and kubepods-burstable-pod<uid with _>.slice with systemd.
const POD = /^(?:.*-)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})(?:\.slice)?$/;
// What runtimes call a container's: its ID, and with systemd <runtime>-<id>.scope. The group of CRI-O's monitor, crio-conmon-<id>,
// is none: that process runs in the network of the node.
const CONTAINER = /^(?:(?:cri-containerd|crio|docker|libpod)-)?([0-9a-f]{64})(?:\.scope)?$/;
const RUNTIME = /^(?:cri-containerd|crio|docker|libpod)$/;

/**
 * The container that a process is in, if that is one of the pod; its sandbox counts as one. Undefined if it is in none, or if the
 * hierarchies of cgroup v1 do not agree.
 *
 * The first group that is named like a pod's has the say: whoever may make groups in a container can name them as they
 * like, but only below that. Read from within another cgroup namespace a path begins with `/..`, and ends the same.
 * @param cgroup content of /proc/PID/cgroup: lines of `<number>:<controllers>:<path>`.
 */
export function containerOf(cgroup: string, podUid: string): string | undefined {
  const lines = cgroup.split('\n').filter((line) => line !== '');
  const found = lines.flatMap((line) => placeOf(line.split(':').slice(2).join(':')) ?? []);
  const [first] = found;
  const agree = found.every(({ pod, container }) => pod === podUid && container === first?.container);
  return agree ? first?.container : undefined;
}

function placeOf(path: string): { pod: string; container: string | undefined } | undefined {
  // containerd writes <slice>:cri-containerd:<id> where it was not told to use systemd.
  const names = path.split(/[/:]/);
  const at = names.findIndex((name) => POD.test(name));
  const pod = POD.exec(names[at] ?? '')?.[1]?.replaceAll('_', '-');
  if (pod === undefined) return undefined;
  const [next = '', afterNext = ''] = names.slice(at + 1);
  return { pod, container: CONTAINER.exec(RUNTIME.test(next) ? afterNext : next)?.[1] };
}
