// Whether a program is as in its image, by what the node tells of the container's own layer.
import { describe, expect, test } from 'vitest';
import type { FileChange } from '../../../src/api/file-change.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { BundleWriter } from '../../../src/evidence/bundle.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { confirm } from '../../../src/respond/confirm.ts';
import type { RespondContext } from '../../../src/respond/context.ts';
import { anIncident } from '../../support/builders.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const SUSPECT = { container: 'web', path: '/tmp/x' };
const change = (more: Partial<FileChange> = {}): FileChange => ({
  container: 'web',
  containerId: 'a'.repeat(64),
  where: 'Root',
  path: '/tmp/x',
  kind: 'Added',
  type: 'File',
  executable: true,
  ...more,
});
const lines = (...all: unknown[]) => all.map((one) => `${JSON.stringify(one)}\n`).join('');

type Tells = (bundle: BundleWriter) => Promise<unknown>;

function found(tells: Tells) {
  const context: RespondContext = {
    client: {} as KubeClient,
    clock: new VirtualClock(),
    events: { record: () => {} },
    evidence: {} as RespondContext['evidence'],
    log: silentLogger,
    stopping: new AbortController().signal,
    nodeCollector: () => ({ name: 'node', collect: async (_context, bundle) => void (await tells(bundle)) }),
  };
  return confirm(context, anIncident(), {} as KubeObject, SUSPECT);
}

const file = (content: string | AsyncIterable<Uint8Array>, truncated = false) => ({
  path: 'node/filesystem.ndjson',
  content,
  collector: 'filesystem',
  contentType: 'application/x-ndjson',
  source: 'the node',
  collectedAt: '2026-11-22T00:00:00Z',
  truncated,
});

async function* inPieces(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 7) yield await Promise.resolve(bytes.subarray(at, at + 7));
}

describe('a program', () => {
  test.each<['Added' | 'Modified']>([['Added'], ['Modified']])('is drift where it was %s', async (kind) => {
    const text = lines(change({ path: '/other' }), change({ kind }), change({ path: '/é' }));
    expect(await found((bundle) => bundle.add(file(inPieces(text))))).toMatchObject({
      state: 'Confirmed',
      kind,
    });
  });

  test.each<[string, Partial<FileChange>]>([
    ['only its mode was changed', { kind: 'Metadata' }],
    ['it was deleted', { kind: 'Deleted' }],
    ['another container has it', { container: 'sidecar' }],
    ['another path has that end', { path: '/var/tmp/x' }],
    ['it is in a volume of the pod', { where: 'EmptyDir' }],
  ])('is no proven drift where %s', async (_what, more) => {
    expect((await found((bundle) => bundle.add(file(lines(change(more)))))).state).toBe('NotConfirmed');
  });

  test('that is found counts also where other things went wrong', async () => {
    const all = await found(async (bundle) => {
      bundle.problem('filesystem', 'a file could not be read');
      await bundle.add(file(lines(change()), true));
    });
    expect(all.state).toBe('Confirmed');
  });

  test.each<[string, Tells]>([
    ['nothing came', () => Promise.resolve()],
    ['it failed', () => Promise.reject(new Error('the profile capture is not allowed'))],
    ['it says so', async (bundle) => bundle.failed('filesystem', 'no helper')],
    ['what came was cut', (bundle) => bundle.add(file('', true))],
    ['a line cannot be read', (bundle) => bundle.add(file(lines({ path: '/tmp/x' })))],
    ['a line does not end', (bundle) => bundle.add(file(inPieces('x'.repeat(70_000))))],
    [
      'a part could not be read',
      async (bundle) => {
        bundle.problem('filesystem', '/tmp cannot be read');
        await bundle.add(file(''));
      },
    ],
  ])('is not known where %s, and people are told what to do', async (_what, tells) => {
    const { state, message } = await found(tells);
    expect(state).toBe('Unknown');
    expect(message).toMatch(/release the incident, or delete the pod$/);
  });
});
