// Checks of what the accounts of die-operator may do.
import type { KubeObject } from '../../api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../api/names.ts';
import type { Role } from '../../api/names.ts';
import { describeMissing, rightsFor, type NeededRight } from '../../incidents/policy-rights.ts';
import { AccessReviews, type Access } from '../../kube/access-reviews.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isForbidden } from '../../kube/errors.ts';
import { apiVersionOf, DRIFT_INCIDENTS, PODS, type Resource } from '../../kube/resources.ts';
import { ok, warning, wrong, type Check, type DoctorContext, type Finding } from './check.ts';

const REVIEWS: Resource = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
};

/** What a receiver cannot do without. */
const RECEIVER: readonly NeededRight[] = [
  { verb: 'list', resource: PODS, at: {}, stops: [] },
  { verb: 'get', resource: PODS, at: {}, stops: [] },
  { verb: 'get', resource: DRIFT_INCIDENTS, at: {}, stops: [] },
  { verb: 'create', resource: DRIFT_INCIDENTS, at: {}, stops: [] },
  { verb: 'patch', resource: DRIFT_INCIDENTS, at: { subresource: 'status' }, stops: [] },
];
const RESPONDER = rightsFor(['Label', 'Isolate', 'Capture', 'Evict'], undefined, 'ClusterDriftPolicy');
const NEEDED: Readonly<Record<Role, readonly NeededRight[]>> = { receiver: RECEIVER, responder: RESPONDER };

type MayDo = (access: Access) => Promise<boolean>;

async function look(context: DoctorContext): ReturnType<Check['look']> {
  return [await lookAt(context, 'receiver'), await lookAt(context, 'responder')];
}

/** Tells which rights the responder's account lacks, each asked for once; rejects with Forbidden for those who may not ask. */
export function lackedByResponder(client: KubeClient): (needed: readonly Access[]) => Promise<Access[]> {
  const answers = new Map<string, Promise<boolean>>();
  const mayDo = (access: Access) => {
    const key = JSON.stringify(access);
    const answer = answers.get(key) ?? mayAccount(client, 'responder', access);
    answers.set(key, answer);
    return answer;
  };
  return (needed) => missingOf(needed, mayDo);
}

async function lookAt({ client, clock }: DoctorContext, role: Role): Promise<Omit<Finding, 'check'>> {
  const needed = NEEDED[role];
  try {
    return judge(role, await missingOf(needed, (access) => mayAccount(client, role, access)));
  } catch (error) {
    if (!isForbidden(error)) throw error;
    // Everybody may ask about themselves.
    const reviews = new AccessReviews({ client, clock });
    const missing = await missingOf(needed, (access) => reviews.mayDo(access));
    const whose = 'as the user of this command, who may not ask about the account';
    return missing.length === 0
      ? ok(`a ${role} may do all that it needs, ${whose}`)
      : warning(`a ${role} may not do all that it needs, ${whose}`, 'Ask as an administrator.');
  }
}

function judge(role: Role, missing: readonly NeededRight[]) {
  const account = `account ${SYSTEM_NAMESPACE}/${role}`;
  if (missing.length === 0) return ok(`${account} has all rights that it needs`);
  if (role === 'responder') {
    const isAll = missing.some(({ verb, resource }) => verb === 'patch' && resource.kind === 'Pod');
    const say = isAll ? warning : wrong;
    const why = isAll ? ', so that policies in Enforce do nothing' : '';
    return say(`${account} lacks ${missing.length} rights${why}`, describeMissing(missing));
  }
  const names = missing.map(({ verb, resource }) => `${verb} ${resource.plural}`).join(', ');
  return wrong(`${account} lacks ${names}: alerts are not answered`, 'Apply config/default again.');
}

async function missingOf<T extends Access>(needed: readonly T[], mayDo: MayDo): Promise<T[]> {
  const missing: T[] = [];
  for (const right of needed) if (!(await mayDo(right))) missing.push(right);
  return missing;
}

/** What the authorizer says of the account. @throws KubeError, Forbidden for those who may not ask. */
async function mayAccount(client: KubeClient, role: Role, { verb, resource, at }: Access): Promise<boolean> {
  const groups = [
    'system:serviceaccounts',
    `system:serviceaccounts:${SYSTEM_NAMESPACE}`,
    'system:authenticated',
  ];
  const { group, version, plural } = resource;
  const review = await client.create<KubeObject & { status?: { allowed?: boolean } }>(
    REVIEWS,
    {},
    {
      apiVersion: apiVersionOf(REVIEWS),
      kind: REVIEWS.kind,
      spec: {
        user: `system:serviceaccount:${SYSTEM_NAMESPACE}:${role}`,
        groups,
        resourceAttributes: { ...at, verb, group, version, resource: plural },
      },
    },
  );
  return review.status?.allowed === true;
}

export const RIGHTS: Check = { name: 'rights', look };
