// Operator processes of one test: each has a name, folders that it finds again when it is started anew, and in each of
// its lives a token of its own, by which the audit log tells it from all others.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Role } from '../../src/api/names.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { kubeconfigFor, tokenFor, type ClusterAccess } from './cluster-access.ts';
import { NO_LIMIT_FLAGS } from './limits.ts';
import { startProgram, type Program } from './program.ts';
import type { RunFolder } from './run-folder.ts';

/** Which process. */
export interface Member {
  /** Unique in the fleet; also the `--instance`. */
  name: string;
  role: Role;
  /** Default: all. */
  namespaces?: readonly string[];
  /** Default: the Lease of an installation. */
  lease?: string;
  /** What it takes for the API server. Default: the API server. */
  server?: string;
}

/** One life of a member. */
export interface OperatorProcess extends Program {
  readonly member: Member;
  /** What the audit log shows of it. */
  readonly credential: string;
  readonly kubeconfig: string;
  readonly args: readonly string[];
}

/** What an alert was answered. */
export interface IntakeAnswer {
  status: number;
  outcome: string | undefined;
  /** From the first byte sent to the answer, in milliseconds. */
  tookMs: number;
}

const TOKEN = 'fleet-token-0123456789';

/** See the file's first line. All responders keep their evidence in one folder, as on a volume for many nodes. */
export class Fleet {
  readonly #access: ClusterAccess;
  readonly #run: RunFolder;
  readonly #lives: OperatorProcess[] = [];

  /** @param run what ends the processes should this one be ended. */
  constructor(access: ClusterAccess, run: RunFolder) {
    this.#access = access;
    this.#run = run;
  }

  /** Folder of all evidence. */
  get evidence(): string {
    return join(this.#run.path, 'evidence');
  }

  /** All lives that there were, in order. */
  get lives(): readonly OperatorProcess[] {
    return this.#lives;
  }

  /** Starts a member, or one that ended again. */
  async start(member: Member): Promise<OperatorProcess> {
    const token = await tokenFor(this.#access, SYSTEM_NAMESPACE, member.role);
    const { server = this.#access.server } = member;
    const kubeconfig = await kubeconfigFor({ ...this.#access, server }, { token });
    return this.#begin({
      member,
      kubeconfig,
      credential: credentialOf(token),
      args: await this.#argumentsOf(member),
    });
  }

  /** Starts one that ended again, with the token that it had: also while the API server gives out none. */
  startAgain({ member, kubeconfig, credential, args }: OperatorProcess): OperatorProcess {
    return this.#begin({ member, kubeconfig, credential, args });
  }

  #begin(prepared: Omit<OperatorProcess, keyof Program>): OperatorProcess {
    const program = startProgram(prepared.args, prepared.kubeconfig);
    this.#run.adopt(program.id);
    const life = { ...program, ...prepared };
    this.#lives.push(life);
    return life;
  }

  /** Ends whatever still runs, at once. */
  async end(): Promise<void> {
    await Promise.all(this.#lives.map((life) => life.end('SIGKILL')));
  }

  async #argumentsOf({ name, role, namespaces = [], lease }: Member): Promise<string[]> {
    const { path } = this.#run;
    const journal = join(path, 'journals', name);
    await Promise.all([this.evidence, journal].map((folder) => mkdir(folder, { recursive: true })));
    const tokens = join(path, 'tokens');
    await writeFile(tokens, TOKEN, { mode: 0o600 });
    const forRole =
      role === 'receiver'
        ? [`--journal-dir=${journal}`, `--token-file=${tokens}`, '--intake-port=0']
        : [
            `--evidence-dir=${this.evidence}`,
            ...NO_LIMIT_FLAGS,
            ...(lease === undefined ? [] : [`--lease-name=${lease}`]),
          ];
    return [
      'run',
      `--roles=${role}`,
      `--instance=${name}`,
      '--health-port=0',
      ...(namespaces.length > 0 ? [`--watch-namespaces=${namespaces.join(',')}`] : []),
      ...forRole,
    ];
  }
}

/** Posts an alert to the intake of a receiver as Falcosidekick does. Rejects when there is no answer. */
export async function postTo(receiver: OperatorProcess, alert: object): Promise<IntakeAnswer> {
  const { intake } = await receiver.addresses;
  const started = performance.now();
  const answer = await fetch(new URL('/v1/falco', intake), {
    method: 'POST',
    headers: {
      'user-agent': 'Falcosidekick',
      'content-type': 'application/json; charset=utf-8',
      authorization: `Bearer ${TOKEN}`,
    },
    body: `${JSON.stringify(alert)}\n`,
  });
  const { outcome } = (await answer.json()) as { outcome?: string };
  return { status: answer.status, outcome, tookMs: performance.now() - started };
}

/** As in the audit log: the ID of the token. */
function credentialOf(token: string): string {
  const [, claims = ''] = token.split('.');
  const { jti } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { jti: string };
  return `JTI=${jti}`;
}
