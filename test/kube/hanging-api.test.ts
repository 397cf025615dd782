// An API server that hangs: connections stay open, nothing is answered. Falcosidekick sends one alert after the other and
// waits for each answer; what a receiver takes in goes to its journal.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES } from '../../src/kube/resources.ts';
import { auditedFor, oneIncidentEach, nothingForbidden, operatorWrites } from '../support/audited.ts';
import { aPolicy } from '../support/builders.ts';
import { postTo, type IntakeAnswer, type OperatorProcess } from '../support/fleet.ts';
import { fleetTest, print } from '../support/fleet-test.ts';
import { eventually } from '../support/real-api-test.ts';
import type { World } from '../support/world.ts';

const HANGS_MS = 20_000;
const PODS = 20;
/** An incident keeps the first detection and up to five more. */
const RULES = ['DIE 1', 'DIE 2', 'DIE 3', 'DIE 4', 'DIE 5'];
const ALERTS = PODS * RULES.length;
/** A sender whose queue fills at 100 alerts a second must not wait longer than that, however busy this machine is. */
const LONGEST_ANSWER_MS = 3_000;

/** A receiver that has read what there is, and pods that alerts will be about. No responder acts. */
interface Scene {
  world: World;
  pods: readonly KubeObject[];
  receiver: OperatorProcess;
}

/** Fixture `scene`. */
const test = fleetTest.extend('scene', async ({ client, fleet, openWorld }): Promise<Scene> => {
  const world = await openWorld();
  const { namespace } = world;
  const { apiVersion, kind, spec } = aPolicy({ mode: 'Audit' });
  const policy = { apiVersion, kind, metadata: { name: 'web', namespace }, spec };
  await client.create(DRIFT_POLICIES, { namespace }, policy);
  const pods = await world.deployment(PODS);
  const receiver = await fleet.start({ name: 'receiver', role: 'receiver', namespaces: [namespace] });
  const { probes } = await receiver.addresses;
  const ready = async () => (await fetch(new URL('/readyz', probes))).status;
  await eventually('the receiver is ready', ready, (status) => status === 200, 60_000);
  return { world, pods, receiver };
});

describe('while the API server hangs', () => {
  test(
    'alerts are answered from the journal at once, and each ends in its incident afterwards',
    { timeout: 180_000 },
    async ({ ownPlane, mark, scene }) => {
      const { receiver } = scene;
      const answers: IntakeAnswer[] = [];
      ownPlane.pauseApiServer();
      const end = sleep(HANGS_MS);
      try {
        for (const alert of alertsAbout(scene)) {
          answers.push(await postTo(receiver, alert));
          await sleep(HANGS_MS / ALERTS);
        }
        await end;
      } finally {
        ownPlane.resumeApiServer();
      }
      judge('hanging', answers);
      await expectAllRecorded(scene, ownPlane.access.auditLog, mark);
    },
  );

  test(
    'a receiver that is killed and started again loses none of them',
    { timeout: 180_000 },
    async ({ ownPlane, fleet, mark, scene }) => {
      const { receiver } = scene;
      const answers: IntakeAnswer[] = [];
      const alerts = alertsAbout(scene);
      ownPlane.pauseApiServer();
      const end = sleep(HANGS_MS);
      try {
        for (const alert of alerts.slice(0, ALERTS / 2)) answers.push(await postTo(receiver, alert));
        await receiver.end('SIGKILL');
        const second = fleet.startAgain(receiver);
        await second.addresses;
        for (const alert of alerts.slice(ALERTS / 2)) answers.push(await postTo(second, alert));
        // Also what nobody has looked at yet is kept.
        await second.end('SIGKILL');
        await fleet.startAgain(second).addresses;
        await end;
      } finally {
        ownPlane.resumeApiServer();
      }
      judge('hanging, killed twice', answers);
      await expectAllRecorded(scene, ownPlane.access.auditLog, mark);
    },
  );
});

/** In the order in which they are sent. */
function alertsAbout({ world, pods }: Scene): object[] {
  return pods.flatMap((pod) => RULES.map((rule) => world.alert(pod, { rule })));
}

function judge(what: string, answers: readonly IntakeAnswer[]): void {
  const times = answers.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  const at = (part: number) => times[Math.ceil(part * times.length) - 1] ?? NaN;
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  print(`${what}: ${answers.length} alerts, p50 ${ms(at(0.5))}, p99 ${ms(at(0.99))}, longest ${ms(at(1))}`);
  expect(answers).toHaveLength(ALERTS);
  expect(answers.filter(({ status, outcome }) => status !== 202 || outcome !== 'Queued')).toEqual([]);
  expect(at(1)).toBeLessThan(LONGEST_ANSWER_MS);
}

/** Every alert is in the one incident of its pod, once. */
async function expectAllRecorded({ world, pods }: Scene, auditLog: string, mark: number): Promise<void> {
  const since = performance.now();
  const incidents = await world.until('every alert is in an incident', async () => {
    const found = await world.list<DriftIncident>(DRIFT_INCIDENTS).catch(() => []);
    return found.flatMap(rulesOf).length >= ALERTS ? found : undefined;
  });
  print(`all recorded ${Math.round(performance.now() - since)} ms after the API server goes on`);
  const uids = new Set(pods.map(({ metadata }) => metadata.uid));
  expect(new Set(incidents.map(({ spec: { target } }) => target.uid))).toEqual(uids);
  expect(incidents.map((one) => rulesOf(one).toSorted())).toEqual(pods.map(() => RULES));
  const audited = auditedFor(await operatorWrites(auditLog, mark), pods);
  expect([oneIncidentEach, nothingForbidden].flatMap((promise) => promise(audited))).toEqual([]);
}

/** The rule of each detection that the incident holds. */
function rulesOf({ spec, status }: DriftIncident): string[] {
  const reported = Object.values(status?.reports ?? {}).flatMap(({ detections }) => detections);
  return [spec.trigger.detection, ...reported].map(({ rule }) => rule);
}
