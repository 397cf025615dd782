// What config/prevention refuses, warns of and lets pass, as kubectl tells it to who applies something, on a real API server.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { PODS } from '../../src/kube/resources.ts';
import { call, tokenFor } from '../support/cluster-access.ts';
import { kubectl } from '../support/manifests.ts';
import {
  container,
  IMAGES,
  KINDS,
  manifest,
  preventionTest as test,
  QUIET,
  type PodSpec,
} from '../support/prevention-test.ts';
import { eventually } from '../support/real-api-test.ts';

const { tagged, untagged, pinned, pinnedBeside, sha512 } = IMAGES;
const BY_DIGEST =
  'a tag can be moved to another image, so name it by digest, as NAME:TAG@sha256:DIGEST: container web has registry.example/shop/web:1.4';
const READ_ONLY =
  'a root filesystem that can be written lets programs be dropped, so set securityContext.readOnlyRootFilesystem: true and mount an emptyDir where it has to write: container web';
const denied = (text: string) =>
  `ValidatingAdmissionPolicy 'die-operator-prevention' with binding 'die-operator-prevention-deny' denied request: ${text}`;
const warning = (text: string) =>
  `Warning: Validation failed for ValidatingAdmissionPolicy 'die-operator-prevention' with binding 'die-operator-prevention-warn': ${text}`;

/** What is wrong with a pod, and what is said of it. */
const WRONG: readonly [what: string, spec: PodSpec, said: string][] = [
  ['a tag', { containers: [container('web', tagged)] }, BY_DIGEST],
  ['a writable root', { containers: [container('web', pinned, true)] }, READ_ONLY],
  ['both', { containers: [container('web', tagged, true)] }, `${BY_DIGEST}; ${READ_ONLY}`],
  [
    'both in an init container',
    { containers: [container('app')], initContainers: [container('web', tagged, true)] },
    `${BY_DIGEST}; ${READ_ONLY}`,
  ],
  [
    'no tag at all in two',
    { containers: [container('web', tagged), container('side', untagged)] },
    `${BY_DIGEST}, container side has registry.example/shop/web`,
  ],
];
const RIGHT: PodSpec = {
  containers: [container('web', pinned), container('side', pinnedBeside)],
  initContainers: [container('init', sha512)],
};

describe('in a namespace that denies', () => {
  test.for(KINDS)(
    'a %s with tags or writable roots is refused, and told how to mend it',
    async (kind, { opt, create }) => {
      await opt('deny');
      const said: unknown[] = [];
      for (const [what, spec] of WRONG)
        said.push([what, await create(manifest(kind, 'web', spec), '--dry-run=server')]);
      expect(said).toEqual(
        WRONG.map(([what, , text]) => [
          what,
          {
            warned: [],
            refused: expect.stringMatching(new RegExp(`"web" is forbidden: ${quoted(denied(text))}$`)),
          },
        ]),
      );
    },
  );

  test.for(KINDS)('an immutable %s passes', async (kind, { opt, create }) => {
    await opt('deny');
    expect(await create(manifest(kind, 'web', RIGHT))).toEqual(QUIET);
  });

  test('what looks like a digest and is none is refused', async ({ opt, create }) => {
    await opt('deny');
    const images = [
      `web@sha256:${'a'.repeat(63)}`,
      `web@sha256:${'A'.repeat(64)}`,
      `@${pinned.split('@')[1]}`,
    ];
    for (const image of images) {
      const { refused } = await create(manifest('Pod', 'web', { containers: [container('web', image)] }));
      expect(refused).toContain(`container web has ${image}`);
    }
  });

  test('a text that is too long is told in short', async ({ opt, create }) => {
    await opt('deny');
    const image = `registry.example/${'long/'.repeat(40)}web:1`;
    const containers = Array.from({ length: 40 }, (_, index) => container(`web-${index}`, image));
    const { refused } = await create(manifest('Pod', 'web', { containers }));
    expect(refused).toContain('every container needs an image that is named by digest');
  });
});

describe('in a namespace that warns', () => {
  test.for(KINDS)(
    'a %s with tags or writable roots is made, with a warning',
    async (kind, { opt, create }) => {
      await opt('warn');
      const said: unknown[] = [];
      for (const [index, [what, spec]] of WRONG.entries())
        said.push([what, await create(manifest(kind, `web-${index}`, spec))]);
      expect(said).toEqual(WRONG.map(([what, , text]) => [what, { warned: [warning(text)] }]));
      expect(await create(manifest(kind, 'right', RIGHT))).toEqual(QUIET);
    },
  );
});

test('in a namespace that has not opted in nothing is said', async ({ prevented, create }) => {
  expect(prevented).toBe(true);
  for (const kind of KINDS)
    expect(await create(manifest(kind, 'web', WRONG[2]?.[1] ?? RIGHT))).toEqual(QUIET);
});

