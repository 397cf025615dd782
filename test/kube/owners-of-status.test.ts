// The parts of an incident's status have different owners: receivers and the responder write theirs at the same moment.
import { expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { DRIFT_INCIDENTS } from '../../src/kube/resources.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { IncidentRecord } from '../../src/incidents/record.ts';
import { Reporter } from '../../src/incidents/report.ts';
import { withStatus, withStep } from '../../src/incidents/status.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { aDetection, anIncident, someSettings, T0 } from '../support/builders.ts';
import { connectionFor } from '../support/cluster-access.ts';
import { crdTest } from '../support/real-api-test.ts';

const ROUNDS = 20;
const MATCH = { contributions: [], settings: someSettings() };

/** `client` speaks for a process of its own; `codes` are the answers to its writes. */
interface Voice {
  client: KubeClient;
  codes: number[];
}

const test = crdTest.extend('voice', ({ access }, { onCleanup }) => {
  const closers: (() => Promise<void>)[] = [];
  onCleanup(async () => void (await Promise.all(closers.map((close) => close()))));
  return (): Voice => {
    const inner = createUndiciTransport(connectionFor(access, access.admin));
    closers.push(() => inner.close());
    const codes: number[] = [];
    const transport: Transport = async (request) => {
      const answer = await inner(request);
      if (request.method === 'PATCH') codes.push(answer.status);
      return answer;
    };
    return { client: createKubeClient({ transport, clock: systemClock, random: Math.random }), codes };
  };
});

test('two receivers and the responder lose nothing; a report is tried again only where the phase changed meanwhile', async ({
  client,
  namespace,
  voice,
}) => {
  const { apiVersion, kind, spec } = anIncident();
  const name = 'web-1-abcdef0123-1';
  const incident = await client.create<DriftIncident>(
    DRIFT_INCIDENTS,
    { namespace },
    { apiVersion, kind, metadata: { name }, spec },
  );
  const [one, two, responder] = [voice(), voice(), voice()];
  const reporters = [one, two].map(
    (each, n) =>
      new Reporter({
        client: each.client,
        clock: systemClock,
        log: silentLogger,
        receiver: `receiver-${n + 1}`,
      }),
  );
  const record = new IncidentRecord(responder.client, incident);
  for (let round = 1; round <= ROUNDS; round++) {
    const { rule } = spec.trigger.detection;
    await Promise.all(reporters.map((reporter) => reporter.add(incident, aDetection({ rule }), MATCH)));
    const step = {
      name: 'Capture',
      state: 'Running',
      reason: 'Running',
      message: `round ${round}`,
      tried: true,
    } as const;
    record.current = withStatus(withStep(record.current, step, T0), { phase: 'Responding' });
    await Promise.all([...reporters.map((reporter) => reporter.flush()), record.write()]);
    const { status } = await client.get<DriftIncident>(DRIFT_INCIDENTS, { namespace, name });
    expect(status).toMatchObject({
      reports: { 'receiver-1': { count: round }, 'receiver-2': { count: round } },
      steps: [{ name: 'Capture', attempts: round, message: `round ${round}` }],
    });
  }
  const done = Array.from({ length: ROUNDS }, () => 200);
  expect(responder.codes).toEqual(done);
  // The phase changed once, in the first round.
  for (const { codes } of [one, two])
    expect([done, [422, ...done], [200, 422, ...done.slice(1)]]).toContainEqual(codes);
});
