// One replica of the operator: its roles, network and disk outlive its processes.
import { RESPONDER_LEASE, SYSTEM_NAMESPACE, type Role } from '../../../src/api/names.ts';
import { openJournal } from '../../../src/detect/journal/journal.ts';
import type { EvidenceStore } from '../../../src/evidence/store.ts';
import { fencedClient } from '../../../src/kube/fence.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import type { Logger } from '../../../src/observe/log.ts';
import { createOperator, type AssembledOperator, type OperatorParts } from '../../../src/operator.ts';
import { DEFENDER } from '../../support/defender-alerts.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { drawInt, drawsFor } from './draws.ts';
import type { Fault, History } from './history.ts';
import type { Listener } from './listener.ts';
import { Network } from './network.ts';
import type { NodeReader } from './node-reader.ts';
import { Process } from './process.ts';
import type { SimClock } from './clock.ts';
import type { ServerLog } from './server-log.ts';
import type { Sidekick } from './sidekick.ts';

export const TOKEN = 'simulated-token-0123456789';

/** What all replicas share. */
export interface Surroundings {
  clock: SimClock;
  log: ServerLog;
  history: History;
  /** The disk for evidence, which outlives every process. */
  evidence: EvidenceStore;
  nodeReader: NodeReader;
  protectedNamespaces: readonly string[];
  /** What the installation limits. */
  limits: OperatorParts['limits'];
  /** Undefined: nobody watches for silence. */
  sidekick: Sidekick | undefined;
  /** Told what responses do. */
  listener: Listener;
  /** Told of each line that a process logs. */
  onLog: (replica: string, fields: object, message: string) => void;
}

/** What became of one alert that was sent to a replica. */
export interface AlertAnswer {
  /** HTTP status; 0: no answer came. */
  status: number;
  outcome?: string;
}

const MAX_ALERT_AGE_MS = 900_000;
const RESTART_MS = 1_000;
/** What bringing something to a slow disk takes. */
const SLOW_SYNC_MS = 2_000;
/** Who waits longer than this for an answer has given up; milliseconds. */
const SENDER_TIMEOUT_MS = 5_000;

/** See the file's first line. */
export class Replica {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly network: Network;
  readonly #surroundings: Surroundings;
  readonly #disk = new MemoryDisk();
  #process: Process | undefined;
  /** Of all its lives. */
  readonly #processes: Process[] = [];
  #operator: AssembledOperator | undefined;
  #lives = 0;
  #skewMs = 0;
  #down = 0;
  #slowDisk = false;
  /** When its process was started, in milliseconds after the start of the world. */
  startedAt = 0;

