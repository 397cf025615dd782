// Running what was installed: the commands of docs/install.md make what the pods wait for, and the programs start with
// the very arguments of their Deployments and take alerts in.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { recordedBody } from '../support/alerts.ts';
import {
  containerOf,
  deploymentOf,
  type DeployedProgram,
  type Deployment,
} from '../support/deployed-program.ts';
import { examplesOf, runCommands } from '../support/docs-commands.ts';
import { postAlert } from '../support/falcosidekick.ts';
import { install, installedTest } from '../support/installed-test.ts';
import { CONFIG, kubectl, render, renderFolder, renderWith } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';

const PAGE = 'install.md';
const HOST = `receiver.${SYSTEM_NAMESPACE}.svc`;
// Below the heading: the first takes the CA from cert-manager, the others make one and a certificate.
const BY_OPENSSL = [1, 2] as const;
const TEST_EVENT = recordedBody('04-test-event');

type Data = Record<string, string>;

/**
 * Fixtures: `checkout`, a folder with config/ and the overlay of docs/install.md; `follow`, which runs the commands below a
 * heading there, or the nth of them; `secret` and `configMap`, which read one as text.
 */
const test = installedTest
  .extend('checkout', async ({ access, client, folder }) => {
    await install(access, client, 'default');
    await runCommands(
      access,
      folder,
      'kubectl create namespace falco --dry-run=client -o yaml | kubectl apply -f -',
    );
    for (const path of ['config', 'crds'])
      await cp(join(CONFIG, '..', path), join(folder, path), { recursive: true });
    const [overlay = ''] = await examplesOf(PAGE, 'Install it', 'yaml');
    await mkdir(join(folder, 'config/overlays/mine'));
    await writeFile(join(folder, 'config/overlays/mine/kustomization.yaml'), overlay);
    return folder;
  })
  .extend('follow', ({ access, checkout }) => async (heading: string, nth?: readonly number[]) => {
    for (const [index, commands] of (await examplesOf(PAGE, heading, 'sh')).entries())
      if (nth?.includes(index) ?? true) await runCommands(access, checkout, commands);
  })
  .extend('data', ({ access }) => async (kind: string, namespace: string, name: string): Promise<Data> => {
    const text = await kubectl(access, 'get', kind, name, '-n', namespace, '-o', 'json');
    return (JSON.parse(text) as { data: Data }).data;
  })
  .extend(
    'configMap',
    ({ data }) =>
      (namespace: string, name: string) =>
        data('configmap', namespace, name),
  )
  .extend('secret', ({ data }) => async (namespace: string, name: string): Promise<Data> => {
    const entries = Object.entries(await data('secret', namespace, name));
    return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
  });

async function passesProbes({ probes }: DeployedProgram, deployment: Deployment): Promise<void> {
  const { livenessProbe, readinessProbe } = containerOf(deployment);
  const ask = async ({ httpGet: { path } }: typeof livenessProbe) => {
    const answer = await fetch(new URL(path, probes));
    return { status: answer.status, text: await answer.text() };
  };
  expect(await ask(livenessProbe)).toMatchObject({ status: 200 });
  const ready = () => ask(readinessProbe);
  await eventually(`the ${deployment.metadata.name} is ready`, ready, ({ status }) => status === 200);
}

