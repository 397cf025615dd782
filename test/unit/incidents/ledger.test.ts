// The ledger in its ConfigMap, on the embedded API: two processes, lost answers, edits, and a ledger that is gone.
import { beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { LEDGER_CONFIGMAP, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { readBook, type SpentAct } from '../../../src/decide/ledger.ts';
import { createEmbeddedCluster } from '../../../src/embedded/api-server.ts';
import { Ledger } from '../../../src/incidents/ledger.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { CONFIG_MAPS, NAMESPACES } from '../../../src/kube/resources.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const AT = { namespace: SYSTEM_NAMESPACE, name: LEDGER_CONFIGMAP };

let clock: VirtualClock;
let client: KubeClient;
let told: string[];

beforeEach(async () => {
  clock = new VirtualClock();
  told = [];
  const { transport } = createEmbeddedCluster({ clock, random: () => 0.5 });
  client = createKubeClient({ transport, clock, random: () => 0.5, userAgent: 'test' });
  await client.create(
    NAMESPACES,
    {},
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } },
  );
});

const anAct = (pod: string, change: Partial<SpentAct> = {}): SpentAct => ({
  at: clock.now(),
  act: 'Evict',
  namespace: 'shop',
  workload: 'shop/apps/Deployment/web',
  incident: `of-${pod}`,
  pod,
  ...change,
});

function aLedger(change: Partial<KubeClient> = {}, known: readonly SpentAct[] = []): Ledger {
  const events = { record: ({ reason }: { reason: string }) => void told.push(reason) };
  const own: Pick<KubeClient, 'get' | 'create' | 'jsonPatch'> = {
    get: (...args) => client.get(...args),
    create: (...args) => client.create(...args),
    jsonPatch: (...args) => client.jsonPatch(...args),
    ...change,
  };
  return new Ledger({ client: own, clock, log: silentLogger, events, known: () => known });
}

async function stored(): Promise<string[]> {
  const { data } = await client.get<KubeObject & { data: Record<string, string> }>(CONFIG_MAPS, AT);
  const book = readBook(data, clock.now());
  if (typeof book === 'string') throw new Error(book);
  return book.acts.map(({ act, pod }) => `${act} ${pod}`);
}

const podsIn = ({ book }: Ledger) => (typeof book === 'string' ? book : book.acts.map(({ pod }) => pod));
const fits = (ledger: Ledger, most: number) => () => podsIn(ledger).length < most;

describe('the ledger', () => {
  it('is made when it is missing, which is no news before anything was done', async () => {
    const ledger = aLedger();
    expect(ledger.book).toMatch(/not read yet/);
    await ledger.ready();
    expect(ledger.book).toEqual({ acts: [], openings: [] });
    expect(told).toEqual([]);
  });

  it('enters together what comes while it writes, each decided by those before it', async () => {
    let writes = 0;
    const ledger = aLedger({ jsonPatch: (...args) => (writes++, client.jsonPatch(...args)) });
    await ledger.ready();
    const pods = ['a', 'b', 'c', 'd', 'e'];
    const entered = await Promise.all(pods.map((pod) => ledger.enter(anAct(pod), fits(ledger, 3))));
    expect(entered).toEqual([true, true, true, false, false]);
    expect(await stored()).toEqual(['Evict a', 'Evict b', 'Evict c']);
    expect(writes).toBe(1);
  });

  it('lets one of two workers, and one of two processes, take the last room', async () => {
    const [one, other] = [aLedger(), aLedger()];
    await Promise.all([one.ready(), other.ready()]);
    await other.ready();
    const took = await Promise.all([
      one.enter(anAct('a'), fits(one, 1)),
      one.enter(anAct('b'), fits(one, 1)),
      other.enter(anAct('c'), fits(other, 1)),
    ]);
    expect(took.filter(Boolean)).toHaveLength(1);
    expect(await stored()).toHaveLength(1);
  });

  it('counts an entry once whose answer was lost', async () => {
    let lost = 1;
    const ledger = aLedger({
      jsonPatch: async (...args) => {
        const answer = await client.jsonPatch(...args);
        if (lost-- > 0) throw new KubeError('cut', { status: 0, reason: 'ECONNRESET' });
        return answer as never;
      },
    });
    let asked = 0;
    expect(await ledger.enter(anAct('a'), () => ++asked > 0)).toBe(true);
    expect(await stored()).toEqual(['Evict a']);
    expect(asked).toBe(2);
  });

  it('does not let through what cannot be written down', async () => {
    const forbidden = new KubeError('no', { status: 403, reason: 'Forbidden' });
    const ledger = aLedger({ jsonPatch: () => Promise.reject(forbidden) });
    expect(await ledger.enter(anAct('a'), () => true)).toBe(false);
    expect(ledger.book).toMatch(/cannot be written: no/);
  });

  it('that was edited holds, and once it is deleted it is made anew from what is remembered, loudly', async () => {
    const ledger = aLedger();
    expect(await ledger.enter(anAct('a'), () => true)).toBe(true);
    await client.jsonPatch(CONFIG_MAPS, AT, [{ op: 'add', path: '/data/acts', value: '[]' }]);
    expect(await ledger.enter(anAct('b'), () => true)).toBe(false);
    expect(ledger.book).toMatch(/was edited.*delete it/);
    const { metadata } = await client.get(CONFIG_MAPS, AT);
    await client.delete(CONFIG_MAPS, AT, metadata.uid);
    await clock.advance(1_000);
    await ledger.ready();
    expect(podsIn(ledger)).toEqual(['a']);
    expect(await stored()).toEqual(['Evict a']);
    expect(told).toEqual(['LedgerLost']);
  });

  it('of a new process that is gone is made from what incidents tell', async () => {
    const ledger = aLedger({}, [anAct('a', { at: clock.now() - 60_000 })]);
    await ledger.ready();
    expect(await stored()).toEqual(['Evict a']);
    expect(told).toEqual(['LedgerLost']);
  });

  it('gives nothing back when somebody puts an older copy in its place', async () => {
    const ledger = aLedger();
    await ledger.enter(anAct('a'), () => true);
    const { data } = await client.get<KubeObject & { data: object }>(CONFIG_MAPS, AT);
    await ledger.enter(anAct('b'), () => true);
    await client.jsonPatch(CONFIG_MAPS, AT, [{ op: 'add', path: '/data', value: data }]);
    await ledger.enter(anAct('c'), () => true);
    expect(await stored()).toEqual(['Evict a', 'Evict b', 'Evict c']);
  });

  it('keeps the breaker beside the acts, and writes nothing where nothing changes', async () => {
    const ledger = aLedger();
    const opening = {
      openedAt: new Date(clock.now()).toISOString(),
      reason: 'Workloads' as const,
      message: 'm',
    };
    expect(await ledger.changeOpenings((before) => [...before, opening])).toBe(true);
    expect(await ledger.changeOpenings((before) => before)).toBe(false);
    await ledger.enter(anAct('a'), () => true);
    const next = aLedger();
    await next.ready();
    expect(next.book).toMatchObject({ openings: [opening], acts: [{ pod: 'a' }] });
  });
});
