// All controllers of a cluster, as one.
import type { Backend } from '../backend.ts';
import { createDirectApi } from '../direct.ts';
import { deploymentController } from './deployment.ts';
import { disruptionController } from './disruption.ts';
import { endpointSliceController } from './endpointslice.ts';
import { garbageController } from './garbage.ts';
import { kubeletController, type KubeletTimings } from './kubelet.ts';
import { namespaceController } from './namespace.ts';
import { quotaController } from './quota.ts';
import { createReconciler, type Controller } from './reconciler.ts';
import { replicaSetController } from './replicaset.ts';
import { schedulerController } from './scheduler.ts';

/** Milliseconds of the passed clock. */
export interface ClusterTimings extends KubeletTimings {
  /** From a change to the controllers' answer; read once. 10: a real ReplicaSet takes 3 to 30. */
  controllerMs: number;
}

const DEFAULTS: ClusterTimings = { controllerMs: 10, startMs: 300, stopMs: 700, removeMs: 50 };

/** Builds the controllers; the returned timings are live. */
export function createControllers({
  backend,
  images,
  timings: given,
}: {
  backend: Backend;
  images: ReadonlyMap<string, string>;
  timings: Partial<ClusterTimings>;
}): Controller & { timings: ClusterTimings } {
  const timings = { ...DEFAULTS, ...given };
  const { store, clock } = backend;
  const manager = createDirectApi(backend, 'kube-controller-manager');
  const ms = timings.controllerMs;
  const controllers = [
    deploymentController(manager, ms),
    replicaSetController(manager, ms),
    endpointSliceController(manager, ms),
    disruptionController(backend, manager, ms),
    quotaController(manager, ms),
    namespaceController(store, manager, ms),
    garbageController(store, manager, ms),
    schedulerController(backend, createDirectApi(backend, 'kube-scheduler'), ms),
    kubeletController(backend, createDirectApi(backend, 'kubelet'), images, timings),
  ].map((what) => createReconciler(store, clock, what));
  return {
    timings,
    start: () => controllers.forEach((controller) => controller.start()),
    stop: () => controllers.forEach((controller) => controller.stop()),
  };
}
