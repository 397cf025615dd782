// What is known of the nodes: in memory for everybody who asks, and in a ConfigMap for the next leader and for people.
import type { KubeObject } from '../api/meta.ts';
import { ENFORCEMENT_CONFIGMAP, SYSTEM_NAMESPACE } from '../api/names.ts';
import type { NodeEnforcement } from '../decide/isolated.ts';
import { MAX_RECORDS, readRecords, writeRecord, type NodeRecord } from '../decide/node-verdicts.ts';
import type { JsonPatchOp, KubeClient } from '../kube/client.ts';
import { escapePointer } from '../kube/json-patch.ts';
import { CONFIG_MAPS } from '../kube/resources.ts';

const AT = { namespace: SYSTEM_NAMESPACE, name: ENFORCEMENT_CONFIGMAP };

/** See the file's first line. */
export class NodeVerdicts {
  #records = new Map<string, NodeRecord>();

  /** What a test of that node showed, however long ago. */
  proofOf(node: string): NodeEnforcement | undefined {
    return this.#records.get(node)?.proof;
  }

  get(node: string): NodeRecord | undefined {
    return this.#records.get(node);
  }

  /** Names of the nodes of which anything is known. */
  get nodes(): string[] {
    return [...this.#records.keys()];
  }

  /** Takes over what the leader before found out. @throws KubeError */
  async load(client: KubeClient): Promise<void> {
    const before = new Map(this.#records);
    const stored = readRecords((await client.get<KubeObject>(CONFIG_MAPS, AT))['data']);
    // What a test showed while this was under way is newer.
    const since = [...this.#records].filter(([node, record]) => before.get(node) !== record);
    this.#records = new Map([...stored, ...since]);
  }

  /** Known at once, also if writing it down fails. @throws KubeError */
  async set(client: KubeClient, node: string, record: NodeRecord): Promise<void> {
    this.#records.set(node, record);
    await change(client, { op: 'add', path: pathOf(node), value: writeRecord(record) });
  }

  /** @throws KubeError */
  async forget(client: KubeClient, node: string): Promise<void> {
    this.#records.delete(node);
    await change(client, { op: 'remove', path: pathOf(node) });
  }
}

function pathOf(node: string): string {
  return `/data/${escapePointer(node)}`;
}

// The one who writes leads. An entry of the leader before, written late, is what its test showed, and no harm.
async function change(client: KubeClient, op: JsonPatchOp): Promise<void> {
  const { data, metadata } = await client.get<KubeObject>(CONFIG_MAPS, AT);
  const entries = (data ?? {}) as Record<string, unknown>;
  const isThere = Object.hasOwn(entries, op.path.slice('/data/'.length));
  if (op.op === 'remove' && !isThere) return;
  // Of a cluster of more nodes the next leader finds out about the rest again.
  if (op.op === 'add' && !isThere && Object.keys(entries).length >= MAX_RECORDS) return;
  await client.jsonPatch(CONFIG_MAPS, AT, [
    { op: 'test', path: '/metadata/uid', value: metadata.uid },
    ...(data === undefined ? [{ op: 'add', path: '/data', value: {} } as const] : []),
    op,
  ]);
}
