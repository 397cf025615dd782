// Checks of the helper pods, and of what they found out about each node; on demand it is found out now.
import type { KubeObject } from '../../api/meta.ts';
import { ENFORCEMENT_CONFIGMAP, SYSTEM_NAMESPACE } from '../../api/names.ts';
import { podFacts } from '../../api/pod.ts';
import { readRecords, verdictOf, type NodeRecord } from '../../decide/node-verdicts.ts';
import { readHelperSettings, type HelperSettings } from '../../helpers/helper-settings.ts';
import { nodeAsks, nodeTrouble, rightsOfAsks } from '../../incidents/policy-node.ts';
import { possibleActions } from '../../incidents/policy-readiness.ts';
import { orAbsent } from '../../kube/absent.ts';
import type { Access } from '../../kube/access-reviews.ts';
import { isForbidden } from '../../kube/errors.ts';
import { listAll } from '../../kube/list-all.ts';
import { CONFIG_MAPS, PODS } from '../../kube/resources.ts';
import { silentLogger } from '../../observe/log.ts';
import { runCanary } from '../../respond/canary.ts';
import { ok, skipped, warning, wrong, type Check, type DoctorContext, type Finding } from './check.ts';
import { lackedByResponder } from './rights.ts';

type Found = Omit<Finding, 'check'>;

/** Policies that are named one by one. */
const MAX_POLICIES = 20;
const NO_CAPTURE = 'What is needed, and for what: docs/evidence-node.md, docs/diff.md.';
const NO_NETWORK =
  'A pod there can be evicted and not cut off: give the node a network plugin that enforces NetworkPolicies.';

async function lookAtHelpers(context: DoctorContext): Promise<Found[]> {
  const settings = await readHelperSettings(context.client);
  return [lookAtCanaries(settings), ...(await lookAtAsked(context, settings))];
}

function lookAtCanaries(settings: HelperSettings | string): Found {
  const cure =
    'No incident says that its pod is isolated until nodes can be tested: docs/isolation.md#install-them.';
  if (typeof settings === 'string') return warning(settings, cure);
  const profiles = [...settings.profiles].join(', ');
  return settings.profiles.has('canary')
    ? ok(`helper pods run ${settings.image} with the profiles ${profiles}`)
    : warning('helper pods may not use the profile canary', cure);
}

/** What policies ask of nodes that helpers may not do. */
async function lookAtAsked(
  { client, inForce }: DoctorContext,
  settings: HelperSettings | string,
): Promise<Found[]> {
  const found: Found[] = [];
  const lacked = lackedByResponder(client);
  for (const policy of inForce) {
    const place = policy.kind === 'DriftPolicy' ? policy.namespace : undefined;
    const asks = nodeAsks(policy, possibleActions(policy), [place]);
    const missing = await lacked(rightsOfAsks(asks)).catch(unlessForbidden);
    const trouble = nodeTrouble(asks, { missing, settings });
    if (!trouble) continue;
    const name = [policy.namespace, policy.name].filter((part) => part !== '').join('/');
    found.push(
      warning(`${policy.kind} ${name} asks for what cannot be done on nodes: ${trouble.message}`, NO_CAPTURE),
    );
    if (found.length >= MAX_POLICIES) break;
  }
  return found;
}

// Then the profiles alone are looked at.
function unlessForbidden(error: unknown): Access[] {
  if (!isForbidden(error)) throw error;
  return [];
}

async function lookAtNodes(context: DoctorContext): Promise<Found[]> {
  const nodes = await relevantNodes(context);
  if (context.canary) return testNodes(context, context.canary.length > 0 ? context.canary : nodes);
  if (nodes.length === 0) return [skipped('no policy in force isolates pods on any node')];
  const at = { namespace: SYSTEM_NAMESPACE, name: ENFORCEMENT_CONFIGMAP };
  const map = await orAbsent(context.client.get<KubeObject>(CONFIG_MAPS, at));
  const records = readRecords(map?.['data']);
  return nodes.map((node) => knownOf(node, records.get(node), context.clock.now()));
}

function knownOf(node: string, record: NodeRecord | undefined, now: number): Found {
  const verdict = verdictOf(record, now);
  const at = record?.proof ? ` (tested at ${new Date(record.proof.at).toISOString()})` : '';
  if (verdict === 'Enforced') return ok(`node ${node} enforces NetworkPolicies${at}`);
  if (verdict === 'Unenforced')
    return wrong(`node ${node} does not enforce NetworkPolicies${at}`, NO_NETWORK);
  const why = record?.trouble ? `: ${record.trouble.message}` : '';
  return warning(
    `whether node ${node} enforces NetworkPolicies is not known${why}`,
    'Test it now: die-operator doctor --canary.',
  );
}

/** Nodes with pods that may be isolated. */
async function relevantNodes({ client, isolating }: DoctorContext): Promise<string[]> {
  const nodes = new Set<string>();
  for (const { name: namespace } of isolating) {
    for await (const pod of listAll<KubeObject>(client, PODS, { namespace })) {
      const { nodeName, hostNetwork } = podFacts(pod);
      if (nodeName !== undefined && !hostNetwork) nodes.add(nodeName);
    }
  }
  return [...nodes].toSorted();
}

async function testNodes(context: DoctorContext, nodes: readonly string[]): Promise<Found[]> {
  const { random } = context;
  const settings = await readHelperSettings(context.client);
  if (typeof settings === 'string') return [skipped(`no node can be tested: ${settings}`)];
  const found: Found[] = [];
  for (const node of nodes) {
    const id = Math.floor(random() * 36 ** 8)
      .toString(36)
      .padStart(8, '0');
    const result = await runCanary({ ...context, log: silentLogger }, { node, image: settings.image, id });
    const { verdict, message } = result;
    const text = `node ${node}, tested now: ${message}`;
    if (verdict === 'Enforced') found.push(ok(text));
    else
      found.push(
        verdict === 'Unenforced' ? wrong(text, NO_NETWORK) : warning(text, 'Mend that and test again.'),
      );
  }
  return found.length > 0
    ? found
    : [skipped('no policy in force isolates pods on any node: name one, --canary NODE')];
}

export const HELPERS: Check = { name: 'helpers', look: lookAtHelpers };
export const NODES_ENFORCE: Check = { name: 'nodes', look: lookAtNodes };