  constructor(name: string, roles: readonly Role[], surroundings: Surroundings) {
    this.name = name;
    this.roles = roles;
    this.#surroundings = surroundings;
    this.network = new Network(name, surroundings);
    const { clock, history } = surroundings;
    for (const fault of history.faults) {
      if (fault.replica !== name) continue;
      if (fault.kind === 'ClockJump') clock.after(fault.at, () => this.#jump(fault));
      if (fault.kind === 'Kill') clock.after(fault.at, () => this.#kill(fault));
      if (fault.kind === 'Disk') {
        clock.after(fault.at, () => this.#fail(fault));
        clock.after(fault.at + fault.forMs, () => this.#mend());
      }
    }
  }

  /** Which life it is in. */
  get life(): number {
    return this.#lives;
  }

  /** Whether its process is there and goes on. */
  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** Whether its caches are read. */
  get ready(): boolean {
    return this.running && (this.#operator?.checks.every((check) => check.reason() === undefined) ?? false);
  }

  /** How often it died. */
  get deaths(): number {
    return this.#down;
  }

  /** The history is over: its processes are let go of. */
  forget(): void {
    for (const process of this.#processes) process.forget();
  }

  /** Starts a process on the disk that the last one left. */
  start(): void {
    const { clock } = this.#surroundings;
    const life = ++this.#lives;
    this.startedAt = clock.elapsed();
    const process = new Process(clock, { replica: this.name, life, skewMs: this.#skewMs });
    this.#process = process;
    this.#processes.push(process);
    this.#assemble(process).then(
      (parts) => {
        if (!process.alive) return;
        this.#operator = createOperator(parts);
        // A process of the simulation is never asked to end: it dies, or the history is over.
        this.#operator.run(process.forgotten).catch((error: unknown) => {
          if (!process.forgotten.aborted) throw error;
        });
      },
      // It cannot begin without its journal, ends with an error, and is started again.
      () => this.#kill({ awayMs: RESTART_MS }),
    );
  }

  async #assemble(process: Process): Promise<OperatorParts> {
    const { evidence, history, nodeReader, sidekick, listener } = this.#surroundings;
    const { clock } = process;
    const random = drawsFor(history.seed, `${this.name} life ${process.life}`);
    const log = this.#logger(process);
    const transport = this.network.transportFor(process, { crash: (awayMs) => this.#died(awayMs) });
    const connected = { transport, clock, random, userAgent: `die-operator/${this.name}` };
    const owner = Array.from({ length: 32 }, () => drawInt(random, 0, 15).toString(16)).join('');
    const journal = await openJournal({ disk: this.#mounted(process), clock, log, owner });
    return {
      client: createKubeClient(connected),
      clock,
      random,
      evidence: aliveOnly(evidence, process),
      nodeCollector: nodeReader.collector,
      log,
      journal,
      ...(history.replicas > 1 && {
        election: {
          lease: { namespace: SYSTEM_NAMESPACE, name: RESPONDER_LEASE },
          fencedClient: (term) => fencedClient(connected, term),
        },
      }),
      defender: DEFENDER,
      ...(sidekick && { silence: sidekick.settingsFor(process) }),
      notify: {
        targets: [{ name: 'falcosidekick', post: listener.postFor(process) }],
        minimumPriority: 'Debug',
      },
      tokens: () => [TOKEN],
      roles: this.roles,
      instance: this.name,
      watchNamespaces: [],
      protectedNamespaces: this.#surroundings.protectedNamespaces,
      maxAlertAgeMs: MAX_ALERT_AGE_MS,
      limits: this.#surroundings.limits,
    };
  }

  // Each process has a mount of its own, whose every step takes its time and ends with the process.
  #mounted(process: Process): ReturnType<MemoryDisk['mount']> {
    const { clock, history } = this.#surroundings;
    const draws = drawsFor(history.seed, `${this.name} disk ${process.life}`);
    this.#disk.onStep = async ({ stage }) => {
      const syncMs = history.seed === 0 ? 1 : drawInt(draws, 1, 8);
      if (stage === 'written') await clock.sleep(this.#slowDisk ? SLOW_SYNC_MS : syncMs);
      await process.turn();
    };
    return this.#disk.mount();
  }

  /** Sends an alert and waits for the answer. */
  async post(body: unknown, token = TOKEN, path = '/v1/falco'): Promise<AlertAnswer> {
    const { clock } = this.#surroundings;
    const [process, webhook] = [this.#process, this.#operator?.webhook];
    if (!webhook || !process?.running) return { status: 0 };
    clock.stir();
    const answered = webhook
      .inject({
        method: 'POST',
        url: path,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' },
        payload: JSON.stringify(body),
      })
      .then(async (answer): Promise<AlertAnswer> => {
        await process.turn();
        const { outcome } = answer.json<{ outcome?: string }>();
        return { status: answer.statusCode, ...(outcome !== undefined && { outcome }) };
      });
    const gaveUp = clock.sleep(SENDER_TIMEOUT_MS).then((): AlertAnswer => ({ status: 0 }));
    return Promise.race([answered, gaveUp]);
  }

  #fail({ how }: Fault & { kind: 'Disk' }): void {
    this.#slowDisk = how === 'Slow';
    this.#disk.readOnly = how === 'ReadOnly';
    this.#disk.capacity = how === 'Full' ? this.#disk.used : Infinity;
    this.#disk.failingSyncs = how === 'FailingSync' ? Infinity : 0;
  }

  #mend(): void {
    this.#slowDisk = false;
    Object.assign(this.#disk, { readOnly: false, capacity: Infinity, failingSyncs: 0 });
  }

  #kill({ awayMs }: { awayMs: number }): void {
    if (!this.#process?.alive) return;
    this.#process.kill();
    this.#died(awayMs);
  }

  #died(awayMs: number): void {
    this.#down += 1;
    this.#operator = undefined;
    // The machine loses its power: of what was not brought to the disk anything may be missing.
    this.#disk.crash(drawsFor(this.#surroundings.history.seed, `${this.name} crash ${this.#down}`));
    this.#surroundings.clock.after(awayMs, () => this.start());
  }

  #jump({ byMs }: Fault & { kind: 'ClockJump' }): void {
    this.#skewMs += byMs;
    if (this.#process) this.#process.clock.skewMs = this.#skewMs;
  }

  #logger(process: Process): Logger {
    const say = (fields: object, message: string) => {
      if (process.alive) this.#surroundings.onLog(this.name, fields, message);
    };
    const logger: Logger = { debug: () => {}, info: say, warn: say, error: say, child: () => logger };
    return logger;
  }
}

/** The disk as one process reaches it: nothing is written by a dead one. */
function aliveOnly(store: EvidenceStore, process: Process): EvidenceStore {
  return {
    recipients: store.recipients,
    readiness: () => store.readiness(),
    holds: async (summary) => process.turn().then(() => store.holds(summary)),
    open: async (subject) => {
      await process.turn();
      const bundle = await store.open(subject);
      if (bundle.finished) return bundle;
      return {
        add: async (file) => process.turn().then(() => bundle.add(file)),
        problem: (collector, message) => bundle.problem(collector, message),
        failed: (collector, message) => bundle.failed(collector, message),
        finish: async () => process.turn().then(() => bundle.finish()),
      };
    },
  };
}
