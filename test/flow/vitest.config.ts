// Whole responses, on the embedded API. On a real one, with DIE_FLOW_API=real, or where the run provides one: then that is
// used.
import { defineConfig } from 'vitest/config';

// One pauses every operator of the cluster, the other keeps it busy.
const PAUSE = 'pause.test.ts';
const STORM = 'storm.test.ts';

/** The files of a group run side by side, the groups one after the other. */
const group = (name: string, order: number, files: { include: string[]; exclude?: string[] }) => ({
  test: {
    name,
    ...files,
    root: import.meta.dirname,
    deps: { interopDefault: false },
    pool: 'forks' as const,
    maxWorkers: 2,
    testTimeout: 90_000,
    hookTimeout: 60_000,
    sequence: { groupOrder: order },
  },
});

export default defineConfig({
  test: {
    root: import.meta.dirname,
    globalSetup: process.env['DIE_FLOW_API'] === 'real' ? ['../support/real-api.ts'] : [],
    projects: [
      group('flow', 1, { include: ['**/*.test.ts'], exclude: [PAUSE, STORM, '**/node_modules/**'] }),
      group('flow-pause', 2, { include: [PAUSE] }),
      group('flow-storm', 3, { include: [STORM] }),
    ],
  },
});
