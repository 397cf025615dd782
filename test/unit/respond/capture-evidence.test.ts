// Evidence of node, API server and logs in one bundle: in which order, and what is there where the node gives nothing.
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/kube/clock.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { beginSnapshot, captureEvidence } from '../../../src/respond/capture.ts';
import type { RespondContext } from '../../../src/respond/context.ts';
import { anIncident } from '../../support/builders.ts';
import { stage, suspect, UID } from '../../support/capture-stage.ts';

const NODE = { collectors: ['Processes'], contents: false, maxBytes: 0 } as const;
const base = anIncident();
const target = { ...base.spec.target, namespace: 'shop', name: 'web-1', uid: UID };
const incident = { ...base, spec: { ...base.spec, target } };

function scene() {
  const { client, store } = stage({ map: null });
  const stopping = new AbortController().signal;
  const events = { record: () => {} };
  const rest = { clock: systemClock, events, evidence: store, log: silentLogger, stopping };
  const context: RespondContext = { client, ...rest };
  const manifest = () => store.manifest(incident.metadata.uid);
  return { context, manifest };
}

test.each([true, false])(
  'the node is asked first, then come the API server (begun before: %j) and logs',
  async (isBegun) => {
    const { context, manifest } = scene();
    const begun = isBegun ? beginSnapshot(context, incident, suspect()) : undefined;
    const given = { pod: suspect(), begun, deadlineMs: 20_000, node: NODE };
    const summary = await captureEvidence(context, incident, given);
    expect(summary.missing).toContain('processes');
    const { files = [], problems = [] } = manifest() ?? {};
    expect(files.map(({ collector }) => collector)).toContain('api-snapshot');
    const order = [...new Set(problems.map(({ collector }) => collector))];
    expect(order[0]).toBe('processes');
    expect(order.indexOf('api-snapshot')).toBeLessThan(order.indexOf('logs'));
  },
);

test('without a wish for it, the node is not asked', async () => {
  const { context, manifest } = scene();
  await captureEvidence(context, incident, { pod: suspect(), begun: undefined, deadlineMs: 20_000 });
  expect(manifest()?.problems.map(({ collector }) => collector)).not.toContain('processes');
});
