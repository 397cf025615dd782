// What `die-operator breaker` reads and writes: the ledger, which only the responder writes, and the switch, which people do.
import { BreakerDecisionSchema, type BreakerDecision } from '../../api/ledger.ts';
import type { KubeObject } from '../../api/meta.ts';
import { BREAKER_KEY, LEDGER_CONFIGMAP, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../api/names.ts';
import { openOf, writeDecision } from '../../decide/breaker.ts';
import { LEDGER, LEDGER_CURE, readBook, type Book } from '../../decide/ledger.ts';
import { orAbsent } from '../../kube/absent.ts';
import type { KubeClient } from '../../kube/client.ts';
import { add, pointer, test } from '../../kube/json-patch.ts';
import { apiVersionOf, CONFIG_MAPS } from '../../kube/resources.ts';

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

const SWITCH = { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP };
const SHOWN = 5;

/** The ledger; a text: why it cannot be used; undefined: there is none, so nothing was ever done. @throws KubeError */
export async function readStatus(
  client: Pick<KubeClient, 'get'>,
  now: number,
): Promise<Book | string | undefined> {
  const at = { namespace: SYSTEM_NAMESPACE, name: LEDGER_CONFIGMAP };
  const found = await orAbsent(client.get<ConfigMap>(CONFIG_MAPS, at));
  return found && readBook(found.data, now);
}

/** The same in lines for people. */
export function statusLines(book: Book | string | undefined): string[] {
  if (book === undefined) return [`${LEDGER} is not there: nothing was ever evicted or taken out`];
  if (typeof book === 'string') return [`${LEDGER} ${book}, so nothing is evicted: ${LEDGER_CURE}`];
  const open = openOf(book.openings);
  const before = book.openings.filter(({ closed }) => closed).slice(-SHOWN);
  return [
    open ? `open since ${open.openedAt}: ${open.message}` : 'closed',
    `the ledger holds ${book.acts.length} acts`,
    ...before.map(
      ({ openedAt, message, closed }) =>
        `was open from ${openedAt} to ${closed?.at}: ${message}; closed by ${closed?.by}: ${closed?.reason}`,
    ),
  ];
}

/**
 * Writes that a person closes the breaker as it is open now; the responder does so within seconds.
 * @returns what was done, for people. @throws Error if it is not open or cannot be read; KubeError.
 */
export async function closeBreaker(
  client: Pick<KubeClient, 'get' | 'create' | 'jsonPatch'>,
  { by, reason }: { by: string; reason: string },
  now: number,
): Promise<string> {
  const book = await readStatus(client, now);
  const open = book !== undefined && typeof book !== 'string' ? openOf(book.openings) : undefined;
  if (!open) throw new Error(`the circuit breaker cannot be closed: ${statusLines(book)[0]}`);
  const decision = BreakerDecisionSchema.safeParse({ by, reason, opened: open.openedAt });
  if (!decision.success) throw new Error('the reason must have from 1 to 1024 characters');
  await write(client, decision.data);
  return `${by} closes the circuit breaker that is open since ${open.openedAt}; the responder does so within seconds`;
}

async function write(
  client: Pick<KubeClient, 'get' | 'create' | 'jsonPatch'>,
  decision: BreakerDecision,
): Promise<void> {
  const text = writeDecision(decision);
  const found = await orAbsent(client.get<ConfigMap>(CONFIG_MAPS, SWITCH));
  if (!found) {
    const body = {
      apiVersion: apiVersionOf(CONFIG_MAPS),
      kind: CONFIG_MAPS.kind,
      metadata: SWITCH,
      data: { [BREAKER_KEY]: text },
    };
    await client.create(CONFIG_MAPS, { namespace: SYSTEM_NAMESPACE }, body);
    return;
  }
  await client.jsonPatch(CONFIG_MAPS, SWITCH, [
    test('/metadata/uid', found.metadata.uid),
    // The pause switch beside it stays as it is.
    found.data === undefined
      ? add('/data', { [BREAKER_KEY]: text })
      : add(pointer('data', BREAKER_KEY), text),
  ]);
}
