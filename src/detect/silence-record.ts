// The record of when alerts came, which all receivers share: a ConfigMap that config/default makes.
import type { KubeObject } from '../api/meta.ts';
import { INTAKE_CONFIGMAP, SYSTEM_NAMESPACE } from '../api/names.ts';
import { INTAKE_RECORD, type IntakeChange, type IntakeData } from '../decide/silence.ts';
import type { JsonPatchOp, KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { isForbidden, isNotFound, isTestFailure, KubeError } from '../kube/errors.ts';
import { pointer } from '../kube/json-patch.ts';
import { CONFIG_MAPS } from '../kube/resources.ts';
import type { Logger } from '../observe/log.ts';

const AT = { namespace: SYSTEM_NAMESPACE, name: INTAKE_CONFIGMAP };
/** Nobody waits for it, and nothing is lost but a time. */
const TIMEOUT_MS = 5_000;
/** Receivers are few: who loses that often in a row has met something else. */
const MAX_TRIES = 4;

/** What became of a change: `Unneeded`, by what was there. */
export type ChangeResult = 'Written' | 'Unneeded' | 'Failed';

/** See the file's first line. A failure is logged once, until it works again, and never thrown. */
export class SilenceRecord {
  readonly #client: KubeClient;
  readonly #log: Logger;
  readonly #clock: Clock;
  #data: IntakeData;
  #asOf: number | undefined;
  #trouble: string | undefined;

  constructor({ client, clock, log }: { client: KubeClient; clock: Clock; log: Logger }) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
  }

  /** As it was read or written last; undefined: never. */
  get data(): IntakeData {
    return this.#data;
  }

  /**
   * When {@link SilenceRecord.data} was asked for, in milliseconds since the epoch; undefined: never. What was written since
   * is not known, and what is missing in it was missing then.
   */
  get asOf(): number | undefined {
    return this.#asOf;
  }

  /** Why it cannot be used, for people. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** @returns whether it could be read. */
  async read(): Promise<boolean> {
    return (await this.#trying(() => this.#get())) !== undefined;
  }

  /**
   * Changes it as it is now.
   * @param decide asked again when another receiver was faster; undefined: there is nothing to change
   */
  async change(decide: (data: IntakeData) => IntakeChange | undefined): Promise<ChangeResult> {
    return (await this.#trying(() => this.#change(decide))) ?? 'Failed';
  }

  async #change(decide: (data: IntakeData) => IntakeChange | undefined): Promise<ChangeResult> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const map = await this.#get();
      const change = decide(dataOf(map['data']));
      if (!change) return 'Unneeded';
      if (await this.#write(map, change)) return 'Written';
    }
    // The others wrote what they saw, later than what is ours.
    return 'Failed';
  }

  /** @returns false when somebody else was faster. */
  async #write(map: KubeObject, change: IntakeChange): Promise<boolean> {
    const { uid, resourceVersion } = map.metadata;
    const ops: JsonPatchOp[] = [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
      ...(dataOf(map['data']) === undefined ? [{ op: 'add', path: '/data', value: {} } as const] : []),
      ...Object.entries(change).map(
        ([key, value]) => ({ op: 'add', path: pointer('data', key), value }) as const,
      ),
    ];
    const sentAt = this.#clock.now();
    try {
      const changed = await this.#client.jsonPatch<KubeObject>(CONFIG_MAPS, AT, ops, {
        timeoutMs: TIMEOUT_MS,
      });
      this.#keep(changed, sentAt);
      return true;
    } catch (error) {
      if (isTestFailure(error)) return false;
      throw error;
    }
  }

  async #get(): Promise<KubeObject> {
    const sentAt = this.#clock.now();
    const map = await this.#client.get<KubeObject>(CONFIG_MAPS, AT, { timeoutMs: TIMEOUT_MS });
    this.#keep(map, sentAt);
    return map;
  }

  #keep(map: KubeObject, sentAt: number): void {
    this.#data = dataOf(map['data']);
    this.#asOf = sentAt;
  }

  async #trying<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const done = await work();
      this.#note(undefined);
      return done;
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      this.#note(troubleOf(error));
      return undefined;
    }
  }

  #note(trouble: string | undefined): void {
    const before = this.#trouble;
    this.#trouble = trouble;
    if (before === trouble) return;
    if (trouble === undefined) this.#log.info({}, 'when alerts come is noted again');
    else this.#log.warn({ trouble }, 'when alerts come cannot be noted; nothing else suffers');
  }
}

function troubleOf(error: KubeError): string {
  if (isNotFound(error)) return `there is no ${INTAKE_RECORD}: apply config/default again`;
  if (isForbidden(error))
    return `the receiver may not read and write ${INTAKE_RECORD}: apply config/default again`;
  return `${INTAKE_RECORD} could not be read or written (${error.reason})`;
}

function dataOf(data: unknown): IntakeData {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : undefined;
}
