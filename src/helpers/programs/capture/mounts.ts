// What is mounted in each container, as its oldest process sees it.
import { pathSegment } from '../../../evidence/path.ts';
import { isGone } from '../proc-stat.ts';
import { whyNot, type ProcFiles } from './process-files.ts';
import { keyOf, look, type FoundProcess, type Search } from './process-find.ts';

/** Of one container, in bytes. */
const MAX_MOUNTS = 4_194_304;

/** The mounts of a container. */
export interface ContainerMounts {
  /** In the bundle. */
  path: string;
  source: string;
  bytes: Buffer;
}

/**
 * Reads the mounts of each container that has a name; where its oldest process ends meanwhile, those of the next.
 * @param found the oldest first.
 */
export async function readMounts(
  search: Search,
  found: readonly FoundProcess[],
  containers: ReadonlyMap<string, string>,
): Promise<{ mounts: ContainerMounts[]; problems: string[] }> {
  const mounts: ContainerMounts[] = [];
  const problems: string[] = [];
  const taken = new Set<string>();
  for (const [containerId, name] of containers) {
    const of = found.filter((one) => one.containerId === containerId);
    if (of.length === 0) continue;
    const read = await readFirst(search, of, name).catch((error: unknown) => whyNot(error));
    if (typeof read === 'string') {
      problems.push(`the mounts of container ${name} were not read: ${read}`);
      continue;
    }
    // Two containers of a name, when one takes the place of the other just now.
    const segment = pathSegment(name);
    const path = `node/mounts-${taken.has(segment) ? `${segment}-${containerId}` : segment}.txt`;
    taken.add(segment);
    mounts.push({ path, source: read.source, bytes: read.bytes });
    if (read.more) problems.push(`${path} is not whole: the limit is ${MAX_MOUNTS} bytes`);
  }
  return { mounts, problems };
}

const GONE = new Error('its processes have ended');

async function readFirst(
  search: Search,
  of: readonly FoundProcess[],
  name: string,
): Promise<{ source: string; bytes: Buffer; more: boolean }> {
  let failure: unknown = GONE;
  for (const one of of) {
    if (search.signal.aborted) throw new Error('the time for it was over');
    try {
      const { bytes, more } = await readMountinfo(search.files, one);
      const after = await look(search, one.pid);
      const source = `/proc/${one.pid}/mountinfo, container ${name}`;
      if (after?.found && keyOf(after.found) === keyOf(one)) return { source, bytes, more };
    } catch (error) {
      failure = isGone(error) ? GONE : error;
    }
  }
  throw failure;
}

async function readMountinfo(
  files: ProcFiles,
  { folder }: FoundProcess,
): Promise<{ bytes: Buffer; more: boolean }> {
  return files.read(`${folder}/mountinfo`, MAX_MOUNTS);
}
