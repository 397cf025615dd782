// Whole responses, on the embedded API, or with DIE_FLOW_API=real on a real one, which then is started for them.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'flow',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    globalSetup: process.env['DIE_FLOW_API'] === 'real' ? ['../support/real-api.ts'] : [],
    deps: { interopDefault: false },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
