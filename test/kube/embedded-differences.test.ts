// The same requests to the real API server and to the embedded one: what is recorded of the real one, and replayed to the
// embedded one in test/unit/embedded, is what this real one answers. A known difference has `differs` in its recording.
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject } from 'vitest';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { startControlPlane, type ControlPlane } from '../support/api-server.ts';
import { connectionFor } from '../support/cluster-access.ts';
import { installCrds } from '../support/crds.ts';
import { realApiTest as test } from '../support/real-api-test.ts';
import {
  comparable,
  converse,
  readConversations,
  type Answer,
  type Step,
} from '../unit/embedded/recorded/conversation.ts';

const conversations = await readConversations();
let plane: ControlPlane | undefined;

beforeAll(async () => {
  const api = inject('realApi');
  if (!('assets' in api)) return;
  // One of its own without controllers, so that nothing changes between the questions.
  plane = await startControlPlane({ etcd: api.assets.etcd, apiServer: api.assets.apiServer });
  await installCrds(plane.access);
});
afterAll(() => plane?.stop());

// Each conversation has a namespace of its own, and most of its time is spent on watches.
describe.concurrent('the real API server still answers as it did when it was recorded:', () => {
  for (const { name: topic, steps } of conversations) {
    test(topic, async ({ assets, skip }) => {
      if (assets.pinnedVersion === undefined) skip('other versions answer in other words');
      if (plane === undefined) throw new Error('no control plane');
      const transport = createUndiciTransport(connectionFor(plane.access, plane.access.admin));
      const pleases = (index: number, given: Answer) => {
        const step = steps[index];
        return step !== undefined && isDeepStrictEqual(...bothOf(step, given));
      };
      try {
        const answers = await converse(transport, steps, { pleases });
        steps.forEach((step, index) => {
          const [given, recorded] = bothOf(step, answers[index]);
          expect(given, `${index}: ${step.name}`).toEqual(recorded);
        });
      } finally {
        await transport.close();
      }
    });
  }
});

function bothOf({ answer, compare }: Step, given: Answer | undefined): [given: unknown, recorded: unknown] {
  return [given && comparable(given, compare), comparable(answer, compare)];
}
