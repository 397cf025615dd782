// The suites against a real API server: a Vitest project of its own, so that only they start one.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'kube',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    globalSetup: ['../support/real-api.ts'],
    // Modules are imported as Node does: what is CommonJS stays so.
    deps: { interopDefault: false },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
