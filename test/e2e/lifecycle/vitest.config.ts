// The suites that bring clusters up and take them down: one file at a time, and no other cluster meanwhile.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'e2e-lifecycle',
    root: import.meta.dirname,
    include: ['*.test.ts'],
    deps: { interopDefault: false },
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