describe('what was there before its namespace denies', () => {
  const OLD: PodSpec = { containers: [container('web', tagged, true)] };

  test('can be labelled, let go, evicted and scaled', async ({
    opt,
    create,
    ask,
    access,
    client,
    namespace,
  }) => {
    for (const name of ['old', 'evicted']) await create(manifest('Pod', name, OLD));
    const deployment = manifest('Deployment', 'web', OLD, 1);
    await create(deployment);
    const pods = () => client.list<KubeObject>(PODS, { namespace, labelSelector: 'app=web' });
    await eventually('its pod', pods, ({ items }) => items.length === 1);
    await client.jsonPatch(PODS, { namespace, name: 'old' }, [
      { op: 'add', path: '/metadata/finalizers', value: ['example.com/keep'] },
    ]);
    await opt('deny');

    // As the responder isolates, lets go and evicts.
    const as = { token: await tokenFor(access, SYSTEM_NAMESPACE, 'responder') };
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const labels = [{ op: 'add', path: '/metadata/labels', value: { [QUARANTINE_LABEL]: 'true' } }];
    const contentType = 'application/json-patch+json';
    const patched = { method: 'PATCH', path: `${path}/old`, body: labels, contentType, as };
    expect(await call(access, patched)).toMatchObject({ status: 200 });
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'evicted' } };
    const evicted = { method: 'POST', path: `${path}/evicted/eviction`, body, as };
    expect(await call(access, evicted)).toMatchObject({ status: 201 });
    expect(await ask('annotate', 'pod', 'old', 'note=x')).toEqual(QUIET);
    expect(await ask('patch', 'pod', 'old', '-p', '{"metadata":{"finalizers":null}}')).toEqual(QUIET);

    expect(await ask('scale', 'deployment/web', '--replicas=2')).toEqual(QUIET);
    expect(await ask('patch', 'deployment', 'web', '-p', '{"spec":{"replicas":3}}')).toEqual(QUIET);
    expect(await ask('annotate', 'deployment', 'web', 'note=x')).toEqual(QUIET);
    const events = () =>
      kubectl(access, 'get', 'events', '-n', namespace, '-o', 'jsonpath={.items[*].message}');
    const refused = `Error creating: pods "web-`;
    const text = await eventually('its new pods are refused', events, (all) => all.includes(refused));
    expect(text).toContain(denied(`${BY_DIGEST}; ${READ_ONLY}`));
    expect((await pods()).items).toHaveLength(1);
    // What would end in pods that cannot be made.
    expect(await ask('rollout', 'restart', 'deployment/web')).toMatchObject({
      refused: expect.stringContaining(denied(BY_DIGEST)),
    });
  });

  test('gets no image by a tag, but one by digest, and a debug container that is immutable', async ({
    opt,
    create,
    ask,
    client,
    namespace,
    folder,
  }) => {
    await create(manifest('Pod', 'old', OLD));
    await opt('deny');
    const image = (name: string) => ask('set', 'image', 'pod/old', `web=${name}`);
    expect(await image('registry.example/shop/web:1.5')).toMatchObject({
      refused: expect.stringMatching(
        /'die-operator-prevention-deny' denied request: a tag .*: container web has registry\.example\/shop\/web:1\.5$/,
      ),
    });
    expect(await image(pinned)).toEqual(QUIET);

    const debug = ['debug', 'pod/old', '--profile=restricted', '--attach=false'];
    expect(await ask(...debug, '-c', 'tool', `--image=${tagged}`)).toMatchObject({
      refused: expect.stringContaining(
        denied(`${BY_DIGEST}; ${READ_ONLY}`).replaceAll('container web', 'container tool'),
      ),
    });
    const custom = join(folder, 'custom.json');
    await writeFile(custom, JSON.stringify({ securityContext: { readOnlyRootFilesystem: true } }));
    expect(await ask(...debug, '-c', 'tool', `--image=${pinned}`, `--custom=${custom}`)).toEqual(QUIET);
    const { items } = await client.list<KubeObject & { spec: { ephemeralContainers?: unknown[] } }>(PODS, {
      namespace,
    });
    expect(items[0]?.spec.ephemeralContainers).toMatchObject([{ name: 'tool', image: pinned }]);
  });
});

describe('the policies', () => {
  test('pass the type check of the API server', async ({ access, prevented }) => {
    expect(prevented).toBe(true);
    const read = async () => {
      const all = await kubectl(access, 'get', 'validatingadmissionpolicies', '-o', 'json');
      const { items } = JSON.parse(all) as { items: Policy[] };
      return items.filter(({ metadata }) => metadata.name.startsWith('die-operator-prevention'));
    };
    const isChecked = (all: Policy[]) => all.every(({ status }) => status?.typeChecking);
    const checked = await eventually('the type check', read, isChecked);
    expect(checked).toHaveLength(3);
    expect(checked.flatMap(({ status }) => status?.typeChecking?.expressionWarnings ?? [])).toEqual([]);
  });
});

interface Policy extends KubeObject {
  status?: { typeChecking?: { expressionWarnings?: unknown[] } };
}

function quoted(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
