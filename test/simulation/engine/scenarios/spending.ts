// What is spent: storms, rules that fire for ever, and hands that would give something back.
import type { DriftIncident } from '../../../../src/api/incident.ts';
import type { KubeObject } from '../../../../src/api/meta.ts';
import { LEDGER_CONFIGMAP, SYSTEM_NAMESPACE } from '../../../../src/api/names.ts';
import { CONFIG_MAPS, DEPLOYMENTS } from '../../../../src/kube/resources.ts';
import { usualLimits } from '../../../../src/settings/limits.ts';
import { isReady, PINNED } from '../../../support/world.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { rung } from './ladders.ts';

/** More than the breaker lets pass. */
const WORKLOADS = 14;
const LONG = '2h';

const HELD = ['BreakerOpen', 'ClusterLimit', 'NodeLimit', 'NamespaceLimit', 'Cooldown', 'WorkloadBusy'];
/** Where something fails that has nothing to do with limits. */
const OTHER_ENDS = [
  'Resolved',
  'AwaitingApproval',
  'ApprovalExpired',
  'EvidenceMissing',
  'MaxUnavailable',
  'TargetGone',
];

export const SPENDING: readonly Scenario[] = [
  {
    name: 'storm-of-workloads',
    about: 'alerts about every pod of many workloads: few are evicted until the breaker opens',
    ends: [...HELD, ...OTHER_ENDS],
    setUp: async (stage) => {
      stage.limits = usualLimits();
      await manyWorkloads(stage);
      stage.policy();
    },
    play: (stage) => alertAll(stage),
  },
  {
    name: 'storm-of-expiries',
    about: 'quarantines of many workloads expire at once, and the breaker is open',
    ends: [...HELD, ...OTHER_ENDS, 'QuarantineExpired', 'Quarantined'],
    setUp: async (stage) => {
      stage.limits = usualLimits();
      await manyWorkloads(stage);
      const isolation = { ttl: '2m', onExpiry: 'Evict', onDrain: 'CaptureThenAllow' };
      stage.policy({ ...rung(['Isolate', 'Capture']), isolation });
    },
    play: async (stage) => {
      await alertAll(stage);
      await stage.clock.sleep(180_000);
      stage.acted();
    },
  },
  {
    name: 'false-positive-loop',
    about: 'a rule fires on each start of the replacement: it stops after so many, and a person is asked',
    // Where an answer is lost the rule fires before the replacement counts.
    ends: [...OTHER_ENDS, ...HELD, 'Failed'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy({ limits: { perWorkload: { recurrences: 2 }, cooldown: '10s' } });
    },
    play: async (stage) => {
      for (let round = 0; round < 5; round++) {
        const known = new Set(stage.alerts.map(({ pod }) => pod));
        const pod = stage.pods().find((one) => isReady(one) && !known.has(one.metadata.uid));
        if (!pod) return;
        await stage.alert(pod, `Round ${round}`);
        await stage.until(() => stage.incidents().every(isQuiet), 60_000);
      }
    },
  },
  {
    name: 'spent-stays-spent',
    about: 'incidents are deleted and the workload is rolled out anew, and the cooldown goes on',
    ends: [...HELD, ...OTHER_ENDS],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy({ limits: { cooldown: LONG } });
    },
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.phase('Resolved');
      stage.deleteIncidents();
      rollOut(stage);
      await stage.clock.sleep(30_000);
      const pod = stage.pods().find(isReady);
      if (pod) await stage.alert(pod, 'Second');
    },
  },
  {
    name: 'garbled-ledger',
    about: 'somebody empties the ledger: nothing more is evicted',
    ends: ['LedgerUnreadable', ...HELD, ...OTHER_ENDS],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy({ limits: { cooldown: LONG } });
    },
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.phase('Resolved');
      emptyLedger(stage);
      await stage.clock.sleep(15_000);
      const pod = stage.pods().find(isReady);
      if (pod) await stage.alert(pod, 'Second');
    },
  },
];

async function manyWorkloads(stage: Stage): Promise<void> {
  for (let index = 0; index < WORKLOADS; index++) {
    const labels = { app: `app-${index}` };
    stage.cluster.api.create(DEPLOYMENTS, NAMESPACE, {
      metadata: { name: `app-${index}`, namespace: NAMESPACE },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: PINNED }] } },
      },
    });
  }
  await stage.settlePods(WORKLOADS * 2);
}

async function alertAll(stage: Stage): Promise<void> {
  const pods: KubeObject[] = stage.pods();
  await Promise.all(pods.map((pod, index) => stage.alert(pod, `Storm ${index}`)));
}

function isQuiet({ status }: DriftIncident): boolean {
  return ['Resolved', 'AwaitingApproval', 'Quarantined', 'Failed'].includes(status?.phase ?? '');
}

function rollOut(stage: Stage): void {
  stage.edit(DEPLOYMENTS, 'web', (object) => {
    const { spec } = object as KubeObject & { spec: { template: { metadata: object } } };
    const { template } = spec;
    const metadata = { ...template.metadata, annotations: { round: '2' } };
    return { spec: { ...spec, template: { ...template, metadata } } };
  });
}

function emptyLedger(stage: Stage): void {
  stage.acted();
  const at = { namespace: SYSTEM_NAMESPACE, name: LEDGER_CONFIGMAP };
  stage.cluster.api.update(CONFIG_MAPS, at, 'object', (map) => {
    const { data } = map as KubeObject & { data?: Record<string, string> };
    return { ...map, data: { ...data, acts: '[]' } };
  });
}
