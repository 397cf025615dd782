// Who may exempt from config/prevention/admission and who may not, and what becomes of it without its exemptions, on a real API
// server.
import { describe, expect } from 'vitest';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { certificateFor, kubeconfigFor, type ClusterAccess } from '../support/cluster-access.ts';
import { kubectl } from '../support/manifests.ts';
import {
  ADMISSION,
  container,
  EXEMPTIONS,
  IMAGES,
  KINDS,
  manifest,
  PREVENT,
  preventionTest,
  QUIET,
  tell,
  type Told,
} from '../support/prevention-test.ts';
import { eventually } from '../support/real-api-test.ts';

const { pinned, tagged } = IMAGES;
const DENIED = "with binding 'die-operator-prevention-deny' denied request";
const ONLY_WHO_MAY = 'only who may manage preventions.die-operator.dev may';
const refusedFor = (text: string) => ({ warned: [], refused: expect.stringContaining(text) as string });

/** What exempts is one object of the cluster, so it is as it was after each test. */
const test = preventionTest
  .extend('exempt', async ({ access, prevented }, { onCleanup }) => {
    expect(prevented).toBe(true);
    onCleanup(async () => {
      const path = ['get', 'configmap', EXEMPTIONS, '-n', SYSTEM_NAMESPACE, '-o', 'jsonpath={.data}'];
      if ((await kubectl(access, ...path)) !== '') await exemptAs(access, null);
    });
    return (data: Record<string, string>, kubeconfig?: string) => exemptAs(access, data, kubeconfig);
  })
  // The exemptions are known a moment after they are written.
  .extend('passes', ({ create }) => async (object: object, what = 'it is exempt'): Promise<Told> => {
    return eventually(
      what,
      () => create(object, '--dry-run=server'),
      ({ refused }) => refused === undefined,
    );
  })
  // Resolves once it is refused for that.
  .extend('isRefused', ({ create }) => async (object: object, text: string): Promise<Told> => {
    const pleases = ({ refused }: Told) => refused?.includes(text) === true;
    return eventually(`refused: ${text}`, () => create(object, '--dry-run=server'), pleases);
  });

function exemptAs(
  access: ClusterAccess,
  data: Record<string, string> | null,
  kubeconfig?: string,
): Promise<Told> {
  const patch = ['patch', 'configmap', EXEMPTIONS, '-n', SYSTEM_NAMESPACE, '--type=merge'];
  const args = [...patch, '-p', JSON.stringify({ data })];
  return tell(access, args, kubeconfig === undefined ? {} : { kubeconfig });
}

const TAGGED = manifest('Pod', 'web', { containers: [container('web', tagged)] });
const WRITABLE = manifest('Pod', 'web', { containers: [container('web', pinned, true)] });

describe('an exemption', () => {
  test('lets one rule go, for images of its line', async ({ opt, exempt, passes, create, isRefused }) => {
    await opt('deny');
    expect(await exempt({ 'mutable-tags': '# DEV-123\n\n  * registry.example/shop/*\n' })).toEqual(QUIET);
    await passes(TAGGED);
    for (const kind of KINDS)
      expect(
        await create(manifest(kind, 'web', { containers: [container('web', tagged)] }), '--dry-run=server'),
      ).toEqual(QUIET);
    expect(await create(WRITABLE)).toEqual(refusedFor('container web'));
    const elsewhere = manifest('Pod', 'web', {
      containers: [container('web', 'registry.example/shopper:1')],
    });
    expect(await create(elsewhere)).toEqual(refusedFor('container web has registry.example/shopper:1'));

    await exempt({ 'mutable-tags': '', 'writable-roots': `* ${pinned}` });
    await passes(WRITABLE);
    await isRefused(TAGGED, 'container web has');
    const another = manifest('Pod', 'web', {
      containers: [container('web', `${pinned.slice(0, -1)}b`, true)],
    });
    expect(await create(another)).toEqual(refusedFor('container web'));
  });

  test('of a namespace is none of another', async ({ opt, exempt, namespace, passes, isRefused }) => {
    await opt('deny');
    await exempt({ 'mutable-tags': `${namespace} registry.example/shop/web:*` });
    await passes(TAGGED);
    await exempt({ 'mutable-tags': `${namespace}-2 registry.example/shop/web:*` });
    await isRefused(TAGGED, 'container web has');
  });

  test.for([
    ['mutable-tags', 'registry.example/shop/*'],
    ['mutable-tags', '* *'],
    ['mutable-tags', '* registry.example*'],
    ['writable-roots', '* registry.*/shop'],
    ['writable-roots', '* web:1 web:2'],
  ] as const)('in %s as "%s" is refused, and told the form', async ([key, line], { exempt }) => {
    expect(await exempt({ [key]: `* registry.example/good:*\n${line}` })).toEqual(
      refusedFor(`an exemption is a line "NAMESPACE IMAGE", where "*" is every namespace`),
    );
  });

  test('from a rule that there is not is refused', async ({ exempt }) => {
    expect(await exempt({ 'mutable-tag': '* registry.example/shop/*' })).toEqual(
      refusedFor('there is no rule mutable-tag to exempt from: the keys are mutable-tags and writable-roots'),
    );
  });

  test('stays when this is applied again', async ({ access, exempt }) => {
    await exempt({ 'mutable-tags': '* registry.example/shop/*' });
    await kubectl(access, 'apply', '--server-side', '-k', ADMISSION);
    const read = ['get', 'configmap', EXEMPTIONS, '-n', SYSTEM_NAMESPACE, '-o', 'jsonpath={.data}'];
    expect(await kubectl(access, ...read)).toBe('{"mutable-tags":"* registry.example/shop/*"}');
  });
});

