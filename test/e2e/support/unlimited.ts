// A responder that its own limits do not hold up: the suites evict more on their one node than an installation should.
import { NO_LIMIT_FLAGS } from '../../support/limits.ts';

/** A patch of kustomize, for whatever has the responder. Policies have limits of their own. */
export const UNLIMITED = {
  target: { kind: 'Deployment', name: 'responder' },
  patch: JSON.stringify(
    NO_LIMIT_FLAGS.map((value) => ({ op: 'add', path: '/spec/template/spec/containers/0/args/-', value })),
  ),
};
