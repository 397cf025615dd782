// The matrix of docs/isolation.md: every way to and from a pod, tried before and after its isolation, against what its
// incident says is open. No cell may differ from the claim. DIE_PRINT=1 prints it.
import { isDeepStrictEqual } from 'node:util';
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import {
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  DRIFT_POLICIES,
  NAMESPACES,
  NETWORK_POLICIES,
  PODS,
} from '../../src/kube/resources.ts';
import { print } from '../support/fleet-test.ts';
import { alertAbout } from '../support/alerts.ts';
import { aPolicy } from '../support/builders.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { applyComponent, installHelpers, removeComponent, removeHelpers } from './support/components.ts';
import { restartResponder } from './support/installation.ts';
import { deployment, isReady, type RunningPod } from './support/node-test.ts';
import { operatorTest } from './support/operator-test.ts';
import {
  attempt,
  beats,
  datagram,
  dial,
  fromNode,
  holdConnection,
  isCut,
  knock,
  knocks,
  portForward,
  traffic,
} from './support/traffic.ts';

const JUDGED_MS = 150_000;
/** Until the network does as its policies say. */
const FOLLOWS_MS = 15_000;
const KUBELET_PORT = 10_250;
const API_SERVER_PORT = 443;

/** Which way it goes, as far as a claim is about it. */
type Way = 'Egress' | 'Ingress' | 'Node' | 'Exec';

/** One row of the matrix. */
interface Row {
  what: string;
  way: Way;
  try: () => Promise<string>;
}

/** `reaches` where the incident lists a path of that kind. */
function claimOf({ status }: DriftIncident, way: Way): 'reaches' | 'cut' {
  const paths = status?.isolation?.paths ?? [];
  const isOpen =
    way === 'Node' || way === 'Exec'
      ? paths.some(({ kind }) => kind === way)
      : paths.some(({ kind, direction }) => kind === 'Policy' && direction === way);
  return isOpen ? 'reaches' : 'cut';
}

const test = operatorTest
  .extend('installed', async ({ access, installation, operator }, { onCleanup }) => {
    if (installation === undefined) throw new Error('there is no installation');
    onCleanup(() => removeHelpers(access));
    await installHelpers(access, installation.image);
    await removeComponent(access, 'components/cilium', ['policy.yaml']);
    await restartResponder(access);
    return operator;
  })
  .extend('protection', async ({ access, installed }, { onCleanup }) => {
    onCleanup(() => removeComponent(access, 'components/quarantine-protection'));
    await applyComponent(access, 'components/quarantine-protection');
    await restartResponder(access);
    return installed;
  })
  .extend('elsewhere', async ({ client, images, namespace }, { onCleanup }): Promise<RunningPod> => {
    const other = `${namespace}-other`;
    const space = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: other } };
    const made = await client.create<KubeObject>(NAMESPACES, {}, space);
    onCleanup(() => client.delete(NAMESPACES, { name: other }, made.metadata.uid));
    await client.create(
      DEPLOYMENTS,
      { namespace: other },
      deployment({ name: 'web', replicas: 1, image: images.peer }),
    );
    const ready = async () =>
      (await client.list<RunningPod>(PODS, { namespace: other })).items.filter(isReady);
    const [pod] = await eventually('a pod elsewhere', ready, ({ length }) => length === 1, 60_000);
    if (pod === undefined) throw new Error('there is no pod elsewhere');
    return pod;
  });

