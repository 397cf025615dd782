// `die-operator helper capture`: reads evidence on its node and hands it to the one who started it.
import { Command } from 'commander';
import { CaptureOrderSchema } from '../../helpers/capture-order.ts';
import type { CaptureReport } from '../../helpers/capture-report.ts';
import { CAPTURE_PORT } from '../../helpers/capture-wire.ts';
import { MOUNTED_AT } from '../../helpers/pod.ts';
import { filesystemCollector } from '../../helpers/programs/capture/filesystem.ts';
import { processesCollector } from '../../helpers/programs/capture/processes.ts';
import { runCapture } from '../../helpers/programs/capture/run.ts';
import { systemClock } from '../../kube/clock.ts';
import { asKey, readOrder } from './arguments.ts';
import { sayLast } from './last-word.ts';

interface Flags {
  key: Uint8Array;
  order: string;
  containerdRoot: string;
  kubeletRoot: string;
}

/** See the file's first line. */
export function captureCommand(): Command {
  return new Command('capture')
    .description('reads evidence on its node and hands it to the one who started it')
    .exitOverride()
    .requiredOption('--key <hex>', 'the key of the one who may come for it', asKey)
    .requiredOption('--order <json>', 'what to read')
    .requiredOption('--containerd-root <path>', 'where the runtime of the node keeps its containers')
    .requiredOption('--kubelet-root <path>', 'where the kubelet of the node keeps its volumes')
    .action(async (flags: Flags) => {
      // Also what others on the node see of it: the key is in the arguments.
      process.title = 'die-operator capture';
      await sayLast(await carryOut(flags));
    });
}

async function carryOut({ key, order: text, ...flags }: Flags): Promise<CaptureReport> {
  const order = readOrder(CaptureOrderSchema, text);
  if (typeof order === 'string') return { result: 'Refused', reason: 'Order', message: order };
  const roots = { containerd: flags.containerdRoot, kubelet: flags.kubeletRoot };
  return runCapture({
    clock: systemClock,
    order,
    proc: '/proc',
    collectors: {
      Processes: processesCollector(),
      Filesystem: filesystemCollector(roots),
    },
    folders: [
      { path: roots.containerd, mountedAt: MOUNTED_AT.containerd },
      { path: roots.kubelet, mountedAt: MOUNTED_AT.kubelet },
    ],
    serve: { key, port: CAPTURE_PORT },
  });
}
