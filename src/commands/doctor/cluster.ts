// Checks of the cluster itself: that it answers, its clock, our kinds, the pause switch.
import { isDeepStrictEqual } from 'node:util';
import { crdDocuments } from '../../api/crd.ts';
import type { KubeObject } from '../../api/meta.ts';
import { SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../api/names.ts';
import { pausedBy } from '../../decide/pause.ts';
import { messageOf } from '../../evidence/error-message.ts';
import { createDirectoryStore } from '../../evidence/directory-store.ts';
import { s3Trouble } from '../../evidence/s3-store.ts';
import { orAbsent } from '../../kube/absent.ts';
import type { KubeClient } from '../../kube/client.ts';
import { brokenAnswer, statusError } from '../../kube/errors.ts';
import { CONFIG_MAPS, type Resource } from '../../kube/resources.ts';
import { askVersion, GET_VERSION, skewOf } from '../../kube/server-clock.ts';
import { version } from '../../version.ts';
import { s3AccessOf, wakefulClock, type S3Settings } from '../run/s3-access.ts';
import { ok, skipped, warning, wrong, type Check, type DoctorContext } from './check.ts';

/** Alerts and time limits are compared with the API server's times; a clock that is off by more is set wrong. */
const MAX_SKEW_MS = 10_000;

const CRDS: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

interface CustomDefinition extends KubeObject {
  spec: { versions: { name: string; schema?: { openAPIV3Schema?: unknown } }[] };
}

async function lookAtServer(context: DoctorContext): ReturnType<Check['look']> {
  const { status, text, date, ...asked } = await askVersion(context, context.stopping);
  if (status !== 200) throw statusError(GET_VERSION, { status, body: undefined });
  const found = [ok(`Kubernetes ${gitVersionIn(text)} answers`)];
  const skew = skewOf(date, asked);
  if (Number.isNaN(skew)) return [...found, skipped('the answer has no date to compare the clock with')];
  if (Math.abs(skew) <= MAX_SKEW_MS) return [...found, ok('this clock and that of the API server agree')];
  const seconds = Math.round(Math.abs(skew) / 1000);
  const behind = skew > 0 ? 'behind' : 'ahead of';
  return [
    ...found,
    wrong(
      `this clock is ${seconds} s ${behind} that of the API server`,
      'Alerts count as too old, or limits end at the wrong time: synchronize the clocks of all nodes.',
    ),
  ];
}

function gitVersionIn(text: string): string {
  try {
    const { gitVersion } = JSON.parse(text) as { gitVersion?: unknown };
    return String(gitVersion).slice(0, 64);
  } catch {
    throw brokenAnswer(GET_VERSION, 'the answer is not JSON');
  }
}

async function lookAtKinds({ client }: DoctorContext): ReturnType<Check['look']> {
  const wanted = crdDocuments() as CustomDefinition[];
  return Promise.all(
    wanted.map(async ({ metadata: { name }, spec }) => {
      const cure = `Apply the definitions of this version, ${version()}: kubectl apply --server-side -k crds`;
      const found = await orAbsent(client.get<CustomDefinition>(CRDS, { name }));
      if (!found) return wrong(`${name} is not installed`, cure);
      const schemaOf = ({ versions }: CustomDefinition['spec']) => versions[0]?.schema?.openAPIV3Schema;
      return isDeepStrictEqual(schemaOf(found.spec), schemaOf(spec))
        ? ok(`${name} is that of this version`)
        : wrong(`${name} is that of another version`, cure);
    }),
  );
}

async function lookAtPause({ client }: DoctorContext): ReturnType<Check['look']> {
  const at = { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP };
  const map = await orAbsent(client.get<KubeObject & { data?: Record<string, string> }>(CONFIG_MAPS, at));
  const paused = pausedBy(map?.data);
  return [
    paused === undefined
      ? ok('destructive steps are not paused')
      : warning(paused, `Once that is over: kubectl delete configmap -n ${at.namespace} ${at.name}`),
  ];
}

async function bucketTrouble(settings: S3Settings): Promise<string | undefined> {
  try {
    const access = s3AccessOf(settings, wakefulClock);
    return access && (await s3Trouble(access))?.message;
  } catch (error) {
    return messageOf(error);
  }
}

async function lookAtEvidence({ clock, evidenceDir, bucket }: DoctorContext): ReturnType<Check['look']> {
  const where = bucket?.evidenceStore ?? evidenceDir;
  if (where === undefined)
    return [
      skipped(
        'the store is looked at where the responder runs: there, with --evidence-dir or --evidence-store, see docs/doctor.md',
      ),
    ];
  const trouble = bucket
    ? await bucketTrouble(bucket)
    : await createDirectoryStore({ root: where, clock, version: version() }).readiness();
  return [
    trouble === undefined
      ? ok(`${where} takes evidence`)
      : wrong(
          `${where}: ${trouble}`,
          'Until then nothing is captured, and no pod evicted whose evidence is required.',
        ),
  ];
}

/** Whether an object of that kind is there. @throws KubeError */
export async function exists(client: KubeClient, resource: Resource, name: string): Promise<boolean> {
  return (await orAbsent(client.get(resource, { name }))) !== undefined;
}

export const API_SERVER: Check = { name: 'api-server', look: lookAtServer };
export const KINDS: Check = { name: 'kinds', look: lookAtKinds };
export const PAUSE: Check = { name: 'pause', look: lookAtPause };
export const EVIDENCE: Check = { name: 'evidence', look: lookAtEvidence };
