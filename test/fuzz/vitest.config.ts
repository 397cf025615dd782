// The fuzzing suite. How much of what: support/budget.ts. `npm run fuzz` runs it for longer.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'fuzz',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    deps: { interopDefault: false },
    pool: 'forks',
    maxWorkers: 2,
    // A long run takes as long as it was asked to; support/watchdog.ts ends what hangs.
    testTimeout: 86_400_000,
  },
});
