// The rights to run helper pods and to hear what they say.
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../api/names.ts';
import type { Access } from '../kube/access-reviews.ts';
import { CONFIG_MAPS, HELPERS, PODS } from '../kube/resources.ts';

const IN_CAPTURE = { namespace: CAPTURE_NAMESPACE };

/** To read which helper pods there may be. */
export const MAY_READ_SETTINGS: Access = {
  verb: 'get',
  resource: CONFIG_MAPS,
  at: { ...IN_CAPTURE, name: HELPERS_CONFIGMAP },
};

/** All of them. */
export const RIGHTS_TO_RUN: readonly Access[] = [
  MAY_READ_SETTINGS,
  { verb: 'get', resource: PODS, at: IN_CAPTURE },
  { verb: 'create', resource: PODS, at: IN_CAPTURE },
  { verb: 'delete', resource: PODS, at: IN_CAPTURE },
  { verb: 'run', resource: HELPERS, at: {} },
];
