// `die-operator doctor`: whether everything is in place for a response to go well, and how to mend what is not.
import { Command, Option } from 'commander';
import { cleanText } from '../detect/sanitize.ts';
import { visibleJson } from '../explain/visible.ts';
import { systemClock, systemRandom } from '../kube/clock.ts';
import { loadConnection } from '../kube/connection.ts';
import { KubeError } from '../kube/errors.ts';
import { createKubeClient } from '../kube/http-client.ts';
import type { Transport } from '../kube/transport.ts';
import { createUndiciTransport } from '../kube/undici-transport.ts';
import { version } from '../version.ts';
import { examine, type Check, type DoctorContext, type Finding } from './doctor/check.ts';
import { API_SERVER, EVIDENCE, KINDS, PAUSE } from './doctor/cluster.ts';
import { DECIDING } from './doctor/decisions.ts';
import { ALERTS } from './doctor/intake.ts';
import { DENY_POLICIES, NETWORK, PROTECTED, RELABEL } from './doctor/isolation.ts';
import { HELPERS, NODES_ENFORCE } from './doctor/nodes.ts';
import { RIGHTS } from './doctor/rights.ts';
import { readScene } from './doctor/scene.ts';
import { SPENDING } from './doctor/spending.ts';

const CHECKS: readonly Check[] = [
  API_SERVER,
  KINDS,
  RIGHTS,
  ALERTS,
  DECIDING,
  PAUSE,
  SPENDING,
  EVIDENCE,
  DENY_POLICIES,
  RELABEL,
  PROTECTED,
  NETWORK,
  HELPERS,
  NODES_ENFORCE,
];
const MAX_LINE = 4096;
const EXIT_CODES = `
Exit codes:
  0  nothing is wrong (there may be warnings)
  1  something is
  2  the API server could not be asked, or wrong usage`;

interface DoctorOptions {
  kubeconfig?: string;
  context?: string;
  evidenceDir?: string;
  evidenceStore?: string;
  s3Endpoint?: string;
  s3Region?: string;
  canary?: string[] | true;
  output: 'text' | 'json';
}

/** See the file's first line. */
export function command(): Command {
  return new Command('doctor')
    .option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl, then the account of the pod)')
    .option('--context <name>', 'context of the kubeconfig to use (default: its current one)')
    .option('--evidence-dir <folder>', 'try whether evidence can be kept there; where the responder runs')
    .option('--evidence-store <location>', 'the same for a bucket: s3://bucket/prefix')
    .addOption(new Option('--s3-endpoint <url>', 'S3 server other than AWS').env('DIE_EVIDENCE_S3_ENDPOINT'))
    .addOption(new Option('--s3-region <region>', 'region of the bucket').env('DIE_EVIDENCE_S3_REGION'))
    .option(
      '--canary [nodes...]',
      'test now whether these nodes enforce NetworkPolicies (default: all that matter)',
    )
    .addOption(
      new Option('-o, --output <form>', 'form of the output').choices(['text', 'json']).default('text'),
    )
    .addHelpText('after', EXIT_CODES)
    .action(async (options: DoctorOptions) => {
      process.exitCode = await doctor(options);
    });
}

/** @returns the exit code. */
async function doctor(options: DoctorOptions): Promise<number> {
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const transport = createUndiciTransport(await loadConnection(options));
    try {
      const findings = await findingsOf(transport, options, stopped.signal);
      process.stdout.write(options.output === 'json' ? visibleJson({ findings }) : asText(findings));
      return findings.some(({ state }) => state === 'wrong') ? 1 : 0;
    } finally {
      await transport.close();
    }
  } catch (error) {
    process.stderr.write(`die-operator: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

/** All findings in their order. @throws KubeError when the API server cannot be asked at all. */
export async function findingsOf(
  transport: Transport,
  { evidenceDir, canary, ...where }: Omit<DoctorOptions, 'kubeconfig' | 'context' | 'output'>,
  stopping: AbortSignal,
  { clock, random } = { clock: systemClock, random: systemRandom },
): Promise<Finding[]> {
  const client = createKubeClient({
    transport,
    clock,
    random,
    userAgent: `die-operator-doctor/${version()}`,
  });
  const base = { client, transport, clock, random, stopping, evidenceDir, bucket: bucketOf(where) };
  const context: DoctorContext = {
    ...base,
    isolating: [],
    inForce: [],
    canary: canary === true ? [] : canary,
  };
  const [reached] = await API_SERVER.look(context);
  if (reached === undefined) throw new Error('the API server did not answer');
  const { scene, trouble } = await readScene(client).then(
    (found) => ({ scene: found, trouble: [] as Finding[] }),
    (error: unknown) => ({ scene: {}, trouble: [policiesUnread(error)] }),
  );
  return [...trouble, ...(await examine(CHECKS, { ...context, ...scene }))];
}

function bucketOf({
  evidenceStore,
  s3Endpoint,
  s3Region,
}: Pick<DoctorOptions, 'evidenceStore' | 's3Endpoint' | 's3Region'>): DoctorContext['bucket'] {
  if (evidenceStore === undefined) return undefined;
  return {
    evidenceStore,
    ...(s3Endpoint !== undefined && { evidenceS3Endpoint: s3Endpoint }),
    ...(s3Region !== undefined && { evidenceS3Region: s3Region }),
  };
}

// What follows is then about no namespace, and says so.
function policiesUnread(error: unknown): Finding {
  if (!(error instanceof KubeError)) throw error;
  const cure = 'Apply the definitions, or run this as somebody who may read policies and namespaces.';
  return { check: 'policies', state: 'wrong', message: `policies cannot be read: ${error.message}`, cure };
}

/** A line a finding, its cure below; then one line that counts. */
export function asText(findings: readonly Finding[]): string {
  const lines = findings.map(({ check, state, message, cure }) => {
    const head = `${state.padEnd(7)}  ${check.padEnd(13)}  ${cleanText(message, MAX_LINE)}\n`;
    return cure === undefined ? head : `${head}${' '.repeat(24)}${cleanText(cure, MAX_LINE)}\n`;
  });
  const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length;
  const warnings = count('warning');
  return `${lines.join('')}${count('wrong')} wrong, ${warnings} warning${warnings === 1 ? '' : 's'}, ${count('skipped')} skipped, ${count('ok')} ok\n`;
}
