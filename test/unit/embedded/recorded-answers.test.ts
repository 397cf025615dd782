// What a real API server (1.36.3) answered, replayed: the embedded one gives the same answers, in the same order.
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { createEmbeddedCluster } from '../../../src/embedded/api-server.ts';
import type { HttpRequest } from '../../../src/kube/transport.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { readAll, seededRandom } from './harness.ts';
import { bodyText, comparable, simplify, START, type Answer, type Step } from './recorded/conversation.ts';

const folder = new URL('recorded/', import.meta.url);
const files = (await readdir(folder)).filter((file) => file.endsWith('.json'));

/** Replays a conversation against a new cluster whose controllers stand still, as in the recording. */
async function replay(steps: readonly Step[]): Promise<Answer[]> {
  const clock = new VirtualClock();
  const { transport } = createEmbeddedCluster({ clock, random: seededRandom(1) });
  const answers: Answer[] = [];
  let start = '';
  for (const { request } of steps) {
    const body = bodyText(request.body);
    const response = await transport({
      method: request.method as HttpRequest['method'],
      path: request.path.replace(START, start),
      headers: request.contentType === undefined ? {} : { 'content-type': request.contentType },
      ...(body !== undefined && { body }),
      streaming: false,
      signal: new AbortController().signal,
    });
    const reading = readAll(response.body);
    // Watches last for a second.
    if (request.path.includes('watch=true')) await clock.advance(1000);
    const text = await reading;
    start ||= /"resourceVersion":"(\d+)"/.exec(text)?.[1] ?? '';
    answers.push(simplify(response.status, new Headers(response.headers), text));
  }
  return answers;
}

for (const file of files) {
  const steps = JSON.parse(await readFile(new URL(file, folder), 'utf8')) as Step[];
  const answers = await replay(steps);
  describe(`a conversation about ${file.replace('.json', '')}`, () => {
    test.each(steps.map((step, index) => ({ ...step, index })))(
      '$index: $name',
      ({ index, answer, compare }) => {
        const given = answers[index];
        if (!given) throw new Error('no answer');
        expect(comparable(given, compare)).toEqual(comparable(answer, compare));
      },
    );
  });
}

test('every kind of conversation was recorded', () => {
  expect(files.toSorted()).toEqual([
    'customs.json',
    'deletes.json',
    'evictions.json',
    'lists.json',
    'namespaces.json',
    'objects.json',
    'patches.json',
  ]);
});
