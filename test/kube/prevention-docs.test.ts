// docs/prevention.md tells the truth: its commands do what it says, and what it shows is what kubectl prints.
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CONFIG, kubectl, renderFolder } from '../support/manifests.ts';
import { examplesOf, runCommands } from '../support/docs-commands.ts';
import {
  container,
  IMAGES,
  manifest,
  preventionTest,
  QUIET,
  tell,
  type Told,
} from '../support/prevention-test.ts';
import { eventually } from '../support/real-api-test.ts';

const PAGE = 'prevention.md';
const DIGEST = `sha256:${'d'.repeat(64)}`;
const IN_SHOP = ['-n', 'shop', 'create', '-f', '-', '--dry-run=server'];
const TAGGED = manifest('Pod', 'web', { containers: [container('web', IMAGES.tagged)] });
const WRITABLE = manifest('Pod', 'web', { containers: [container('web', IMAGES.pinned, true)] });

const test = preventionTest
  .extend('shop', { scope: 'file' }, async ({ plane, prevented }): Promise<boolean> => {
    if (!prevented || plane === undefined) return false;
    await kubectl(plane.access, 'create', 'namespace', 'shop');
    return true;
  })
  // A checkout whose reader has a namespace `shop`.
  .extend('checkout', async ({ folder, shop }) => {
    expect(shop).toBe(true);
    await cp(CONFIG, join(folder, 'config'), { recursive: true });
    return folder;
  })
  .extend(
    'becomes',
    ({ access }) =>
      async (what: string, pleases: (told: Told) => boolean, object = TAGGED) => {
        return eventually(what, () => tell(access, IN_SHOP, { object }), pleases);
      },
  );

/** Makes an overlay of the reader's own. */
async function overlay(checkout: string, [text = '']: string[]): Promise<void> {
  await mkdir(join(checkout, 'config/mine'));
  await writeFile(join(checkout, 'config/mine/kustomization.yaml'), text);
}

describe('the page', () => {
  test('leads from warnings to refusals and to an exemption', async ({ access, checkout, becomes }) => {
    const [install = '', look = '', warn = '', deny = ''] = await examplesOf(PAGE, 'Adopt it', 'sh');
    await runCommands(access, checkout, install);
    await runCommands(access, checkout, warn);
    await becomes('it warns', ({ warned }) => warned.length === 1);

    const [shown = ''] = await examplesOf(PAGE, 'Adopt it', 'text');
    const [command = '', ...said] = shown.trimEnd().split('\n');
    const args = command.replace('$ kubectl ', '').split(' ');
    expect(await tell(access, args)).toEqual({ warned: said.slice(0, -1) });
    expect(said.at(-1)).toBe('deployment.apps/web created');
    const pods = () => runCommands(access, checkout, look);
    const row = /^web-\S+ +registry\.example\/shop\/web:1\.4 +<none>$/m;
    expect(await eventually('its pod', pods, (text) => row.test(text))).toMatch(/^POD +IMAGES +READ-ONLY\n/);

    await runCommands(access, checkout, deny);
    await becomes('it denies', ({ refused }) => refused?.includes('denied request') === true);
    await overlay(checkout, await examplesOf(PAGE, 'Exemptions', 'yaml'));
    await runCommands(access, checkout, 'kubectl apply --server-side -k config/mine');
    expect(await becomes('it is exempt', ({ refused }) => refused === undefined)).toEqual(QUIET);
    const [manager = ''] = await examplesOf(PAGE, 'Exemptions', 'sh');
    expect(await runCommands(access, checkout, manager)).toContain('created');
  });

  test('has an overlay that names an image in the workload', async ({ access, checkout }) => {
    const [text = ''] = await examplesOf(PAGE, 'Adopt it', 'yaml');
    const own = text.replace('YOURS', 'registry.example/mine').replace('sha256:...', DIGEST);
    await overlay(checkout, [own]);
    const rendered = JSON.stringify(await renderFolder(access, join(checkout, 'config/mine')));
    expect(rendered).toContain(`"image":"registry.example/mine@${DIGEST}"`);
  });

  // Last: nothing is prevented after it.
  test('takes it away', async ({ access, checkout, becomes }) => {
    const [remove = ''] = await examplesOf(PAGE, 'Remove it', 'sh');
    await kubectl(access, 'label', '--overwrite', 'namespace', 'shop', 'die-operator.dev/prevent=deny');
    await becomes('it denies', ({ refused }) => refused !== undefined, WRITABLE);
    await runCommands(access, checkout, remove);
    const lets = ({ refused }: Told) => refused === undefined;
    expect(await becomes('it does nothing', lets, WRITABLE)).toEqual(QUIET);
  });
});
