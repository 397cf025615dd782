// Promise 3 with several responders: who acts holds the Lease, and nothing is sent once its time is over.
import { INTAKE_CONFIGMAP } from '../../../../src/api/names.ts';
import { isWrite, type Served } from '../server-log.ts';
import type { Judge } from '../promises.ts';
import type { Stage } from '../stage.ts';

/** After so long without a renewal another replica may take the Lease. */
const LEASE_MS = 10_000;

/** See PROMISES. Receivers need no Lease: they open incidents, report, and note when alerts come. */
export const leads: Judge = ({ stage }) => {
  if (stage.history.replicas === 1) return [];
  return stage.log.served
    .filter((entry) => isWrite(entry) && isOfResponder(entry))
    .filter((entry) => !heldBy(stage, entry))
    .map(
      ({ replica, verb, path, sentAt }) =>
        `${replica} sent ${verb} ${path} at ${sentAt} ms without the Lease`,
    );
};

function isOfResponder({ of, verb, name, body }: Served): boolean {
  if (of === 'leases' || name === INTAKE_CONFIGMAP) return false;
  if (of !== 'driftincidents') return true;
  return verb !== 'create' && !JSON.stringify(body).includes('/status/reports/');
}

/** Whether a replica held the Lease at a time, in milliseconds after the start. */
export function heldBy({ log }: Stage, { replica, sentAt }: Pick<Served, 'replica' | 'sentAt'>): boolean {
  const last = log.served.findLast((entry) => {
    return entry.of === 'leases' && isWrite(entry) && entry.status < 300 && entry.servedAt <= sentAt;
  });
  const holder =
    (last?.after as { spec?: { holderIdentity?: string } } | undefined)?.spec?.holderIdentity ?? '';
  return last !== undefined && holder.startsWith(`${replica}_`) && sentAt - last.sentAt <= LEASE_MS;
}
