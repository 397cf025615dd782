// What the node of a pod that should be gone says of itself: one read, which may fail.
import type { KubeObject } from '../api/meta.ts';
import type { NodeState } from '../decide/decision.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { NODES } from '../kube/resources.ts';
import { cleanText } from '../kube/text.ts';

/** Nothing waits for the answer but a message. */
const ANSWER_MS = 2_000;
const MAX_TEXT = 256;

interface Node extends KubeObject {
  status?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] };
}

/** Reads the condition Ready of a node. Never rejects. */
export async function nodeStateOf(client: KubeClient, name: string): Promise<NodeState> {
  try {
    const { status } = await client.get<Node>(NODES, { name }, { timeoutMs: ANSWER_MS });
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status === 'True') return { ready: true, message: 'Ready is True' };
    const why = cleanText([ready?.reason, ready?.message].filter(Boolean).join(': '), MAX_TEXT);
    return { ready: false, message: `Ready is ${cleanText(ready?.status ?? 'not reported', 16)} (${why})` };
  } catch (error) {
    if (isNotFound(error)) return { ready: false, message: 'it is not there any more' };
    const message = error instanceof Error ? error.message : String(error);
    return { ready: undefined, message: `it could not be read: ${cleanText(message, MAX_TEXT)}` };
  }
}
