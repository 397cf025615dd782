// What a policy asks of nodes, which only helper pods can do: the profiles and rights that this needs, and what people are told
// while they are not there.
import {
  APPROVED_IMAGES_CONFIGMAP,
  CAPTURE_NAMESPACE,
  CHECKPOINT_ACCOUNT,
  HELPERS_CONFIGMAP,
  SYSTEM_NAMESPACE,
} from '../api/names.ts';
import type { Action } from '../api/policy.ts';
import { listNamespaceOf, type CompiledPolicy } from '../decide/policies.ts';
import { endsInEviction } from '../decide/restart.ts';
import { RIGHTS_TO_RUN } from '../helpers/helper-rights.ts';
import type { HelperSettings, Profile } from '../helpers/helper-settings.ts';
import type { Access } from '../kube/access-reviews.ts';
import {
  CONFIG_MAPS,
  CONTROLLER_REVISIONS,
  DAEMON_SETS,
  DRIFT_INCIDENTS,
  JOBS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  SERVICE_ACCOUNTS,
  STATEFUL_SETS,
} from '../kube/resources.ts';
import { listed } from './policy-rights.ts';

/** One thing that a policy asks of nodes. */
export interface NodeAsk {
  /** The fields that ask for it, for people. */
  fields: string;
  /** Absent: it needs no helper pod. */
  profile?: Profile;
  /** Besides those for helper pods. */
  rights: readonly Access[];
  /** Of config/components, with these rights. */
  component?: string;
  /** Without it something else that the policy asks for is not done, or not even looked for; else evidence has a gap. */
  stops: boolean;
}

/** Namespaces in which rights are needed; undefined: the whole cluster. */
export type Places = readonly (string | undefined)[];

/** Where templates of pods are. */
const TEMPLATES = [
  REPLICA_SETS,
  STATEFUL_SETS,
  DAEMON_SETS,
  JOBS,
  REPLICATION_CONTROLLERS,
  CONTROLLER_REVISIONS,
];

/** Rights that a message names. */
const MAX_NAMED = 5;

/**
 * What a policy asks of nodes, with what its mode has it do.
 * @param actions all that the policy can come to.
 */
export function nodeAsks(policy: CompiledPolicy, actions: readonly Action[], places: Places): NodeAsk[] {
  const enforced = policy.mode === 'Enforce' ? enforcedAsks(policy, actions, places) : [];
  // To look changes nothing: the mode does not matter.
  return [...enforced, ...looks(policy, places)];
}

/** How running pods are looked at, whatever happens to them. */
function looks(policy: CompiledPolicy, places: Places): NodeAsk[] {
  const { comparison, verification, approvedFromConfigMap } = policy;
  const inside = (namespace: string | undefined) => (namespace === undefined ? {} : { namespace });
  const open = places.map((place): Access => ({
    verb: 'create',
    resource: DRIFT_INCIDENTS,
    at: inside(place),
  }));
  const templates = places.flatMap((place) =>
    TEMPLATES.map((resource): Access => ({ verb: 'get', resource, at: inside(place) })),
  );
  const list: Access = {
    verb: 'get',
    resource: CONFIG_MAPS,
    at: {
      namespace: listNamespaceOf(policy),
      name: APPROVED_IMAGES_CONFIGMAP,
    },
  };
  const component = 'verification';
  const asks: (NodeAsk | false)[] = [
    comparison !== undefined && {
      fields: 'comparison',
      profile: 'capture',
      rights: open,
      component: 'comparison',
      stops: true,
    },
    verification !== undefined && {
      fields: component,
      rights: [...open, ...templates],
      component,
      stops: true,
    },
    approvedFromConfigMap === true && {
      fields: 'approvedImagesFrom',
      rights: [list],
      component,
      stops: true,
    },
  ];
  return asks.filter((ask) => ask !== false);
}

