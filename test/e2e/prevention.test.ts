// The immutable workload of config/prevention runs on a real node, where the drift of every rule fails at the kernel; and what
// it does not stop is done all the same, so that docs/prevention.md says no more than is true.
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, inject } from 'vitest';
import { DEPLOYMENTS, PODS } from '../../src/kube/resources.ts';
import { CONFIG, folderOf, kubectl, renderFolder } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import type { RealApi } from '../support/real-api.ts';
import { PACKAGE, PACKAGED, pushImmutable } from './support/immutable-image.ts';
import { isReady, nodeTest, type RunningPod } from './support/node-test.ts';

const WORKLOAD = join(CONFIG, 'prevention/workload');
const ADMISSION = join(CONFIG, 'prevention/admission');
const READY_MS = 90_000;
/** The kubelet measures volumes once a minute. */
const EVICTED_MS = 240_000;
const READ_ONLY = 'Read-only file system';

/** By the rule of the drift that it is. Each says `done` where it works. */
const DRIFTS = {
  'a program that is dropped and run':
    'cp /bin/busybox /usr/bin/true && chmod 755 /usr/bin/true && /usr/bin/true',
  'a program of the image that is overwritten': 'echo "#!/bin/sh" >/usr/bin/tool',
  'a program of the image that is replaced': 'busybox mv /etc/conf.d/app /usr/bin/tool',
  'a program of the image that is deleted': 'rm /usr/bin/tool',
  'a package that is installed': `busybox dpkg -i ${PACKAGE} && ${PACKAGED}`,
  'a library that is added': 'echo x >/usr/lib/libevil.so',
  'a configuration that is changed': 'echo greeting=bye >/etc/conf.d/app',
  'a program in shared memory': 'cp /bin/busybox /dev/shm/true && /dev/shm/true',
  'a link out of the image': 'busybox ln -s /tmp/x /usr/bin/linked',
} as const;

/** Tries a program in every folder: `ran` where it was run, `wrote` where it was only written. */
const EVERYWHERE = `
busybox find / \\( -path /proc -o -path /sys \\) -prune -o -type d -print 2>/dev/null | while read -r folder; do
  cp /bin/busybox "$folder/true" 2>/dev/null || continue
  if "$folder/true" 2>/dev/null; then echo "ran $folder"; else echo "wrote $folder"; fi
  rm -f "$folder/true"
done`;
/** Opens every file for writing; `-w` of busybox looks at its mode alone. */
const WRITABLE_FILES = `
busybox find / \\( -path /proc -o -path /sys \\) -prune -o -type f -print 2>/dev/null | while read -r file; do
  if (: >>"$file") 2>/dev/null; then echo "$file"; fi
done`;

interface Workload {
  spec: { template: { spec: { containers: Container[] } } };
}
interface Container {
  image: string;
  securityContext: object;
  volumeMounts: { readOnly?: boolean }[];
}

const test = nodeTest
  .extend('admission', { scope: 'file' }, async ({}, { onCleanup }): Promise<boolean> => {
    const api = inject('realApi') as RealApi | undefined;
    if (api === undefined || 'missing' in api) return false;
    const { access } = api;
    onCleanup(async () => void (await kubectl(access, 'delete', '-k', ADMISSION)));
    await kubectl(access, 'apply', '--server-side', '-f', join(folderOf('default'), 'namespace.yaml'));
    await kubectl(access, 'apply', '--server-side', '-k', ADMISSION);
    return true;
  })
  .extend('image', ({ node, images }) => pushImmutable(node, images))
  .extend('folder', async ({}, { onCleanup }): Promise<string> => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'die-operator-prevention-')));
    onCleanup(() => rm(folder, { recursive: true }));
    return folder;
  })
  .extend('ready', ({ client, namespace }) => async (): Promise<RunningPod[]> => {
    const ready = async () => (await client.list<RunningPod>(PODS, { namespace })).items.filter(isReady);
    return eventually('three Ready pods', ready, ({ length }) => length === 3, READY_MS);
  })
  // As a person installs it: with the namespace of the test, and an image that a registry serves.
  .extend('immutable', async ({ access, namespace, image, admission, folder, ready }) => {
    expect(admission).toBe(true);
    const [newName, digest] = image.split('@');
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace,
      // Absolute paths are refused.
      resources: [relative(folder, WORKLOAD)],
      images: [{ name: 'registry.example/app', newName, digest }],
    };
    await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    const apply = () =>
      kubectl(access, 'apply', '--server-side', '--validate=strict', '-k', folder).catch(String);
    // The exemptions are read a moment after they are installed, and until then nothing is let in.
    await eventually('it is let in', apply, (said) => !said.includes('no params found'));
    const labels = ['get', 'namespace', namespace, '-o', 'jsonpath={.metadata.labels}'];
    expect(await kubectl(access, ...labels)).toContain('"pod-security.kubernetes.io/enforce":"restricted"');
    return ready();
  })
  // The same but for the root and the shared memory, in a namespace that asks for nothing.
  .extend('mutable', async ({ access, client, namespace, image, ready }): Promise<RunningPod[]> => {
    const manifests = await renderFolder(access, WORKLOAD);
    const found = manifests.find(({ kind }) => kind === 'Deployment') as unknown as Workload;
    const { spec } = structuredClone(found);
    for (const one of spec.template.spec.containers) {
      one.image = image;
      one.volumeMounts = one.volumeMounts.filter(({ readOnly }) => readOnly !== true);
      Object.assign(one.securityContext, { readOnlyRootFilesystem: false });
    }
    const metadata = { name: 'mutable-app' };
    await client.create(
      DEPLOYMENTS,
      { namespace },
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec },
    );
    return ready();
  })
  // What a command printed, and `done` if it worked.
  .extend('run', ({ exec }) => async ([pod]: RunningPod[], command: string): Promise<string> => {
    if (pod === undefined) throw new Error('there is no pod');
    return exec(pod, 'sh', '-c', `{ ${command} && echo done; } 2>&1; true`);
  });

