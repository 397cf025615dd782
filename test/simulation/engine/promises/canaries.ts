// Promise 5: what is said of a node is what its network did to both canaries, and no helper pod is left.
import type { KubeObject } from '../../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE, ENFORCEMENT_CONFIGMAP } from '../../../../src/api/names.ts';
import { PODS } from '../../../../src/kube/resources.ts';
import type { Case, Judge } from '../promises.ts';
import { entriesOf } from '../server-log.ts';

/** Faults that keep no process from removing its helpers. */
const HARMLESS = new Set(['Disk', 'Watch', 'Lag', 'ClockJump']);

/** See PROMISES. */
export const proven: Judge = (found) => [...verdicts(found), ...leftBehind(found)];

function verdicts({ stage: { log, canaryAgent } }: Case): string[] {
  const enforces = canaryAgent.cuts.length === 2;
  const wrong = enforces ? 'Unenforced' : 'Enforced';
  return log.writes
    .filter(({ of, name }) => of === 'configmaps' && name === ENFORCEMENT_CONFIGMAP)
    .flatMap(({ before, after }) =>
      Object.entries(entriesOf(after))
        .filter(([node, record]) => entriesOf(before)[node] !== record && verdictIn(record) === wrong)
        .map(
          ([node]) =>
            `${node} was called ${wrong}, and it cuts ${canaryAgent.cuts.join(' and ') || 'nothing'}`,
        ),
    );
}

function verdictIn(record: string): string {
  return (JSON.parse(record) as { verdict: string }).verdict;
}

// Of a process that died they end by themselves, and are removed before the next test.
function leftBehind({ stage: { cluster, history }, settled }: Case): string[] {
  if (!settled || !history.faults.every(({ kind }) => HARMLESS.has(kind))) return [];
  return cluster.api
    .list(PODS, CAPTURE_NAMESPACE)
    .map(({ metadata }: KubeObject) => `all is at rest, and helper pod ${metadata.name} is still there`);
}
