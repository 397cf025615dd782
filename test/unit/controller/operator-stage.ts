// An Operator subclass on a fake API server and a kubeconfig of its own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DieOperator, type Part } from '../../../src/controller/die-operator.ts';
import { drain, VirtualClock } from '../../support/virtual-clock.ts';
import { FakeApi } from './fake-api.ts';

const KUBECONFIG = {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'test',
  clusters: [{ name: 'test', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'test', user: { token: 'secret' } }],
  contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
};
const CRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.dev}
spec:
  group: example.dev
  names: {plural: widgets, kind: Widget}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true}]
`;

type Run = Part['start'];

/** Works until it is told to stop. */
export const untilStopped: Run = (signal) =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve()));

/** Writes a kubeconfig and a CRD, and has KUBECONFIG point to it until `remove`. */
export async function writeFiles(): Promise<{ crd: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'operator-'));
  const before = process.env['KUBECONFIG'];
  const crd = join(folder, 'crd.yaml');
  await writeFile(join(folder, 'config'), JSON.stringify(KUBECONFIG));
  await writeFile(crd, CRD);
  process.env['KUBECONFIG'] = join(folder, 'config');
  const remove = () => {
    if (before === undefined) delete process.env['KUBECONFIG'];
    else process.env['KUBECONFIG'] = before;
    return rm(folder, { recursive: true });
  };
  return { crd, remove };
}

/** Everything that a test of the operator looks at. */
export class OperatorStage {
  readonly api = new FakeApi();
  readonly clock = new VirtualClock();
  readonly errors: string[] = [];

  /** Each function is a part; without any there is one that works until the stop. */
  operator(...runs: Run[]): DieOperator {
    const note = (_: object, message: string) => this.errors.push(message);
    const starts = runs.length > 0 ? runs : [untilStopped];
    const parts = starts.map((start, n) => ({ name: `part ${n + 1}`, start }));
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: note };
    return new DieOperator({ client: this.api, clock: this.clock, random: () => 0, log, parts });
  }

  /** An operator that runs, and the promise of its end. */
  async running(...runs: Run[]): Promise<{ subject: DieOperator; end: Promise<void> }> {
    const subject = this.operator(...runs);
    await subject.start();
    await drain();
    return { subject, end: subject.finished() };
  }
}
