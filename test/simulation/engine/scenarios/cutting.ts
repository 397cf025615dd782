// Responses with a firewall in the network of the pod. What helper pods do on their nodes is done by the stage.
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../../../../src/api/names.ts';
import { CONFIG_MAPS, NAMESPACES } from '../../../../src/kube/resources.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { addClusterPolicy } from './cluster-policy.ts';
import { rung } from './ladders.ts';

const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;
const ISOLATION = {
  ttl: '24h',
  onExpiry: 'Notify',
  onDrain: 'CaptureThenAllow',
  cut: 'PodFirewall',
} as const;

interface Story {
  name: string;
  about: string;
  ends: string[];
  /** Whether the cluster lets namespaces have firewalls. */
  permitted?: boolean;
  act?: (stage: Stage) => void;
}

const STORIES: readonly Story[] = [
  { name: 'cut', about: 'a quarantine with a firewall', ends: ['Quarantined'] },
  {
    name: 'cut-release',
    about: 'a quarantine with a firewall is released half-way',
    ends: ['Released', 'Quarantined'],
    act: (stage) => stage.release(),
  },
  {
    name: 'cut-delete-incident',
    about: 'the incident of a quarantine with a firewall is deleted half-way',
    ends: ['Quarantined', 'TargetGone'],
    act: (stage) => stage.deleteIncidents(),
  },
  {
    name: 'cut-unpermitted',
    about: 'a policy asks for a firewall that the cluster does not permit',
    ends: ['Audit'],
    permitted: false,
  },
];

export const CUTTING: readonly Scenario[] = STORIES.map(({ name, about, ends, permitted = true, act }) => ({
  name,
  about,
  ends,
  ...(act && { hasMoment: true }),
  setUp: async (stage) => {
    installHelpers(stage, 'netns');
    await stage.deployment(3);
    if (permitted) addClusterPolicy(stage, { grants: { enforce: true, cut: true } });
    stage.policy({ ...rung(['Isolate']), isolation: ISOLATION });
  },
  play: async (stage) => {
    const told = stage.alert(stage.pod(), 'First');
    if (act) {
      await stage.moment();
      act(stage);
    }
    await told;
  },
}));

/** What config/components/helpers and an administrator make. */
export function installHelpers({ cluster: { api } }: Stage, profiles: string): void {
  api.create(NAMESPACES, undefined, { metadata: { name: CAPTURE_NAMESPACE } });
  const metadata = { name: HELPERS_CONFIGMAP, namespace: CAPTURE_NAMESPACE };
  api.create(CONFIG_MAPS, CAPTURE_NAMESPACE, { metadata, data: { image: IMAGE, profiles } });
}
