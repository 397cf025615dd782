// `die-operator demo`: one whole response on a cluster inside this process, told to people as it happens.
import { Command } from 'commander';
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSTEM_NAMESPACE } from '../api/names.ts';
import { createEmbeddedCluster } from '../embedded/api-server.ts';
import { createDirectoryStore } from '../evidence/directory-store.ts';
import { systemClock, systemRandom } from '../kube/clock.ts';
import { createKubeClient } from '../kube/http-client.ts';
import { NAMESPACES } from '../kube/resources.ts';
import { silentLogger } from '../observe/log.ts';
import { createOperator } from '../operator.ts';
import { usualLimits } from '../settings/limits.ts';
import { version } from '../version.ts';
import { applyExamples, type Seen } from './demo/scene.ts';
import { tell } from './demo/story.ts';
import { createView } from './demo/view.ts';
import { startWatching } from './demo/watching.ts';

// The whole story takes about four seconds; past this something is wrong, and waiting helps nobody.
const GIVE_UP_MS = 20_000;
// The recording is months old; a real receiver only records such an alert.
const ANY_AGE = Number.MAX_SAFE_INTEGER;

/** See the file's first line. */
export function command(): Command {
  return new Command('demo').action(async () => {
    process.exitCode = (await demo()) ? 0 : 1;
  });
}

/** @returns whether the response ended as it should. */
async function demo(): Promise<boolean> {
  const view = createView(process.stdout);
  const clock = systemClock;
  const random = systemRandom;
  const cluster = createEmbeddedCluster({ clock, random });
  cluster.start();
  const client = createKubeClient({ transport: cluster.transport, clock, random, userAgent: 'kubectl/demo' });
  const home = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } };
  await client.create(NAMESPACES, {}, home);
  const evidenceDir = mkdtempSync(join(tmpdir(), 'die-operator-demo-'));
  const token = randomBytes(24).toString('hex');
  const operator = createOperator({
    client: createKubeClient({ transport: cluster.transport, clock, random, userAgent: 'die-operator/demo' }),
    clock,
    random,
    log: silentLogger,
    evidence: createDirectoryStore({ root: evidenceDir, clock, version: version() }),
    tokens: () => [token],
    roles: ['receiver', 'responder'],
    instance: 'demo',
    watchNamespaces: [],
    protectedNamespaces: ['kube-system'],
    maxAlertAgeMs: ANY_AGE,
    limits: usualLimits(),
  });
  const stop = new AbortController();
  const running = operator.run(stop.signal);
  // A timer of our own keeps the process alive: those of the clock do not.
  const limit = setTimeout(() => stop.abort(), GIVE_UP_MS);
  const seen: Seen = startWatching({ client, clock, random, signal: stop.signal });
  try {
    const url = await operator.webhook?.listen({ host: '127.0.0.1', port: 0 });
    await applyExamples(client);
    return await tell({
      view,

      clock,
      seen,
      evidenceDir,
      post: (body) => post(`${url}/v1/falco`, token, body),
    });
  } finally {
    clearTimeout(limit);
    stop.abort();
    await running;
    cluster.stop();
  }
}

async function post(url: string, token: string, body: string): Promise<{ status: number; outcome: string }> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' };
  const answer = await fetch(url, { method: 'POST', headers, body });
  const { outcome } = (await answer.json()) as { outcome: string };
  return { status: answer.status, outcome };
}
