// A node made of folders, on which the filesystem collector is run.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { FileChangeSchema, type FileChange } from '../../../../src/api/file-change.ts';
import type { CaptureOrder } from '../../../../src/helpers/capture-order.ts';
import { FileHeadSchema, type CaptureSink } from '../../../../src/helpers/capture-stream.ts';
import { byteBudget, type NodeContext } from '../../../../src/helpers/programs/capture/collector.ts';
import { filesystemCollector } from '../../../../src/helpers/programs/capture/filesystem.ts';
import { systemClock } from '../../../../src/kube/clock.ts';
import { make, temporary, type Content } from './trees.ts';

const POD = '5f6ded9b-0d3c-4f5e-9f3a-0a1b2c3d4e5f';
export const [WEB, SIDECAR] = ['a'.repeat(64), 'b'.repeat(64)];
/** Of the pod, from `on`. */
export const EMPTY_DIRS = `kubelet/pods/${POD}/volumes/kubernetes.io~empty-dir`;

export interface Collected {
  changes: FileChange[];
  problems: string[];
  files: Map<string, Buffer>;
}

export interface Given {
  containers?: CaptureOrder['containers'];
  contents?: boolean;
  limits?: Partial<CaptureOrder['limits']>;
  context?: Partial<NodeContext>;
  maxListing?: number;
}

async function collectOn(
  node: Pick<TestNode, 'on' | 'mounts'>,
  { containers, contents = true, limits = {}, context = {}, ...options }: Given,
): Promise<Collected> {
  const { on, mounts } = node;
  writeFileSync(on('proc/1/mountinfo'), mounts.join('\n'));
  const order: CaptureOrder = {
    podUid: POD,
    containers: containers ?? [{ name: 'web', id: WEB, ended: false }],
    collectors: ['Filesystem'],
    contents,
    limits: {
      deadlineMs: 60_000,
      maxBytes: 1_000_000,
      maxFileBytes: 1_000_000,
      maxEntries: 10_000,
      maxProcesses: 10,
      ...limits,
    },
    recipients: [],
  };
  const files = new Map<string, Buffer>();
  const problems: string[] = [];
  const sink: CaptureSink = {
    file: async (head, content) => {
      const parts: Uint8Array[] = [];
      for await (const part of content) parts.push(part);
      if (files.has(FileHeadSchema.parse(head).path)) throw new Error(`${head.path} came twice`);
      files.set(head.path, Buffer.concat(parts));
      return { size: 0, sha256: '0'.repeat(64), truncated: false };
    },
    problem: (collector, message) => problems.push(`${collector}: ${message}`),
  };
  await filesystemCollector({ containerd: on('containerd'), kubelet: on('kubelet') }, options).collect(
    {
      order,
      proc: on('proc'),
      hostFolder: (path) => path,
      clock: systemClock,
      signal: new AbortController().signal,
      budget: byteBudget(order.limits.maxBytes),
      ...context,
    },
    sink,
  );
  const lines = files.get('node/filesystem.ndjson')?.toString().split('\n').slice(0, -1) ?? [];
  const changes = lines.map((line) => FileChangeSchema.parse(JSON.parse(line)));
  return { changes, problems, files };
}

export async function unpack(tar: Buffer | undefined): Promise<Record<string, string>> {
  const entries: Record<string, string> = {};
  const unpacker = extract();
  unpacker.end(tar);
  for await (const entry of unpacker) {
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    entries[entry.header.name] = Buffer.concat(parts).toString();
  }
  return entries;
}

export const brief = (changes: readonly FileChange[]) =>
  changes.map(({ container: name, kind, path, kept }) => `${name} ${kind} ${path} ${kept ?? '-'}`);
export const NO_PROCESS = 'no process of it showed its filesystem';

export interface TestNode {
  /** A path on it. */
  on: (path: string) => string;
  /** Lines of its mount table. */
  mounts: string[];
  /** Mounts a container: the first of its layers is its own. */
  container: (id: string, ...layers: Content[]) => void;
  collect: (given?: Given) => Promise<Collected>;
  remove: () => void;
}

export function testNode(): TestNode {
  const { path: root, remove } = temporary();
  const on = (path: string) => join(root, path);
  const mounts: string[] = [];
  mkdirSync(on('proc/1'), { recursive: true });
  const container = (id: string, ...layers: Content[]) => {
    const paths = layers.map((content, index) => make(on(`layers/${id.slice(0, 4)}-${index}/fs`), content));
    const [upper, ...lowers] = paths;
    const options = `rw,lowerdir=${lowers.join(':')},upperdir=${upper},workdir=/w`;
    mounts.push(`${mounts.length + 2} 1 0:77 / /run/k8s.io/${id}/rootfs rw - overlay overlay ${options}`);
  };
  return { on, mounts, container, collect: (given = {}) => collectOn({ on, mounts }, given), remove };
}
