// `die-operator helper checkpoint`: takes checkpoints from its node and hands them to the one who started it.
import { Command } from 'commander';
import { CheckpointOrderSchema } from '../../helpers/checkpoint-order.ts';
import type { CaptureReport } from '../../helpers/capture-report.ts';
import { CAPTURE_PORT } from '../../helpers/capture-wire.ts';
import { CHECKPOINTS_AT } from '../../helpers/pod.ts';
import { runCheckpoint } from '../../helpers/programs/checkpoint.ts';
import { systemClock } from '../../kube/clock.ts';
import { asKey, readOrder } from './arguments.ts';
import { sayLast } from './last-word.ts';

const ROOT_USER = 0;

/** See the file's first line. */
export function checkpointCommand(): Command {
  return new Command('checkpoint')
    .description('takes checkpoints from its node and hands them to the one who started it')
    .exitOverride()
    .requiredOption('--key <hex>', 'the key of the one who may come for it', asKey)
    .requiredOption('--order <json>', 'what to take')
    .action(async ({ key, order }: { key: Uint8Array; order: string }) => {
      // Also what others on the node see of it: the key is in the arguments.
      process.title = 'die-operator checkpoint';
      await sayLast(await carryOut(key, order));
    });
}

async function carryOut(key: Uint8Array, text: string): Promise<CaptureReport> {
  const order = readOrder(CheckpointOrderSchema, text);
  if (typeof order === 'string') return { result: 'Refused', reason: 'Order', message: order };
  const serve = { key, port: CAPTURE_PORT };
  return runCheckpoint({ clock: systemClock, order, folder: CHECKPOINTS_AT, owner: ROOT_USER, serve });
}
