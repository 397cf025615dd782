// Receivers behind a round robin, as processes: alerts about the same pods reach all of them at once.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES } from '../../src/kube/resources.ts';
import { auditedFor, isDone, nothingForbidden, oneIncidentEach, operatorWrites } from '../support/audited.ts';
import { aPolicy } from '../support/builders.ts';
import { postTo } from '../support/fleet.ts';
import { fleetTest as test, print } from '../support/fleet-test.ts';

const PODS = 8;
/** An incident keeps the first detection and up to five more of each receiver. */
const RULES = ['DIE 1', 'DIE 2', 'DIE 3', 'DIE 4', 'DIE 5'];

describe('receivers behind a round robin', () => {
  test.for([2, 3])(
    'of which there are %i open one incident for each pod and count each alert once',
    {
      timeout: 180_000,
    },
    async (count, { access, client, fleet, mark, openWorld }) => {
      const world = await openWorld();
      const { namespace } = world;
      const { apiVersion, kind, spec } = aPolicy({ mode: 'Audit' });
      const policy = { apiVersion, kind, metadata: { name: 'web', namespace }, spec };
      await client.create(DRIFT_POLICIES, { namespace }, policy);
      const pods = await world.deployment(PODS);
      const receivers = await Promise.all(
        Array.from({ length: count }, (_, n) =>
          fleet.start({ name: `receiver-${n}`, role: 'receiver', namespaces: [namespace] }),
        ),
      );

      // In this order those about one pod reach different receivers at the same moment.
      const alerts = pods.flatMap((pod) => RULES.map((rule) => world.alert(pod, { rule })));
      const answers = await Promise.all(
        alerts.map((alert, n) => postTo(receivers[n % count] as (typeof receivers)[number], alert)),
      );
      expect(answers.filter(({ status }) => status !== 202)).toEqual([]);

      const incidents = await world.until('every alert is in an incident', async () => {
        const found = await world.list<DriftIncident>(DRIFT_INCIDENTS);
        return found.flatMap(rulesOf).length >= alerts.length ? found : undefined;
      });
      expect(new Set(incidents.map(({ spec: { target } }) => target.uid))).toEqual(new Set(pods.map(uidOf)));
      expect(incidents.map((one) => rulesOf(one).toSorted())).toEqual(pods.map(() => RULES));

      const calls = await operatorWrites(access.auditLog, mark);
      const audited = auditedFor(calls, pods);
      expect([oneIncidentEach, nothingForbidden].flatMap((promise) => promise(audited))).toEqual([]);
      const creates = calls.filter(
        ({ verb, resource }) => verb === 'create' && resource === 'driftincidents',
      );
      const lost = creates.filter((call) => !isDone(call)).length;
      const outcomes = Object.entries(Object.groupBy(answers, ({ outcome }) => outcome ?? 'none'));
      const told = outcomes.map(([outcome, all]) => `${all?.length} ${outcome}`).join(', ');
      print(
        `${count} receivers, ${alerts.length} alerts at once about ${PODS} pods: ${told}; ${lost} creates came second`,
      );
    },
  );
});

const uidOf = ({ metadata }: KubeObject): string => metadata.uid;

/** The rule of each detection that the incident holds. */
function rulesOf({ spec, status }: DriftIncident): string[] {
  const reported = Object.values(status?.reports ?? {}).flatMap(({ detections }) => detections);
  return [spec.trigger.detection, ...reported].map(({ rule }) => rule);
}
