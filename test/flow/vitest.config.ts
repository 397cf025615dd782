// Whole responses, on the embedded API. On a real one, with DIE_FLOW_API=real, or where the run provides one: then that is
// used.
import { defineConfig } from 'vitest/config';

const ALONE = 'pause.test.ts';

/** The files of a group run side by side, the groups one after the other. */
const group = (name: string, order: number, files: { include: string[]; exclude?: string[] }) => ({
  test: {
    name,
    ...files,
    root: import.meta.dirname,
    deps: { interopDefault: false },
    pool: 'forks' as const,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { groupOrder: order },
  },
});

export default defineConfig({
  test: {
    root: import.meta.dirname,
    globalSetup: process.env['DIE_FLOW_API'] === 'real' ? ['../support/real-api.ts'] : [],
    projects: [
      group('flow', 1, { include: ['**/*.test.ts'], exclude: [ALONE, '**/node_modules/**'] }),
      group('flow-alone', 2, { include: [ALONE] }),
    ],
  },
});
