// The version of the package, from its package.json beside src or dist.
import { readFileSync } from 'node:fs';

/** Version of the package, e.g. `0.1.0`. */
export function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version: found } = JSON.parse(text) as { version: string };
  return found;
}
