// What a check of `die-operator doctor` is: what it is given, and what it finds.
import type { CompiledPolicy } from '../../decide/policies.ts';
import type { Clock, Random } from '../../kube/clock.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isForbidden, KubeError } from '../../kube/errors.ts';
import type { Transport } from '../../kube/transport.ts';
import type { S3Settings } from '../run/s3-access.ts';

/** `skipped`: it could not be looked at, and the message says why. */
export const STATES = ['ok', 'skipped', 'warning', 'wrong'] as const;
/** See {@link STATES}. */
export type State = (typeof STATES)[number];

/** One line of the report. */
export interface Finding {
  check: string;
  state: State;
  message: string;
  /** What a person can do. */
  cure?: string;
}

/** A namespace in which a policy in force isolates pods. */
export interface IsolatingNamespace {
  name: string;
  policies: readonly Pick<CompiledPolicy, 'kind' | 'name'>[];
}

/** What checks work with. */
export interface DoctorContext {
  client: KubeClient;
  transport: Transport;
  clock: Clock;
  random: Random;
  /** Fires when the person stops it. */
  stopping: AbortSignal;
  /** Empty also while no policy could be read. */
  isolating: readonly IsolatingNamespace[];
  /** Policies in force anywhere; empty also while none could be read. */
  inForce: readonly CompiledPolicy[];
  /** Where evidence is kept, if this process is where the responder is. */
  evidenceDir?: string | undefined;
  /** The bucket where it is kept instead. */
  bucket?: S3Settings | undefined;
  /** Nodes to test now; empty: those with pods in {@link isolating}; undefined: none. */
  canary?: readonly string[] | undefined;
}

/** One thing that is looked at. */
export interface Check {
  name: string;
  /** @throws KubeError, which becomes a finding. */
  look: (context: DoctorContext) => Promise<Omit<Finding, 'check'>[]>;
}

export const ok = (message: string): Omit<Finding, 'check'> => ({ state: 'ok', message });
export const skipped = (message: string): Omit<Finding, 'check'> => ({ state: 'skipped', message });
export const warning = (message: string, cure: string): Omit<Finding, 'check'> => ({
  state: 'warning',
  message,
  cure,
});
export const wrong = (message: string, cure: string): Omit<Finding, 'check'> => ({
  state: 'wrong',
  message,
  cure,
});

/** Does all checks, one after the other. Never rejects for what the API server answers. */
export async function examine(checks: readonly Check[], context: DoctorContext): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, look } of checks) {
    const found = await look(context).catch(troubleOf);
    findings.push(...found.map((finding) => ({ check: name, ...finding })));
  }
  return findings;
}

function troubleOf(error: unknown): Omit<Finding, 'check'>[] {
  if (!(error instanceof KubeError)) throw error;
  if (isForbidden(error)) return [skipped(`not allowed to look: ${error.message}`)];
  return [wrong(error.message, 'Look at the API server and at the way to it, and run this again.')];
}