describe('who may do everything in a namespace', () => {
  test('opts in and not out', async ({ access, namespace, tenant }) => {
    const label = (value: string) =>
      tell(access, ['label', '--overwrite', 'namespace', namespace, value], { kubeconfig: tenant });
    for (const value of ['warn', 'deny']) expect(await label(`${PREVENT}=${value}`)).toEqual(QUIET);
    for (const value of [`${PREVENT}=warn`, `${PREVENT}-`])
      expect(await label(value)).toEqual(refusedFor(`${ONLY_WHO_MAY} take the label`));
    for (const part of ['status', 'finalize']) {
      const path = `/api/v1/namespaces/${namespace}`;
      const object = JSON.parse(await kubectl(access, 'get', '--raw', path)) as { metadata: object };
      const lowered = { ...object, metadata: { ...object.metadata, labels: { [PREVENT]: 'warn' } } };
      const put = ['replace', '--raw', `${path}/${part}`, '-f', '-'];
      expect(await tell(access, put, { object: lowered, kubeconfig: tenant })).toEqual(
        refusedFor(`${ONLY_WHO_MAY} take the label`),
      );
    }
    expect(await label('team=shop')).toEqual(QUIET);
    for (const value of ['Deny', 'off', ''])
      expect(await label(`${PREVENT}=${value}`)).toEqual(
        refusedFor(`the label die-operator.dev/prevent is warn or deny, and not "${value}"`),
      );
  });

  test('is exempted by no label', async ({ access, opt, namespace, tenant }) => {
    await opt('deny');
    const labels = { [PREVENT]: 'warn', 'die-operator.dev/exempt': 'true' };
    const object = { ...TAGGED, metadata: { name: 'web', labels } };
    const args = ['-n', namespace, 'create', '-f', '-'];
    expect(await tell(access, args, { object, kubeconfig: tenant })).toEqual(refusedFor(DENIED));
  });
});

describe('the exemptions', () => {
  test('are written by who may manage preventions, whatever RBAC allows', async ({
    access,
    exempt,
    namespace,
  }) => {
    const user = `writer-of-${namespace}`;
    const kubeconfig = await kubeconfigFor(access, await certificateFor(access, { user }));
    const grant = ['create', 'rolebinding', namespace, '--clusterrole=cluster-admin', `--user=${user}`];
    await kubectl(access, '-n', SYSTEM_NAMESPACE, ...grant);
    const data = { 'mutable-tags': '* registry.example/other/*' };
    const remove = ['-n', SYSTEM_NAMESPACE, 'delete', 'configmap'];
    const tries = [
      () => exempt(data, kubeconfig),
      () => tell(access, [...remove, EXEMPTIONS], { kubeconfig }),
      () => tell(access, [...remove, '-l', 'app.kubernetes.io/name=die-operator'], { kubeconfig }),
    ];
    for (const attempt of tries)
      expect(await eventually('RBAC knows', attempt, isNotOfRbac)).toEqual(
        refusedFor(`${ONLY_WHO_MAY} write`),
      );
    const manager = '--clusterrole=die-operator-prevention-manager';
    await kubectl(access, 'create', 'clusterrolebinding', namespace, manager, `--user=${user}`);
    const may = () => exempt(data, kubeconfig);
    expect(await eventually('they may', may, ({ refused }) => refused === undefined)).toEqual(QUIET);
  });

  test('that are missing close what denies, and silence what warns', async ({
    access,
    namespace,
    opt,
    create,
    isRefused,
  }) => {
    await opt('deny');
    const right = manifest('Pod', 'web', { containers: [container('web')] });
    expect(await create(right, '--dry-run=server')).toEqual(QUIET);
    await kubectl(access, '-n', SYSTEM_NAMESPACE, 'delete', 'configmap', EXEMPTIONS);
    try {
      await isRefused(right, 'no params found for policy binding with `Deny` parameterNotFoundAction');
      await kubectl(access, 'label', '--overwrite', 'namespace', namespace, `${PREVENT}=warn`);
      const made = () => create(TAGGED, '--dry-run=server');
      expect(await eventually('it warns', made, ({ refused }) => refused === undefined)).toEqual(QUIET);
    } finally {
      await kubectl(access, 'apply', '--server-side', '-k', ADMISSION);
    }
  });
});

function isNotOfRbac({ refused }: Told): boolean {
  return refused?.includes('cannot') !== true;
}
