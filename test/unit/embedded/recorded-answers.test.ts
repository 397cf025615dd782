// What a real API server (1.36.3) answered, replayed: the embedded one gives the same answers, in the same order. That
// the real one still gives them is shown in test/kube.
import { describe, expect, test } from 'vitest';
import { createEmbeddedCluster } from '../../../src/embedded/api-server.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { seededRandom } from './harness.ts';
import { comparable, converse, readConversations, type Answer, type Step } from './recorded/conversation.ts';

/** Replays a conversation against a new cluster whose controllers stand still, as in the recording. */
async function replay(steps: readonly Step[]): Promise<Answer[]> {
  const clock = new VirtualClock();
  const { transport } = createEmbeddedCluster({ clock, random: seededRandom(1) });
  // Watches last for a second.
  const pass = async (path: string) => {
    if (/[?&]watch=(true|1)/.test(path)) await clock.advance(1000);
  };
  return converse(transport, steps, { pass });
}

for (const { name: topic, steps } of await readConversations()) {
  const answers = await replay(steps);
  const cases = steps.map((step, index) => ({ ...step, index, given: answers[index] }));
  describe(`a conversation about ${topic}`, () => {
    test.each(cases.filter(({ differs }) => differs === undefined))(
      '$index: $name',
      ({ given, answer, compare }) => {
        expect(given && comparable(given, compare)).toEqual(comparable(answer, compare));
      },
    );

    // A difference that is no more is to be taken off the list.
    test.each(cases.filter(({ differs }) => differs !== undefined))(
      '$index: $name is answered otherwise: $differs',
      ({ given, answer, compare }) => {
        expect(given && comparable(given, compare)).not.toEqual(comparable(answer, compare));
      },
    );
  });
}

test('every kind of conversation was recorded', async () => {
  expect((await readConversations()).map(({ name }) => name)).toEqual([
    'customs',
    'deletes',
    'events',
    'evictions',
    'incidents',
    'leases',
    'lists',
    'logs',
    'namespaces',
    'objects',
    'patches',
    'pods',
    'reads',
    'responses',
    'reviews',
    'revisions',
    'workloads',
  ]);
});
