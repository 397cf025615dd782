// What reading the changes of a container costs in time and memory, with 10, 1,000 and 10,000 changed files, or DIE_FILES.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { CaptureSink } from '../../src/helpers/capture-stream.ts';
import { byteBudget } from '../../src/helpers/programs/capture/collector.ts';
import { filesystemCollector } from '../../src/helpers/programs/capture/filesystem.ts';
import { systemClock } from '../../src/kube/clock.ts';

const SIZES = [10, 1_000, Number(process.env['DIE_FILES'] ?? 10_000)];
const CONTENT = 'x'.repeat(1_000);
const ID = 'a'.repeat(64);
const MIB = 1024 * 1024;
/** What the pod of a capture may use, Node.js itself included. */
const MAX_GROWTH_MIB = 200;

const lines: string[] = [];
afterAll(() => process.stdout.write(`${lines.join('\n')}\n`));

interface Cost {
  tookMs: number;
  growthMiB: number;
  bytes: number;
  problems: string[];
}

/** A container with so many changed files in one directory, each tenth also in the image. */
async function cost(files: number): Promise<Cost> {
  const root = mkdtempSync(join(tmpdir(), 'die-operator-load-'));
  try {
    for (const folder of ['proc/1', 'upper/data', 'image/data', 'kubelet'])
      mkdirSync(join(root, folder), { recursive: true });
    for (let n = 0; n < files; n += 1) writeFileSync(join(root, `upper/data/some-file-${n}`), CONTENT);
    for (let n = 0; n < files; n += 10) writeFileSync(join(root, `image/data/some-file-${n}`), 'before');
    const options = `rw,lowerdir=${root}/image,upperdir=${root}/upper,workdir=/w`;
    writeFileSync(
      join(root, 'proc/1/mountinfo'),
      `2 1 0:7 / /run/${ID}/rootfs rw - overlay overlay ${options}`,
    );
    return await measure(root);
  } finally {
    spawnSync('rm', ['-rf', root]);
  }
}

async function measure(root: string): Promise<Cost> {
  const before = process.memoryUsage.rss();
  let peak = before;
  let bytes = 0;
  let parts = 0;
  const problems: string[] = [];
  const sink: CaptureSink = {
    file: async (_head, content) => {
      for await (const part of content) {
        bytes += part.length;
        parts += 1;
        if (parts % 256 === 0) peak = Math.max(peak, process.memoryUsage.rss());
      }
      return { size: bytes, sha256: ID, truncated: false };
    },
    problem: (_collector, message) => problems.push(message),
  };
  const limits = {
    deadlineMs: 300_000,
    maxBytes: 1024 * MIB,
    maxFileBytes: MIB,
    maxEntries: 200_000,
    maxProcesses: 1,
  };
  const order = {
    podUid: '5f6ded9b-0d3c-4f5e-9f3a-0a1b2c3d4e5f',
    containers: [{ name: 'web', id: ID, ended: true }],
    collectors: ['Filesystem' as const],
    contents: true,
    limits,
    recipients: [],
  };
  const began = performance.now();
  await filesystemCollector({ containerd: root, kubelet: join(root, 'kubelet') }).collect(
    {
      order,
      proc: join(root, 'proc'),
      hostFolder: (path) => path,
      clock: systemClock,
      signal: new AbortController().signal,
      budget: byteBudget(limits.maxBytes),
    },
    sink,
  );
  peak = Math.max(peak, process.memoryUsage.rss());
  return { tookMs: performance.now() - began, growthMiB: (peak - before) / MIB, bytes, problems };
}

test('a container with many changes is read in little memory', async () => {
  const costs: Cost[] = [];
  for (const files of SIZES) {
    const one = await cost(files);
    costs.push(one);
    const perFile = (one.tookMs * 1000) / files;
    lines.push(
      `capture of ${files} changed files of 1 kB: ${one.tookMs.toFixed(0)} ms (${perFile.toFixed(0)} us each), ` +
        `${(one.bytes / MIB).toFixed(1)} MiB sent, memory up by ${one.growthMiB.toFixed(0)} MiB`,
    );
    expect(one.problems).toEqual([]);
  }
  expect(costs.at(-1)?.growthMiB ?? Infinity).toBeLessThan(MAX_GROWTH_MIB);
}, 300_000);
