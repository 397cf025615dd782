// The suite against a real S3 server: a Vitest project of its own, so that only it needs one.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'store',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    globalSetup: ['../support/s3-setup.ts'],
    // Modules are imported as Node does: what is CommonJS stays so.
    deps: { interopDefault: false },
    pool: 'forks',
    maxWorkers: 2,
    // They wait more than they work: each has a server of its own.
    sequence: { concurrent: true },
    maxConcurrency: 4,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
