// An isolation reaches the pod as it was read, or does nothing: a patch that comes late finds another version.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { QUARANTINE_LABEL } from '../../../src/api/names.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { PODS } from '../../../src/kube/resources.ts';
import type { Transport } from '../../../src/kube/transport.ts';
import type { RespondContext } from '../../../src/respond/context.ts';
import { isolate } from '../../../src/respond/isolate.ts';
import { anIncident } from '../../support/builders.ts';
import { at, createLab, newPod, seededRandom, type Lab } from '../embedded/harness.ts';

const NAME = 'web-1';
const LABELS = { app: 'web' };

/** Isolates a pod, with something done to it before each patch arrives; returns the answers to the patches. */
async function isolateWhile(
  disturb: (lab: Lab, nth: number) => void,
): Promise<{ lab: Lab; answers: number[] }> {
  const lab = createLab();
  lab.cluster.start();
  await lab.call('POST', at('pods'), newPod(NAME, { metadata: { labels: LABELS } }));
  await lab.clock.advance(5_000);
  const pod = lab.pod(NAME);
  if (!pod) throw new Error('there is no pod');
  const answers: number[] = [];
  const transport: Transport = async (request) => {
    const isPatch = request.method === 'PATCH' && request.path.includes('/pods/');
    if (isPatch) disturb(lab, answers.length + 1);
    const answer = await lab.cluster.transport(request);
    if (isPatch) answers.push(answer.status);
    return answer;
  };
  const client = createKubeClient({ transport, clock: lab.clock, random: seededRandom(1) });
  const context = { client } as unknown as RespondContext;
  await isolate(context, incidentOf(pod), pod, { form: 'Orphan', severity: 'Critical' });
  return { lab, answers };
}

function incidentOf(pod: KubeObject): DriftIncident {
  const incident = anIncident();
  const target = { ...incident.spec.target, namespace: 'shop', name: NAME, uid: pod.metadata.uid };
  return { ...incident, spec: { ...incident.spec, target } };
}

function relabel(lab: Lab, labels: Record<string, string>): void {
  lab.cluster.api.update(PODS, { namespace: 'shop', name: NAME }, 'object', (pod) => ({
    ...pod,
    metadata: { ...pod.metadata, labels },
  }));
}

/** As a leader does that took over, and then a person: afterwards the labels are as they were. */
function isolatedAndReleased(lab: Lab): void {
  relabel(lab, { [QUARANTINE_LABEL]: 'true' });
  relabel(lab, LABELS);
}

describe('the isolation of a pod', () => {
  test('is refused when it comes late, though the labels are again as they were read', async () => {
    const { answers } = await isolateWhile((lab, nth) => {
      if (nth === 1) isolatedAndReleased(lab);
    });
    expect(answers).toEqual([422, 200]);
  });

  test('goes by UID and labels in the end, so that nobody keeps a pod by changing it all the time', async () => {
    const { lab, answers } = await isolateWhile(isolatedAndReleased);
    expect(answers).toEqual([422, 422, 422, 200]);
    expect(lab.pod(NAME)?.metadata.labels).toMatchObject({ [QUARANTINE_LABEL]: 'true' });
  });
});

async function* textOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe('an isolation that admission refuses', () => {
  const VAP =
    "pods \"web-1\" is forbidden: ValidatingAdmissionPolicy 'demand-labels' with binding 'all' denied request: no";

  /** Isolates a pod while patches that take the label `app` away, or all, are refused. */
  async function refused(all: boolean, status: number, message = VAP) {
    const lab = createLab();
    lab.cluster.start();
    await lab.call('POST', at('pods'), newPod(NAME, { metadata: { labels: LABELS } }));
    await lab.clock.advance(5_000);
    const pod = lab.pod(NAME);
    if (!pod) throw new Error('there is no pod');
    const answers: number[] = [];
    const transport: Transport = async (request) => {
      if (request.method !== 'PATCH' || !request.path.includes('/pods/'))
        return lab.cluster.transport(request);
      const ops = JSON.parse(request.body ?? '[]') as { path: string; value: Record<string, string> }[];
      const labels = ops.findLast(({ path }) => path === '/metadata/labels')?.value ?? {};
      const refuses = all || labels['app'] === undefined;
      const body = { kind: 'Status', status: 'Failure', message, reason: 'Invalid', code: status };
      const details = { name: NAME, causes: [{ message: 'no' }] };
      const answer = refuses
        ? { status, headers: {}, body: textOf(JSON.stringify({ ...body, details })) }
        : await lab.cluster.transport(request);
      answers.push(answer.status);
      return answer;
    };
    const client = createKubeClient({ transport, clock: lab.clock, random: seededRandom(1) });
    const context = { client } as unknown as RespondContext;
    const wanted = { form: 'Orphan', severity: 'Critical' } as const;
    return { lab, answers, result: isolate(context, incidentOf(pod), pod, wanted) };
  }

  test.each([400, 403, 422])('with %i is done gently at once, and names the policy', async (status) => {
    const { lab, answers, result } = await refused(false, status);
    expect(await result).toMatchObject({
      kind: 'Changed',
      form: 'Gentle',
      deniedBy: 'demand-labels',
      note: expect.stringContaining('demand-labels refused to take the labels away'),
    });
    expect(answers).toEqual([status, 200]);
    expect(lab.pod(NAME)?.metadata.labels).toMatchObject({ ...LABELS, [QUARANTINE_LABEL]: 'true' });
  });

  test('in every form fails with the words of the last refusal', async () => {
    const { answers, result } = await refused(true, 422);
    await expect(result).rejects.toThrow(/demand-labels/);
    expect(answers).toEqual([422, 422]);
  });

  test('for want of a right is not tried in another form', async () => {
    const right =
      'pods "web-1" is forbidden: User "x" cannot patch resource "pods" in API group "" in the namespace "shop"';
    const { answers, result } = await refused(false, 403, right);
    await expect(result).rejects.toThrow(/cannot patch resource/);
    expect(answers).toEqual([403]);
  });
});
