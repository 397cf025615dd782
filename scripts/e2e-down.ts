// Takes down the cluster of `make e2e-up`, or what a killed test run left of one. May be repeated.
import { stopNode } from '../test/e2e/support/cluster.ts';

if (process.getuid?.() === 0) {
  const id = await stopNode((line) => console.error(line));
  console.log(id === undefined ? 'there is no cluster' : `cluster ${id} is down`);
} else {
  console.error('clusters belong to root: run this as root');
  process.exitCode = 1;
}
