// The suites that need nothing set up; others have a configuration of their own. Tests import modules as Node does: what
// is CommonJS stays so.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    deps: { interopDefault: false },
    include: ['test/{unit,simulation,package,load}/**/*.test.ts'],
  },
});