describe('the commands of docs/install.md', () => {
  test('install an operator that takes an alert of Falcosidekick in over TLS', async ({
    access,
    world,
    checkout,
    follow,
    start,
    configMap,
    secret,
  }) => {
    await follow('Install it');
    await follow('The certificate', BY_OPENSSL);
    await follow('The token');
    await follow('What you see');
    await follow('Point Falcosidekick at it');

    const manifests = await renderFolder(access, join(checkout, 'config/overlays/mine'));
    const run = async (role: string) => {
      const deployment = deploymentOf(manifests, role);
      const program = await start(deployment);
      await passesProbes(program, deployment);
      return program;
    };
    const [receiver, responder] = await Promise.all([run('receiver'), run('responder')]);

    const { 'ca.crt': ca = '' } = await configMap('falco', 'die-operator-intake-ca');
    const { WEBHOOK_CUSTOMHEADERS: customHeaders = '' } = await secret('falco', 'falcosidekick-die-operator');
    const sender = { host: HOST, tls: { ca } };
    const victim = await world.victim(1);
    await world.policy({ mode: 'Audit' });
    const send = (headers: string) =>
      postAlert(receiver.intake, world.alert(victim), { ...sender, customHeaders: headers });
    expect(await send(customHeaders.replace('Bearer ', 'Bearer 0'))).toMatchObject({ status: 401 });
    expect(await send(customHeaders)).toMatchObject({ status: 202 });
    await world.incident('that records', ({ status }) => status?.phase === 'Observed');
    for (const program of [receiver, responder]) expect(await program.end('SIGTERM')).toBe(0);
  });

  test('build an overlay with your image and your volume', async ({ access, checkout }) => {
    const manifests = await renderFolder(access, join(checkout, 'config/overlays/mine'));
    const { volumes } = deploymentOf(manifests, 'responder').spec.template.spec;
    expect(volumes).toEqual([{ name: 'evidence', persistentVolumeClaim: { claimName: 'evidence' } }]);
    const { image } = containerOf(deploymentOf(manifests, 'receiver'));
    expect(image).toMatch(/^registry\.example\/die-operator@sha256:/);
  });

  test('rotate the tokens: one, then both, then the new one', async ({ checkout, follow, secret }) => {
    const tokens = async () =>
      (await secret(SYSTEM_NAMESPACE, 'intake-tokens'))['tokens']?.trim().split('\n') ?? [];
    await follow('The token');
    const [first] = await tokens();
    await follow('Rotate the token', [0]);
    const [kept, second, ...more] = await tokens();
    expect([kept, more]).toEqual([first, []]);
    await writeFile(join(checkout, 'ca.crt'), 'is not looked at here');
    await follow('Point Falcosidekick at it');
    expect(await secret('falco', 'falcosidekick-die-operator')).toEqual({
      WEBHOOK_CUSTOMHEADERS: `Authorization:Bearer ${second}`,
    });
    await follow('Rotate the token', [1]);
    expect(await tokens()).toEqual([second]);
  });
});

describe('the receiver', () => {
  test('closes what speaks plain HTTP to it, unanswered', async ({ access, follow, start }) => {
    await follow('The certificate', BY_OPENSSL);
    await follow('The token');
    const { intake = '' } = await start(deploymentOf(await render(access, 'default'), 'receiver'));
    const { promise, resolve } = Promise.withResolvers<string>();
    request(intake.replace(/^https/, 'http'), { method: 'POST', path: '/v1/falco', agent: false })
      .on('response', ({ statusCode }) => resolve(`answered ${statusCode}`))
      .on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)))
      .end('{}');
    expect(await promise).toBe('ECONNRESET');
  });

  test('with components/mtls lets in by client certificate alone', async ({
    access,
    checkout,
    follow,
    start,
    secret,
  }) => {
    await follow('The certificate', BY_OPENSSL);
    await follow('The token');
    await follow('Client certificates in the place of tokens');
    const manifests = await renderWith(access, 'default', 'components/mtls');
    const { intake } = await start(deploymentOf(manifests, 'receiver'));
    const files = await secret('falco', 'die-operator-client');
    const { 'ca.crt': ca = '', 'client.crt': cert = '', 'client.key': key = '' } = files;
    const own = { cert: await fileIn(checkout, 'tls.crt'), key: await fileIn(checkout, 'tls.key') };
    const { tokens = '' } = await secret(SYSTEM_NAMESPACE, 'intake-tokens');
    const customHeaders = `Authorization:Bearer ${tokens.trim()}`;

    const good = await postAlert(intake, TEST_EVENT, { host: HOST, tls: { ca, cert, key } });
    expect(good).toMatchObject({ status: 202, body: { outcome: 'Ignored' } });
    for (const sender of [{ tls: { ca }, customHeaders }, { tls: { ca, ...own } }])
      expect(await postAlert(intake, TEST_EVENT, { host: HOST, ...sender })).toMatchObject({ status: 401 });
  });
});

function fileIn(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8');
}
