// Switches the enforcement of policies off on the node, and on again, as an administrator of Cilium can.
import type { Node } from './node.ts';

const SOCKET = '/var/run/cilium/cilium.sock';

/** `never`: every policy is known and none does anything. */
export async function enforcePolicies(node: Node, when: 'default' | 'never'): Promise<void> {
  const script = `
    const request = require('node:http').request(
      { socketPath: ${JSON.stringify(SOCKET)}, path: '/v1/config', method: 'PATCH',
        headers: { 'content-type': 'application/json' } },
      (answer) => { answer.pipe(process.stderr); process.exitCode = answer.statusCode === 200 ? 0 : 1; });
    request.end(JSON.stringify({ 'policy-enforcement': ${JSON.stringify(when)} }));`;
  await node.run(process.execPath, '-e', script);
}
