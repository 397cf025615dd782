// A program for the node's network: asks its registry, as die-operator does with `--registry`, which digests are one image.
// Arguments: a host, a repository, and then pairs of digests as `a,b`. Prints what is known of each pair, as JSON.
import { registryOf } from '../../../src/commands/run/registry.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { readSettings } from '../../../src/settings.ts';

const [host = '', repository = '', ...pairs] = process.argv.slice(2);
const digests = registryOf(
  readSettings({ registry: [host], allowUnauthenticatedIntake: true }),
  systemClock,
  silentLogger,
);
if (!digests) throw new Error('no registry is asked');
const known: (boolean | null)[] = [];
for (const pair of pairs) {
  const [a = '', b = ''] = pair.split(',');
  await digests.learn(repository, a, b);
  known.push(digests.equivalent(repository, a, b) ?? null);
}
await digests.close();
process.stdout.write(JSON.stringify(known));
