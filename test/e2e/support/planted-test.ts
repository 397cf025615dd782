// `plantedTest`: captures a node as the responder does, from outside of the cluster, and watches what that takes there.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileChangeSchema, type FileChange } from '../../../src/api/file-change.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE } from '../../../src/api/names.ts';
import { capture } from '../../../src/evidence/capture.ts';
import type { CollectContext } from '../../../src/evidence/collector.ts';
import type { BundleSummary } from '../../../src/evidence/store.ts';
import { deadline, systemClock } from '../../../src/kube/clock.ts';
import { NETWORK_POLICIES } from '../../../src/kube/resources.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { nodeCollector, type NodeRequest } from '../../../src/respond/node-capture.ts';
import { anIncident } from '../../support/builders.ts';
import { kubectl } from '../../support/manifests.ts';
import { createMemoryStore } from '../../support/memory-store.ts';
import { installHelpers, removeHelpers } from './components.ts';
import { pushHelperImage } from './operator-image.ts';
import { operatorTest } from './operator-test.ts';

/** What a capture gave, and took. */
export interface Captured {
  summary: BundleSummary;
  /** A line of filesystem.ndjson each. */
  changes: FileChange[];
  tookMs: number;
  /** Most memory that its process had at a time, in bytes; undefined if it was too short to be seen. */
  peakBytes: number | undefined;
}

const PROGRAM = '/app/capture/node';
const LOOK_MS = 50;

/** The fixtures beyond those of `operatorTest`: `helpers`, their image; and `captured`, which captures files. */
export const plantedTest = operatorTest
  .extend('helpers', async ({ access, installation, node }, { onCleanup }): Promise<string> => {
    if (installation === undefined) throw new Error('there is no installation');
    const { name, digest } = await pushHelperImage(node);
    const image = `${name}@${digest}`;
    onCleanup(() => removeHelpers(access));
    await installHelpers(access, installation.image, { image, profiles: 'canary, capture' });
    return image;
  })
  .extend('letIn', async ({ access, client, node, helpers }, { onCleanup }): Promise<string> => {
    const policy = ['-n', CAPTURE_NAMESPACE, 'delete', 'networkpolicy', 'tests', '--ignore-not-found'];
    onCleanup(async () => void (await kubectl(access, ...policy)));
    // These tests are outside of the cluster, from where nobody is let in.
    const from = [{ ipBlock: { cidr: `${node.places.hostAddress}/32` } }];
    await client.create(
      NETWORK_POLICIES,
      { namespace: CAPTURE_NAMESPACE },
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'tests' },
        spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from }] },
      },
    );
    return helpers;
  })
  .extend(
    'captured',
    ({ client, letIn }) =>
      async (pod: KubeObject, request: Partial<NodeRequest> = {}): Promise<Captured> => {
        if (!letIn.includes('@sha256:')) throw new Error('the helpers have no image');
        const { namespace = '', name, uid } = pod.metadata;
        const { metadata, spec } = anIncident();
        const limits = { maxBytes: 512 * 1024 * 1024 };
        const store = createMemoryStore({ clock: systemClock, limits });
        const wanted: NodeRequest = {
          collectors: ['Filesystem'],
          contents: true,
          maxBytes: 256 * 1024 * 1024,
          withinMs: 240_000,
          recipients: [],
          ...request,
        };
        const context: CollectContext = {
          client,
          clock: systemClock,
          target: { ...spec.target, namespace, name, uid },
          // Each capture has its own.
          incident: { namespace, name: metadata.name, uid: `incident-${crypto.randomUUID()}` },
          pod,
          signal: deadline(systemClock, wanted.withinMs + 30_000).signal,
        };
        const watched = watchPeak();
        const began = performance.now();
        const summary = await capture([nodeCollector(wanted, { log: silentLogger })], context, store);
        const tookMs = Math.round(performance.now() - began);
        const text = store.text(context.incident.uid, 'node/filesystem.ndjson') ?? '';
        const lines = text.split('\n').filter((line) => line !== '');
        const changes = lines.map((line) => FileChangeSchema.parse(JSON.parse(line)));
        return { summary, changes, tookMs, peakBytes: await watched.stop() };
      },
  );

/** The kernel keeps the peak of a process, which is gone with it: it is looked for until then. */
function watchPeak(): { stop: () => Promise<number | undefined> } {
  const ended = new AbortController();
  let peak: number | undefined;
  const watching = (async () => {
    while (!ended.signal.aborted) {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        const now = peakOf(pid);
        if (now !== undefined) peak = Math.max(peak ?? 0, now);
      }
      await sleep(LOOK_MS);
    }
  })();
  return {
    stop: async () => {
      ended.abort();
      await watching;
      return peak;
    },
  };
}

function peakOf(pid: string): number | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/exe`) !== PROGRAM) return undefined;
    const found = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found?.[1] === undefined ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
}
