// `operatorTest`: tests with die-operator installed as pods, once for all tests of a file.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { SYSTEM_NAMESPACE, type Role } from '../../../src/api/names.ts';
import { PODS } from '../../../src/kube/resources.ts';
import { mayDo } from '../../support/installed-test.ts';
import { kubectl, render } from '../../support/manifests.ts';
import { eventually } from '../../support/real-api-test.ts';
import type { RealApi } from '../../support/real-api.ts';
import { describeRight, rightsOf } from '../../support/rights.ts';
import {
  applyWithImage,
  installDefault,
  kubectlLines,
  RECEIVER_URL,
  send,
  uninstall,
  type InstallOptions,
  type Sent,
} from './installation.ts';
import { isReady, nodeTest, type RunningPod } from './node-test.ts';
import { nodeOf } from './node.ts';
import { pushOperatorImage } from './operator-image.ts';

/** die-operator in the cluster. */
export interface InstalledOperator {
  /** As Falcosidekick is configured with it; only pods of the namespace `falco` reach it. */
  readonly receiverUrl: string;
  /** Posts an alert as Falcosidekick does, from such a pod. Rejects when there is no answer. */
  post(alert: object, path?: string): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Posts it `times` times, `everyMs` apart, and tells what came of each as soon as it is known. */
  posting(alert: object, times: number, everyMs: number): AsyncGenerator<Sent>;
  /** Its Ready pods: 2 receivers, 1 responder. Waits until they are as many. */
  pods(role: Role): Promise<RunningPod[]>;
  /** Runs the program in a pod of its own, e.g. `verify`; the image has no shell. */
  program(pod: RunningPod, ...args: string[]): Promise<string>;
  /** The log of a pod from now on, to its end: a line each. Call it before whatever ends the pod. */
  logToTheEnd(pod: RunningPod): Promise<string[]>;
}

const REPLICAS = { receiver: 2, responder: 1 } as const satisfies Record<Role, number>;
const READY_MS = 60_000;

/**
 * Fixtures beyond those of `nodeTest`: `recorder`, an {@link InstalledOperator} from config/default, which may not act; and
 * `operator`, the same with the rights of overlays/enforce. Both are one installation: a test that names `operator` gives the
 * rights for the rest of its file. At the end of the file the pods go, rights and definitions stay.
 */
export const operatorTest = nodeTest
  .extend('installation', { scope: 'file' }, async ({}, { onCleanup }) => {
    const api = inject('realApi') as RealApi | undefined;
    if (api === undefined || 'missing' in api) return undefined;
    const { places, init } = inject('node');
    const folder = await mkdtemp(join(tmpdir(), 'die-operator-installation-'));
    onCleanup(async () => {
      await uninstall(api.access);
      await rm(folder, { recursive: true });
    });
    const image = await pushOperatorImage(nodeOf(places, init));
    const options: InstallOptions = { access: api.access, folder, image };
    return { ...options, ...(await installDefault(options)) };
  })
  .extend('recorder', ({ access, client, installation }): InstalledOperator => {
    // `access` skips the test where there is no cluster.
    if (installation === undefined) throw new Error('there is no installation');
    const posting = (alert: object, times: number, everyMs: number, path?: string) =>
      send(installation, { alert, times, everyMs, ...(path !== undefined && { path }) });
    return {
      receiverUrl: RECEIVER_URL,
      posting,
      post: async (alert, path) => {
        const [sent] = await Array.fromAsync(posting(alert, 1, 0, path));
        if (sent === undefined || 'error' in sent) throw new Error(`not answered: ${JSON.stringify(sent)}`);
        return sent;
      },
      pods: (role) => {
        const labelSelector = `app.kubernetes.io/component=${role}`;
        const all = () => client.list<RunningPod>(PODS, { namespace: SYSTEM_NAMESPACE, labelSelector });
        return eventually(
          `${REPLICAS[role]} Ready pods of the ${role}`,
          async () => (await all()).items,
          (pods) => pods.length === REPLICAS[role] && pods.every(isReady),
          READY_MS,
        );
      },
      program: (pod, ...args) => {
        const command = ['exec', pod.metadata.name, '--', 'node', '/app/bin/die-operator.js', ...args];
        return kubectl(access, '-n', SYSTEM_NAMESPACE, ...command);
      },
      logToTheEnd: ({ metadata: { name } }) =>
        Array.fromAsync(kubectlLines(access, '-n', SYSTEM_NAMESPACE, 'logs', '--follow', name)),
    };
  })
  .extend('operator', async ({ access, client, installation, recorder }): Promise<InstalledOperator> => {
    if (installation === undefined) throw new Error('there is no installation');
    await applyWithImage(installation, 'overlays/enforce');
    // The authorizer follows a moment later.
    for (const right of rightsOf(await render(access, 'overlays/enforce'))) {
      await eventually(describeRight(right), () => mayDo(client, right), Boolean);
    }
    return recorder;
  });
