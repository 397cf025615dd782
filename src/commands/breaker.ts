// `die-operator breaker`: whether the circuit breaker is open, why, what the ledger holds; and to close it.
import { Command } from 'commander';
import { cleanText } from '../detect/sanitize.ts';
import { systemClock, systemRandom } from '../kube/clock.ts';
import { loadConnection } from '../kube/connection.ts';
import { createKubeClient } from '../kube/http-client.ts';
import { createUndiciTransport } from '../kube/undici-transport.ts';
import type { KubeClient } from '../kube/client.ts';
import { version } from '../version.ts';
import { closeBreaker, readStatus, statusLines } from './breaker/breaker.ts';
import { whoAmI } from './uninstall/decide-release.ts';

interface ConnectionOptions {
  kubeconfig?: string;
  context?: string;
}

const MAX_LINE = 4096;

/** See the file's first line. */
export function command(): Command {
  const breaker = new Command('breaker');
  const status = new Command('status')
    .description('say whether it is open, since when and why, and what the ledger of destructive acts holds')
    .action(async (options: ConnectionOptions) => {
      await connected(options, async (client) =>
        print(statusLines(await readStatus(client, systemClock.now()))),
      );
    });
  const close = new Command('close')
    .description('close it: what happened before does not open it again')
    .requiredOption('--reason <text>', 'why; kept with your name')
    .action(async ({ reason, ...options }: ConnectionOptions & { reason: string }) => {
      await connected(options, async (client) => {
        const by = await whoAmI(client);
        print([await closeBreaker(client, { by, reason }, systemClock.now())]);
      });
    });
  for (const one of [status, close]) {
    one
      .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl, then the account of the pod)')
      .option('--context <name>', 'context of the kubeconfig to use (default: its current one)')
      .exitOverride();
    breaker.addCommand(one, { isDefault: one === status });
  }
  return breaker;
}

async function connected(
  options: ConnectionOptions,
  work: (client: KubeClient) => Promise<void>,
): Promise<void> {
  const transport = createUndiciTransport(await loadConnection(options));
  try {
    const userAgent = `die-operator/${version()}`;
    await work(createKubeClient({ transport, clock: systemClock, random: systemRandom, userAgent }));
  } finally {
    await transport.close();
  }
}

function print(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${cleanText(line, MAX_LINE)}\n`);
}