function enforcedAsks(
  { rungs, settings: { evidence } }: CompiledPolicy,
  actions: readonly Action[],
  places: Places,
): NodeAsk[] {
  const { collectors, exec = [], required } = evidence;
  const captures = actions.includes('Capture');
  // The pod is not evicted then.
  const stops = required && endsInEviction(actions);
  const read = captures ? collectors.filter((name) => name !== 'Checkpoint') : [];
  const asks: (NodeAsk | false)[] = [
    rungs.some(({ confirmed }) => confirmed === true) && {
      fields: 'confirmed',
      profile: 'capture',
      rights: [],
      stops: true,
    },
    read.length > 0 && {
      fields: `evidence.collectors ${read.join(', ')}`,
      profile: 'capture',
      rights: [],
      stops,
    },
    captures &&
      collectors.includes('Checkpoint') && {
        fields: 'evidence.collectors Checkpoint',
        profile: 'checkpoint',
        rights: [
          {
            verb: 'create',
            resource: SERVICE_ACCOUNTS,
            at: { namespace: SYSTEM_NAMESPACE, name: CHECKPOINT_ACCOUNT, subresource: 'token' },
          },
        ],
        component: 'checkpoint',
        stops,
      },
    captures &&
      exec.length > 0 && {
        fields: 'evidence.exec',
        rights: places.flatMap((namespace) => execRights(namespace)),
        component: 'exec-evidence',
        stops,
      },
  ];
  return asks.filter((ask) => ask !== false);
}

function execRights(namespace: string | undefined): Access[] {
  const at = { ...(namespace !== undefined && { namespace }), subresource: 'exec' };
  return (['get', 'create'] as const).map((verb) => ({ verb, resource: PODS, at }));
}

/** All rights that these need. */
export function rightsOfAsks(asks: readonly NodeAsk[]): Access[] {
  const toRun = asks.some(({ profile }) => profile !== undefined) ? RIGHTS_TO_RUN : [];
  return [...toRun, ...asks.flatMap(({ rights }) => rights)];
}

/** What is there for them. */
export interface NodeMeans {
  /** Of those that {@link rightsOfAsks} names. */
  missing: readonly Access[];
  /** What helpers may be, or why there are none; undefined: it may not be read. */
  settings: HelperSettings | string | undefined;
}

/** What cannot be done. */
export interface NodeTrouble {
  /** Something stops: see {@link NodeAsk}. */
  stops: boolean;
  /** CaptureUnavailable where a helper pod, or what it reads, is missing. */
  reason: 'CaptureUnavailable' | 'MissingPermission';
  /** Sentences for people. */
  message: string;
}

/** Undefined: everything is there. */
export function nodeTrouble(asks: readonly NodeAsk[], means: NodeMeans): NodeTrouble | undefined {
  const toRun = means.missing.filter((right) => RIGHTS_TO_RUN.includes(right));
  const whys = new Map(asks.map((ask) => [ask, whyNot(ask, means, toRun)]));
  const lost = asks.filter((ask) => whys.get(ask)?.length);
  if (lost.length === 0) return undefined;
  const stopped = lost.filter(({ stops }) => stops).map(({ fields }) => fields);
  const gaps = lost.filter(({ stops }) => !stops).map(({ fields }) => fields);
  const sentences = [
    ...(stopped.length > 0 ? [`Not carried out: ${stopped.join('; ')}.`] : []),
    ...(gaps.length > 0 ? [`Evidence has gaps without ${gaps.join('; ')}.`] : []),
    ...new Set(lost.flatMap((ask) => whys.get(ask) ?? [])),
    'This is noticed within 5 minutes.',
  ];
  const isRightOnly = lost.every(({ component }) => component === 'verification');
  return {
    stops: stopped.length > 0,
    reason: isRightOnly ? 'MissingPermission' : 'CaptureUnavailable',
    message: sentences.join(' '),
  };
}

/** What is in the way of one, and what to do; empty if nothing is. */
function whyNot(
  { profile, rights, component }: NodeAsk,
  { missing, settings }: NodeMeans,
  toRun: readonly Access[],
): string[] {
  const lacked = missing.filter((right) => rights.includes(right));
  const own =
    lacked.length === 0 ? [] : [`die-operator lacks ${few(lacked)}: apply config/components/${component}.`];
  return profile === undefined ? own : [...helperTrouble(profile, settings, toRun), ...own];
}

/** A condition has room for so many. */
function few(rights: readonly Access[]): string {
  const more = rights.length > MAX_NAMED ? ', and others' : '';
  return `${listed(rights.slice(0, MAX_NAMED))}${more}`;
}

function helperTrouble(
  profile: Profile,
  settings: NodeMeans['settings'],
  toRun: readonly Access[],
): string[] {
  if (toRun.length > 0)
    return [`die-operator lacks ${few(toRun)}: apply config/components/helpers with the profile ${profile}.`];
  if (settings === undefined || typeof settings === 'string')
    return [`No ${profile} pod can run: ${settings ?? 'helper pods are not installed'}.`];
  if (settings.profiles.has(profile)) return [];
  return [`Add ${profile} to profiles of ConfigMap ${CAPTURE_NAMESPACE}/${HELPERS_CONFIGMAP}.`];
}
