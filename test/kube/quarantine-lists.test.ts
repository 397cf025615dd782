// The lists of quarantined pods with the rights that the responder has, and the commands of docs/quarantine.md.
import { describe, expect } from 'vitest';
import { PODS } from '../../src/kube/resources.ts';
import {
  listQuarantined,
  readClusterList,
  readNamespaceList,
  unlistQuarantined,
} from '../../src/respond/quarantine-list.ts';
import { call, certificateFor, tokenFor } from '../support/cluster-access.ts';
import { examplesOf, runCommands } from '../support/docs-commands.ts';
import { applyProtection, isDenied, protectedTest as test } from '../support/protected-test.ts';
import { dry, podOf } from '../support/quarantine-requests.ts';
import { eventually } from '../support/real-api-test.ts';

describe('the responder', () => {
  test('keeps the lists with the rights of the component, several writers at a time', async ({
    access,
    clientFor,
    namespace,
  }) => {
    const client = clientFor({ token: await tokenFor(access, 'die-operator-system', 'responder') });
    // One is called as a member that every object inherits.
    const names = ['constructor', 'web-1', 'web-2', 'a.b'];
    const pods = names.map((name) => ({ namespace, name, uid: `${namespace}-${name}` }));
    await Promise.all(pods.map((pod) => listQuarantined(client, pod, 'Held')));
    await Promise.all(pods.map((pod) => listQuarantined(client, pod, 'Drainable')));
    expect(new Map(Object.entries(await readNamespaceList(client, namespace)))).toEqual(
      new Map(pods.map(({ name, uid }) => [name, `Drainable ${uid}`])),
    );
    expect(await readClusterList(client)).toMatchObject(
      Object.fromEntries(pods.map(({ name, uid }) => [uid, `${namespace}/${name}`])),
    );
    await Promise.all(pods.map((pod) => unlistQuarantined(client, pod)));
    expect(await readNamespaceList(client, namespace)).toEqual({});
    expect(await readClusterList(client)).toEqual({});
  });

  test('loses no entry when the component is applied again', async ({ access, client, namespace }) => {
    const pod = { namespace, name: 'web-1', uid: `${namespace}-web-1` };
    await listQuarantined(client, pod, 'Held');
    await applyProtection(access);
    expect(await readClusterList(client)).toEqual({ [pod.uid]: `${namespace}/web-1` });
    await unlistQuarantined(client, pod);
  });
});

describe('docs/quarantine.md', () => {
  test('gives people the right', async ({ access, folder, client, namespace, quarantine }) => {
    await client.create(PODS, { namespace }, podOf('held'));
    await quarantine('held', 'Held');
    const ann = await certificateFor(access, {
      user: 'ann',
      groups: ['incident-response', 'everything-here'],
    });
    const path = `/api/v1/namespaces/${namespace}/${dry('pods/held')}`;
    const remove = () => call(access, { method: 'DELETE', path, as: ann });
    await eventually('ann may not yet', remove, isDenied);
    const [give = '', ask = ''] = await examplesOf('quarantine.md', 'Give people the right', 'sh');
    await runCommands(access, folder, give);
    await eventually('ann may', remove, ({ status }) => status === 200);
    expect(await runCommands(access, folder, ask)).toBe('true');
  });

  test('shows the list', async ({ access, folder, client, namespace, quarantine }) => {
    await client.create(PODS, { namespace }, podOf('held'));
    const { uid } = (await quarantine('held', 'Drainable')).metadata;
    const [commands = ''] = await examplesOf('quarantine.md', 'Drains', 'sh');
    const said = await runCommands(access, folder, commands.replace('NAMESPACE', namespace));
    expect(JSON.parse(said)).toEqual({ held: `Drainable ${uid}` });
  });

  test('takes the protection away', async ({ does, access, folder, client, namespace, quarantine }) => {
    await client.create(PODS, { namespace }, podOf('held'));
    await quarantine('held', 'Held');
    const remove = () => does('dev', { method: 'DELETE', path: dry('pods/held') });
    await eventually('it is protected', remove, isDenied);
    const [commands = ''] = await examplesOf('quarantine.md', 'Install it', 'sh');
    const said = (await runCommands(access, folder, commands)).trim().split('\n');
    expect(said).toHaveLength(12);
    await eventually('it is not any more', remove, ({ status }) => status === 200);
  });
});
