// Nodes that are tested by canaries, on networks that do more or less of what policies say.
import {
  CAPTURE_NAMESPACE,
  ENFORCEMENT_CONFIGMAP,
  QUARANTINE_LABEL,
  QUARANTINE_POLICY,
  SYSTEM_NAMESPACE,
} from '../../../../src/api/names.ts';
import { CONFIG_MAPS, NETWORK_POLICIES, PODS } from '../../../../src/kube/resources.ts';
import { drawInt, drawOf, drawsFor } from '../draws.ts';
import type { Scenario } from '../scenario.ts';
import { entriesOf } from '../server-log.ts';
import type { Stage } from '../stage.ts';
import { installHelpers } from './cutting.ts';
import { rung } from './ladders.ts';

/** The test of a node takes up to two minutes. */
const TEST_MS = 180_000;
/** When the canaries are labelled, about, after the start. */
const LABELLED_MS = 3_000;

const BOTH = ['subject', 'peer'] as const;

interface Network {
  name: string;
  about: string;
  cuts: (seed: number) => CanaryCuts;
  disturb?: (stage: Stage) => Promise<void>;
}

type CanaryCuts = Stage['canaryAgent']['cuts'];

const NETWORKS: readonly Network[] = [
  { name: 'canaries', about: 'nodes that enforce are tested', cuts: () => BOTH },
  { name: 'canaries-unenforced', about: 'nodes that enforce nothing are tested', cuts: () => [] },
  {
    name: 'canaries-one-way',
    about: 'nodes that enforce in one direction only are tested',
    cuts: (seed) => [drawOf(drawsFor(seed, 'way'), BOTH)],
  },
  {
    name: 'canaries-disturbed',
    about: 'somebody deletes a canary, its label or its deny policy while nodes are tested',
    cuts: (seed) => (drawsFor(seed, 'network')() < 0.5 ? BOTH : []),
    disturb: async (stage) => {
      const draws = drawsFor(stage.history.seed, 'disturbance');
      await stage.clock.sleep(drawInt(draws, 0, 2 * LABELLED_MS));
      disturb(stage, drawOf(draws, ['Pod', 'Label', 'Policy'] as const), drawOf(draws, BOTH));
    },
  },
];

export const CANARIES: readonly Scenario[] = NETWORKS.map(({ name, about, cuts, disturb: act }) => ({
  name,
  about,
  ends: ['Quarantined'],
  setUp: async (stage) => {
    stage.canaryAgent.cuts = cuts(stage.history.seed);
    installHelpers(stage, 'canary');
    const metadata = { name: ENFORCEMENT_CONFIGMAP, namespace: SYSTEM_NAMESPACE };
    stage.cluster.api.create(CONFIG_MAPS, SYSTEM_NAMESPACE, { metadata });
    await stage.deployment(3);
    stage.policy(rung(['Isolate']));
  },
  play: async (stage) => {
    const told = stage.alert(stage.pod(), 'First');
    await act?.(stage);
    await told;
    await stage.until(() => isTested(stage), TEST_MS);
  },
}));

function isTested({ cluster }: Stage): boolean {
  const at = { namespace: SYSTEM_NAMESPACE, name: ENFORCEMENT_CONFIGMAP };
  return Object.keys(entriesOf(cluster.api.get(CONFIG_MAPS, at))).length === 2;
}

function disturb({ cluster: { api } }: Stage, what: 'Pod' | 'Label' | 'Policy', side: string): void {
  if (what === 'Policy')
    return api.delete(NETWORK_POLICIES, { namespace: CAPTURE_NAMESPACE, name: QUARANTINE_POLICY });
  for (const { metadata } of api.list(PODS, CAPTURE_NAMESPACE)) {
    const at = { namespace: CAPTURE_NAMESPACE, name: metadata.name };
    const labels = Object.entries(metadata.labels ?? {}).filter(([key]) => key !== QUARANTINE_LABEL);
    if (what === 'Pod' && metadata.name.endsWith(side)) api.delete(PODS, at, { gracePeriodSeconds: 0 });
    if (what === 'Label')
      api.update(PODS, at, 'object', (pod) => ({
        ...pod,
        metadata: { ...pod.metadata, labels: Object.fromEntries(labels) },
      }));
  }
}
