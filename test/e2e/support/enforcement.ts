// Switches the enforcement of policies off on the node, and on again, as an administrator of Cilium can, and installs the
// helper pods beside an operator.
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../../../src/api/names.ts';
import type { ClusterAccess } from '../../support/cluster-access.ts';
import { CONFIG, kubectl } from '../../support/manifests.ts';
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

/**
 * Applies overlays/enforce with the component, with that image for operator and helpers alike.
 * @param settings of the helpers, instead of what the component has.
 */
export async function installHelpers(
  access: ClusterAccess,
  image: { name: string; digest: string },
  settings: { image?: string; profiles?: string } = {},
): Promise<void> {
  const own = await realpath(await mkdtemp(join(tmpdir(), 'die-operator-helpers-')));
  const data = { image: `${image.name}@${image.digest}`, ...settings };
  const metadata = { name: HELPERS_CONFIGMAP, namespace: CAPTURE_NAMESPACE };
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    // Absolute paths are refused.
    resources: [relative(own, join(CONFIG, 'overlays/enforce'))],
    components: ['helpers', 'cilium'].map((name) => relative(own, join(CONFIG, 'components', name))),
    patches: [{ patch: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }) }],
    images: [{ name: 'die-operator', newName: image.name, digest: image.digest }],
  };
  try {
    await writeFile(join(own, 'kustomization.yaml'), JSON.stringify(kustomization));
    await kubectl(access, 'apply', '--server-side', '--force-conflicts', '--validate=strict', '-k', own);
  } finally {
    await rm(own, { recursive: true });
  }
}

/**
 * Takes the rights to run helpers away again. Their namespace and its admission policies stay: an API server that has seen
 * them go and come back goes by the old settings for minutes.
 */
export async function removeHelpers(access: ClusterAccess): Promise<void> {
  const folder = join(CONFIG, 'components/helpers');
  const named = ['rights.yaml', 'enforcement.yaml'].flatMap((file) => ['-f', join(folder, file)]);
  await kubectl(access, 'delete', '--ignore-not-found', '--wait=true', ...named);
  const cilium = join(CONFIG, 'components/cilium/policy.yaml');
  await kubectl(access, 'delete', '--ignore-not-found', '-f', cilium);
  const pods = ['-n', CAPTURE_NAMESPACE, 'delete', 'pods', '--all', '--grace-period=1'];
  await kubectl(access, ...pods);
}
