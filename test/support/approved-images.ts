// The ConfigMap that lists the approved images of a namespace, as a pipeline writes it.
import { APPROVED_IMAGES_CONFIGMAP } from '../../src/api/names.ts';
import { CONFIG_MAPS } from '../../src/kube/resources.ts';
import { REPOSITORY, type World } from './world.ts';

/** Has the ConfigMap of the world's namespace list these digests of {@link REPOSITORY}, and no others. */
export async function approveImages(world: World, ...digests: string[]): Promise<void> {
  const { namespace } = world;
  const metadata = { name: APPROVED_IMAGES_CONFIGMAP, namespace };
  const data = { 'web.txt': `# the releases\n${digests.map((one) => `${REPOSITORY}@${one}\n`).join('')}` };
  const at = { namespace, name: APPROVED_IMAGES_CONFIGMAP };
  const exists = (await world.list(CONFIG_MAPS)).some(({ metadata: { name } }) => name === at.name);
  if (exists) await world.client.jsonPatch(CONFIG_MAPS, at, [{ op: 'replace', path: '/data', value: data }]);
  else
    await world.client.create(
      CONFIG_MAPS,
      { namespace },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata, data },
    );
}
