// More than one alert: escalations, several pods of a workload, limits, a storm, and alerts of which nothing may come.
import type { KubeObject } from '../../../../src/api/meta.ts';
import { PODS } from '../../../../src/kube/resources.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { rung } from './ladders.ts';

const ESCALATES = {
  mode: 'Enforce',
  match: { podSelector: { matchLabels: { app: 'web' } } },
  responses: [
    { name: 'contain', minSeverity: 'Warning', actions: ['Isolate'] },
    { name: 'replace', minSeverity: 'Critical', actions: ['Capture', 'Evict'] },
  ],
};
const ONE_IN_AUDIT = [
  { name: 'note', minSeverity: 'Warning', actions: ['Capture'] },
  { name: 'contain', minSeverity: 'Critical', actions: ['Label', 'Isolate'] },
];

export const SEVERAL: readonly Scenario[] = [
  {
    name: 'escalation',
    about: 'a Warning isolates, a Critical evicts',
    hasMoment: true,
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(ESCALATES);
    },
    play: async (stage) => {
      const pod = stage.pod();
      const told = stage.alert(pod, 'First', { priority: 'Warning' });
      await stage.moment();
      await Promise.all([told, stage.alert(pod, 'Second', { priority: 'Critical' })]);
    },
  },
  {
    name: 'escalation-from-capture',
    about: 'a Warning is captured only, a Critical isolates',
    hasMoment: true,
    ends: ['Quarantined'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy({ mode: 'Enforce', responses: ONE_IN_AUDIT });
    },
    play: async (stage) => {
      const pod = stage.pod();
      const told = stage.alert(pod, 'First', { priority: 'Warning' });
      await stage.moment();
      await Promise.all([told, stage.alert(pod, 'Second', { priority: 'Critical' })]);
    },
  },
  {
    name: 'repeats',
    about: 'one alert comes five times, with other details',
    ends: ['Recorded'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(rung(['Label']));
    },
    play: async (stage) => {
      const pod = stage.pod();
      for (let n = 1; n <= 5; n++) {
        await stage.alert(pod, n === 1 ? 'First' : 'Repeated', { fields: { 'proc.pid': n }, repeat: n > 2 });
        await stage.clock.sleep(700);
      }
    },
  },
  {
    name: 'two-pods',
    about: 'two pods of one Deployment drift at once',
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(5);
      stage.policy(rung());
    },
    play: (stage) => all(stage, 2),
  },
  {
    name: 'beyond-limits',
    about: 'four of six pods drift, and two may be taken out at a time',
    ends: ['Quarantined'],
    setUp: async (stage) => {
      await stage.deployment(6);
      stage.policy(rung(['Isolate']));
    },
    play: (stage) => all(stage, 4),
  },
  {
    name: 'storm',
    about: '30 alerts on 20 pods',
    // A second alert about a pod that is gone already opens another incident.
    ends: ['Resolved', 'TargetGone'],
    setUp: async (stage) => {
      await stage.deployment(24);
      stage.policy({ ...rung(), limits: { perWorkload: { quarantined: 6 } } });
    },
    play: async (stage) => {
      const pods = stage.pods();
      const alerts = Array.from({ length: 30 }, (_, n) =>
        stage.alert(pods[n % 20] ?? stage.pod(), `Rule ${n}`),
      );
      await Promise.all(alerts);
    },
  },
  {
    name: 'early-alert',
    about: 'an alert about a container that is not in the status of its pod yet',
    hasMoment: true,
    ends: ['Resolved'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(rung());
    },
    play: async (stage) => {
      const pod = stage.pod();
      const id = 'abcdef012345';
      const told = stage.alert(pod, 'First', { fields: { 'container.id': id } });
      await stage.moment();
      await stage.clock.sleep(4_000);
      startContainer(stage, pod, id + '6'.repeat(52));
      await told;
    },
  },
  {
    name: 'harmless',
    about:
      'alerts without a credential, too old, with a name only, about a protected pod, and one that counts',
    ends: ['Audit', 'Quarantined'],
    setUp: async (stage) => {
      await stage.deployment(4);
      stage.policy(rung(['Isolate']));
      stage.bare('kube-dns', 'kube-system');
      await stage.clock.runUntil(stage.clock.now() + 2_000);
    },
    play: async (stage) => {
      const [forged, old, nameless, victim] = [stage.pod(0), stage.pod(1), stage.pod(2), stage.pod(3)];
      const dns = stage.cluster.api.get(PODS, { namespace: 'kube-system', name: 'kube-dns' });
      const jumps = stage.history.faults.some(({ kind }) => kind === 'ClockJump');
      const hourAgo = new Date(stage.clock.now() - 3_600_000).toISOString();
      await Promise.all([
        stage.alert(forged, 'Forged', { token: 'not-the-token-0123456789', harmless: true }),
        // By a clock that was set back it is not old.
        stage.alert(old, 'Old', { time: hourAgo, harmless: !jumps }),
        stage.alert(nameless, 'Nameless', { fields: { 'container.id': null }, harmless: true }),
        ...(dns ? [stage.alert(dns, 'Protected', { harmless: true })] : []),
        stage.alert(victim, 'Counts'),
      ]);
    },
  },
];

function all(stage: Stage, count: number): Promise<void> {
  const pods = stage.pods();
  const alerts = pods.slice(0, count).map((pod, n) => stage.alert(pod, `Rule ${n}`));
  return Promise.all(alerts).then(() => {});
}

function startContainer(stage: Stage, pod: KubeObject, id: string): void {
  stage.acted();
  const at = { namespace: NAMESPACE, name: pod.metadata.name };
  stage.cluster.api.update(PODS, at, 'status', (stored) => {
    const status = stored['status'] as { containerStatuses: object[] };
    const [first, ...others] = status.containerStatuses;
    const containerStatuses = [{ ...first, containerID: `containerd://${id}` }, ...others];
    return { ...stored, status: { ...status, containerStatuses } };
  });
}
