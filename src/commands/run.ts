// `die-operator run`: the operator against a real cluster, in the form of dot-i's Operator class.
import { Command, Option } from 'commander';
import { z } from 'zod';
import { OPERATOR_NAME, SYSTEM_NAMESPACE } from '../api/names.ts';
import { DieOperator } from '../controller/die-operator.ts';
import { parseDuration } from '../decide/duration.ts';
import { systemClock, systemRandom } from '../kube/clock.ts';
import { loadConnection } from '../kube/connection.ts';
import { fencedClient } from '../kube/fence.ts';
import { createKubeClient } from '../kube/http-client.ts';
import { createPodExec } from '../kube/pod-exec.ts';
import { readSkew } from '../kube/server-clock.ts';
import { createUndiciTransport } from '../kube/undici-transport.ts';
import { createHealth } from '../observe/health.ts';
import { createLogger, type Logger } from '../observe/log.ts';
import { createOperator, type AssembledOperator } from '../operator.ts';
import { kebab, limitsOf, readSettings, SettingsSchema, type Settings } from '../settings.ts';
import { defenderOf } from '../settings/defender.ts';
import { version } from '../version.ts';
import { checkEvidence, evidenceOf } from './run/evidence.ts';
import { intakeAccess } from './run/intake-access.ts';
import { journalOf } from './run/journal.ts';
import { kubeletsOf } from './run/kubelets.ts';
import { notifyOf } from './run/notify.ts';
import { registryOf } from './run/registry.ts';
import { silenceOf } from './run/silence.ts';
import { streamOf } from './run/stream.ts';

/** See the file's first line. */
export function command(): Command {
  const run = new Command('run');
  for (const [name, schema] of Object.entries(SettingsSchema.shape)) run.addOption(optionOf(name, schema));
  return run.action(async (given: Record<string, unknown>) => start(readSettings(given)));
}

// A boolean is a switch, a list takes a comma-separated value, all else is text that the schema reads.
function optionOf(name: string, schema: z.ZodType): Option {
  const kind = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' });
  const flag = `--${kebab(name)}`;
  const placeholder =
    kind.type === 'boolean' ? flag : `${flag} <${kind.type === 'array' ? 'list' : 'value'}>`;
  const shown = kind.default === undefined ? '' : ` (default: ${JSON.stringify(kind.default)})`;
  const option = new Option(placeholder, `${schema.description ?? ''}${shown}`);
  option.env(`DIE_${kebab(name).replaceAll('-', '_').toUpperCase()}`);
  if (kind.type === 'array')
    option.argParser((text: string) => text.split(',').filter((part) => part !== ''));
  return option;
}

async function start(settings: Settings): Promise<void> {
  const log = createLogger(settings.logLevel);
  const connection = await loadConnection();
  const transport = createUndiciTransport(connection);
  const connected = {
    transport,
    clock: systemClock,
    random: systemRandom,
    userAgent: `${OPERATOR_NAME}/${version()}`,
  };
  const client = createKubeClient(connected);
  const evidence = evidenceOf(settings, systemClock);
  const journal = await journalOf(settings, systemClock, log);
  const digests = registryOf(settings, systemClock, log);
  const operator = createOperator({
    ...settings,
    ...(digests && { digests }),
    ...(journal && { journal }),
    ...streamOf(settings),
    ...silenceOf(settings, systemClock),
    ...(await notifyOf(settings, systemClock)),
    ...defenderOf(settings),
    ...(!settings.singleResponder && {
      election: {
        lease: { namespace: SYSTEM_NAMESPACE, name: settings.leaseName },
        fencedClient: (term) => fencedClient(connected, term),
      },
    }),
    client,
    clock: systemClock,
    random: systemRandom,
    log,
    evidence,
    serverSkew: (signal) => readSkew({ transport, clock: systemClock }, signal),
    kubelets: kubeletsOf(settings, connection, systemClock),
    podExec: createPodExec({ connection, transport, clock: systemClock }),
    ...intakeAccess(settings, systemClock, log),
    maxAlertAgeMs: parseDuration(settings.maxAlertAge),
    limits: limitsOf(settings),
  });
  if (settings.roles.includes('responder')) await checkEvidence(settings, evidence, log);
  try {
    await serve(settings, operator, client, log);
  } finally {
    await digests?.close();
    await transport.close();
  }
}

async function serve(
  settings: Settings,
  operator: AssembledOperator,
  client: ReturnType<typeof createKubeClient>,
  log: Logger,
): Promise<void> {
  const parts = [{ name: 'operator', start: (signal: AbortSignal) => operator.run(signal) }];
  const shell = new DieOperator({ parts, client, clock: systemClock, random: systemRandom, log });
  let stopped = false;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => {
      stopped = true;
      shell.stop();
    });
  }
  operator.metrics.showProcess();
  const health = createHealth({ checks: operator.checks, metrics: operator.metrics });
  // Everything that can fail at the start does so before anything is done to a pod.
  try {
    const probes = await health.listen({ host: settings.healthHost, port: settings.healthPort });
    const { intakeHost: host, intakePort: port, insecureIntake: insecure } = settings;
    const intake = await operator.webhook?.listen({ host, port, insecure });
    log.info({ probes, intake, roles: settings.roles }, 'die-operator starts');
    await shell.start();
    if (stopped) shell.stop();
    await shell.finished();
  } finally {
    await operator.webhook?.close();
    await health.close();
  }
  log.info({}, 'die-operator has stopped');
}
