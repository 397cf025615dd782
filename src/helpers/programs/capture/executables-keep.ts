// Which executables are kept in the bundle, and putting them there.
import { timestamp } from '../../../kube/clock.ts';
import type { CaptureSink } from '../../capture-stream.ts';
import type { NodeContext } from './collector.ts';
import { contentOf, hashExecutable, type Executable, type ReadLimits } from './executables.ts';
import { whyNot } from './process-files.ts';

/**
 * Hashes all that can be, and chooses what is kept: what has no name, and with `contents` everything, within the budget.
 * @returns those to be kept, each content once.
 */
export async function hashAll(
  all: readonly Executable[],
  { order, budget }: NodeContext,
  limits: ReadLimits,
): Promise<Executable[]> {
  const kept = new Map<string, Executable>();
  for (const executable of all) {
    await hashExecutable(executable, limits);
    const { sha256, size } = executable;
    if (sha256 === undefined || !(executable.nameless || order.contents)) continue;
    if (!kept.has(sha256) && !budget.take(size)) {
      executable.problem = `not kept: of the bytes of contents that may be kept ${budget.left()} are left`;
      continue;
    }
    executable.kept = `node/executables/${sha256}`;
    if (!kept.has(sha256)) kept.set(sha256, executable);
  }
  return [...kept.values()];
}

/** Puts an executable into the sink. @throws when the sink does; what cannot be read is a problem. */
export async function keepExecutable(
  executable: Executable,
  context: NodeContext,
  sink: CaptureSink,
  limits: ReadLimits,
): Promise<void> {
  const { sha256 = '', kept: path = '', pid } = executable;
  const head = {
    path,
    collector: 'processes',
    contentType: 'application/octet-stream',
    source: `the file that process ${pid} runs`,
    collectedAt: timestamp(context.clock),
  };
  let unread: unknown;
  async function* content() {
    try {
      yield* contentOf(executable, limits);
    } catch (error) {
      unread = error;
      throw error;
    }
  }
  try {
    const end = await sink.file(head, content());
    if ((end.plain?.sha256 ?? end.sha256) !== sha256)
      sink.problem('processes', `${path} is not what its name says: the file changed after it was hashed`);
  } catch (error) {
    if (unread === undefined) throw error;
    sink.problem('processes', `${path} is not whole: ${whyNot(unread)}`);
  }
}