const TIMEOUT = { timeout: 300_000 };

describe('the immutable workload', () => {
  test('is Ready, and drift fails at the kernel', TIMEOUT, async ({ immutable, image, run }) => {
    expect(immutable.flatMap(({ status }) => status.containerStatuses.map(({ imageID }) => imageID))).toEqual(
      [image, image, image],
    );
    for (const [what, command] of Object.entries(DRIFTS)) {
      const said = await run(immutable, command);
      expect([what, said]).toEqual([what, expect.stringContaining(READ_ONLY)]);
      expect([what, said]).toEqual([what, expect.not.stringContaining('done')]);
    }
    expect(await run(immutable, '/usr/bin/tool')).toBe('tool of the image\ndone\n');
    expect(await run(immutable, 'busybox mount -o remount,rw /')).not.toContain('done');
    expect(await run(immutable, 'cat /var/run/secrets/kubernetes.io/serviceaccount/token')).not.toContain(
      'done',
    );
  });

  test('can be written in its volumes only, and run from there', TIMEOUT, async ({ immutable, run }) => {
    expect(await run(immutable, WRITABLE_FILES)).toBe('/dev/termination-log\ndone\n');
    const lines = (await run(immutable, EVERYWHERE)).split('\n').toSorted();
    expect(lines.filter((line) => line !== '' && line !== 'done')).toEqual(['ran /tmp', 'ran /var/cache']);
  });

  test(
    'still starts a shell of its image, and scripts from where no program can be',
    TIMEOUT,
    async ({ immutable, run }) => {
      expect(await run(immutable, 'sh -c "id -u"')).toBe('65532\ndone\n');
      const script = 'echo "echo a script" >/dev/termination-log && sh /dev/termination-log';
      expect(await run(immutable, script)).toBe('a script\ndone\n');
    },
  );

  test('is evicted when it fills a volume', TIMEOUT, async ({ client, namespace, immutable, run }) => {
    const fill = 'busybox dd if=/dev/zero of=/var/cache/full bs=1048576 count=60 2>/dev/null';
    expect(await run(immutable, fill)).toBe('done\n');
    const name = immutable[0]?.metadata.name ?? '';
    const read = () => client.get<Evicted>(PODS, { namespace, name });
    const { status } = await eventually(
      'its eviction',
      read,
      ({ status: now }) => now.phase === 'Failed',
      EVICTED_MS,
    );
    expect(status).toMatchObject({
      reason: 'Evicted',
      message: 'Usage of EmptyDir volume "cache" exceeds the limit "50Mi". ',
    });
  });
});

test('the same without what is read-only takes all of that drift', TIMEOUT, async ({ mutable, run }) => {
  for (const [what, command] of Object.entries(DRIFTS))
    expect([what, await run(mutable, command)]).toEqual([what, expect.stringMatching(/done\n$/)]);
});

type Evicted = RunningPod & { status: { phase?: string; reason?: string; message?: string } };