describe('the ways to and from a quarantined pod', () => {
  test(
    'are those that its incident lists, and no other',
    { timeout: 420_000 },
    async ({ access, client, namespace, node, installed, deploy, exec, elsewhere }) => {
      const { apiVersion, kind, spec } = aPolicy({
        responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }],
      });
      await client.create(
        DRIFT_POLICIES,
        { namespace },
        { apiVersion, kind, metadata: { name: 'web' }, spec },
      );
      const [[suspect], [peer, holder]] = await Promise.all([deploy('suspect', 1), deploy('web', 2)]);
      if (suspect === undefined || peer === undefined || holder === undefined)
        throw new Error('a pod is missing');
      const execElsewhere = (pod: KubeObject, ...command: string[]) =>
        kubectl(access, '-n', pod.metadata.namespace ?? '', 'exec', pod.metadata.name, '--', ...command);
      const { nodeAddress, apiService } = node.places;
      const rows: readonly Row[] = [
        { what: 'TCP to a pod', way: 'Egress', try: () => traffic(exec, suspect, peer) },
        { what: 'UDP to a pod', way: 'Egress', try: () => datagram(exec, suspect, peer) },
        {
          what: 'TCP to a pod of another namespace',
          way: 'Egress',
          try: () => traffic(exec, suspect, elsewhere),
        },
        {
          what: 'to the kubelet of its node',
          way: 'Egress',
          try: () => dial(exec, suspect, `${nodeAddress}:${KUBELET_PORT}`),
        },
        {
          what: 'to the API server',
          way: 'Egress',
          try: () => dial(exec, suspect, `${apiService}:${API_SERVER_PORT}`),
        },
        { what: 'TCP from a pod', way: 'Ingress', try: () => traffic(exec, peer, suspect) },
        { what: 'UDP from a pod', way: 'Ingress', try: () => datagram(exec, peer, suspect) },
        {
          what: 'TCP from a pod of another namespace',
          way: 'Ingress',
          try: () => traffic(execElsewhere, elsewhere, suspect),
        },
        { what: 'from the network of its node', way: 'Node', try: () => fromNode(node, suspect) },
        { what: 'exec', way: 'Exec', try: () => attempt(exec(suspect, 'echo', 'ok')) },
        { what: 'port-forward', way: 'Exec', try: () => portForward(access, suspect) },
      ];
      const measure = async () => {
        const found = new Map<string, string>();
        // A cut one takes its time: some at once.
        await Promise.all(rows.map(async (row) => void found.set(row.what, await row.try())));
        return rows.map(({ what }) => `${what}: ${found.get(what)}`);
      };
      const look = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items[0];
      const says = async (what: string, reason: string) => {
        const holds = (one: DriftIncident | undefined) =>
          findCondition(one?.status?.conditions, 'Isolated')?.reason === reason;
        const incident = await eventually(what, look, holds, JUDGED_MS);
        if (incident === undefined) throw new Error('there is no incident');
        return incident;
      };
      const matches = async (stage: string, incident: DriftIncident) => {
        const { status, reason } = findCondition(incident.status?.conditions, 'Isolated') ?? {};
        const claimed = rows.map(({ what, way }) => `${what}: ${claimOf(incident, way)}`);
        // What is said is said when the policies come; the network follows a moment later.
        await eventually(stage, measure, (now) => isDeepStrictEqual(now, claimed), FOLLOWS_MS);
        const found = await measure();
        print(`${stage} (Isolated=${status}/${reason})\n${found.map((row) => `  ${row}`).join('\n')}`);
        expect(found).toEqual(claimed);
      };

      const before = await measure();
      expect(before).toEqual(rows.map(({ what }) => `${what}: reaches`));
      await Promise.all([holdConnection(exec, suspect, holder), holdConnection(exec, peer, suspect)]);
      await Promise.all([knock(exec, suspect, holder), knock(exec, peer, suspect)]);
      await installed.post(alertAbout(suspect, { time: new Date().toISOString() }));
      const isolated = await says('isolated, and proven', 'Enforced');
      await Promise.all(
        [suspect, peer].map((pod) =>
          eventually('a connection from before is cut', () => beats(exec, pod), isCut),
        ),
      );
      const receivedAt = Date.parse(isolated.spec.trigger.detection.receivedAt);
      const refused = await Promise.all(
        [suspect, peer].map(async (pod) => {
          const all = await knocks(exec, pod);
          const last = all.findLastIndex(({ open }) => open);
          return (all[last + 1]?.at ?? Infinity) - receivedAt;
        }),
      );
      // All clocks are that of this machine.
      print(
        `first refused new connection after the alert was received: out ${refused[0]} ms, in ${refused[1]} ms`,
      );
      expect(Math.max(...refused)).toBeLessThan(30_000);
      expect(isolated.status?.isolation?.paths?.map((path) => path.kind)).not.toContain('Established');
      await matches('isolated', isolated);

      const allowAll = {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'allow-all' },
        spec: { podSelector: {}, egress: [{}], policyTypes: ['Egress'] },
      };
      await client.create(NETWORK_POLICIES, { namespace }, allowAll);
      await matches('under a policy that allows all ways out', await says('open', 'Partial'));

      await applyComponent(access, 'components/cilium', ['policy.yaml']);
      await matches('and under a deny of Cilium', await says('closed again', 'Enforced'));
    },
  );

  test(
    'where they are protected, are closed to people as well, and not to the kubelet',
    { timeout: 300_000 },
    async ({ access, client, namespace, protection, deploy }) => {
      const dev = ['--as=dev', '--as-group=system:authenticated'];
      await kubectl(
        access,
        '-n',
        namespace,
        'create',
        'rolebinding',
        'dev',
        '--clusterrole=admin',
        '--user=dev',
      );
      const { apiVersion, kind, spec } = aPolicy({
        responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate', 'Capture'] }],
      });
      await client.create(
        DRIFT_POLICIES,
        { namespace },
        { apiVersion, kind, metadata: { name: 'web' }, spec },
      );
      const [suspect] = await deploy('suspect', 2);
      if (suspect === undefined) throw new Error('a pod is missing');
      const { name, uid } = suspect.metadata;
      const asDev = (...args: string[]) =>
        kubectl(access, ...dev, '-n', namespace, ...args).catch((error: unknown) => String(error));
      expect(await asDev('exec', name, '--', 'echo', 'ok')).toContain('ok');
      expect(await portForward(access, suspect, ...dev)).toBe('reaches');

      await protection.post(alertAbout(suspect, { time: new Date().toISOString() }));
      const look = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items[0];
      const incident = await eventually(
        'quarantined, with evidence',
        look,
        (one) => one?.status?.phase === 'Quarantined' && one.status.evidence !== undefined,
        JUDGED_MS,
      );
      expect(incident?.status?.isolation?.paths?.map((path) => path.kind)).toEqual(['Node']);
      const denied = `pod ${name} is quarantined`;
      expect(await asDev('exec', name, '--', 'echo', 'ok')).toContain(`${denied}: exec`);
      expect(await portForward(access, suspect, ...dev)).toContain(`${denied}: portforward`);
      expect(await asDev('label', 'pod', name, 'die-operator.dev/quarantine-')).toContain('Forbidden');

      // The kubelet still reports, and ends the pod when the operator deletes it.
      const { metadata } = incident ?? {};
      await client.delete(DRIFT_INCIDENTS, { namespace, name: metadata?.name ?? '' }, metadata?.uid ?? '');
      const all = async () => (await client.list<RunningPod>(PODS, { namespace })).items;
      await eventually(
        'the pod is gone',
        all,
        (pods) => pods.every((pod) => pod.metadata.uid !== uid),
        JUDGED_MS,
      );
      await eventually('two Ready pods', all, (pods) => pods.filter(isReady).length === 2, JUDGED_MS);
    },
  );
});
