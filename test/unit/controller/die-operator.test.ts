// The Operator subclass uses nothing of the library's transport, and starts and stops without ending the process.
import dotI, { type ResourceMeta } from '@dot-i/k8s-operator';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { DieOperator, type Part } from '../../../src/controller/die-operator.ts';
import { drain } from '../../support/virtual-clock.ts';
import { OperatorStage, untilStopped, writeFiles } from './operator-stage.ts';

type Run = Part['start'];

let stage: OperatorStage;
let files: Awaited<ReturnType<typeof writeFiles>>;

beforeAll(async () => {
  files = await writeFiles();
});
afterAll(() => files.remove());
beforeEach(() => {
  stage = new OperatorStage();
});
afterEach(() => vi.restoreAllMocks());

describe('what is inherited', () => {
  /** Members that stay the library's own, and why that does no harm. */
  const HARMLESS = {
    errorToJson: 'a pure function for messages of the transport',
    resourceStatusRequest: 'shadowed on each object; see the test below',
  };

  test('is overridden, member by member, or known to be harmless', () => {
    const inherited = Object.getOwnPropertyNames(dotI.default.prototype);
    const own = Object.getOwnPropertyNames(DieOperator.prototype);
    expect(inherited.filter((name) => !own.includes(name)).toSorted()).toEqual(
      Object.keys(HARMLESS).toSorted(),
    );
    expect(Object.getPrototypeOf(dotI.default.prototype)).toBe(Object.prototype);
  });

  test('has only the fields that are known', () => {
    const fields = ['kubeConfig', 'k8sApi', 'logger', 'resourcePathBuilders', 'watchRequests', 'eventQueue'];
    expect(Object.getOwnPropertyNames(stage.operator()).toSorted()).toEqual(
      [...fields, 'resourceStatusRequest'].toSorted(),
    );
  });

  test('refuses to send a status, and to authenticate requests of others', async () => {
    const subject = stage.operator();
    const hidden = subject as unknown as { resourceStatusRequest(): Promise<unknown> };
    for (const attempt of [
      hidden.resourceStatusRequest(),
      subject.applyAxiosKubeConfigAuth(),
      subject.applyGaxiosKubeConfigAuth(),
    ])
      await expect(attempt).rejects.toThrow('its own client only');
  });

  test('is called nowhere, whatever verb is used', async () => {
    const base: Record<string, unknown> = dotI.default.prototype as never;
    const spies = Object.keys(Object.getOwnPropertyDescriptors(base))
      .filter((name) => name !== 'constructor')
      .map((name) => vi.spyOn(base as Record<string, () => unknown>, name));
    stage.api.put('a');
    const { subject, end } = await stage.running();
    let meta: ResourceMeta | undefined;
    await subject.watchResource('example.dev', 'v1', 'widgets', async (event) => {
      meta = event.meta;
      await subject.handleResourceFinalizer(event, 'example.dev/f', async () => {});
    });
    await drain();
    if (!meta) throw new Error('no event came');
    const next = await subject.setResourceStatus(meta, { phase: 'New' });
    await subject.patchResourceStatus(next, { phase: 'Newer' });
    await subject.registerCustomResourceDefinition(files.crd);
    subject.getCustomResourceApiUri('example.dev', 'v1', 'widgets');
    subject.stop();
    await end;
    expect(spies.length).toBeGreaterThan(10);
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });
});

describe('start and stop', () => {
  test('end the work by its signal, never the process', async () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => {
      throw new Error('exit');
    });
    const { subject, end } = await stage.running();
    subject.stop();
    await end;
    expect(exit).not.toHaveBeenCalled();
  });

  test('can follow each other again', async () => {
    let starts = 0;
    const subject = stage.operator((signal) => {
      starts += 1;
      return untilStopped(signal);
    });
    for (let round = 0; round < 3; round++) {
      await subject.start();
      subject.stop();
      await subject.finished();
    }
    expect(starts).toBe(3);
  });

  test('wait for the part that is slow to end', async () => {
    const gate = Promise.withResolvers<undefined>();
    const { subject, end } = await stage.running(() => gate.promise);
    let over = false;
    void end.then(() => (over = true));
    subject.stop();
    await drain();
    expect(over).toBe(false);
    gate.resolve(undefined);
    await drain();
    expect(over).toBe(true);
  });

  test('a second start beside the first is refused', async () => {
    const { subject } = await stage.running();
    await expect(subject.start()).rejects.toThrow('running already');
    subject.stop();
  });

  test('a stop before any start does nothing', async () => {
    const subject = stage.operator();
    subject.stop();
    await subject.start();
    subject.stop();
    await expect(subject.finished()).resolves.toBeUndefined();
  });

  test.each<[string, Run]>([
    ['rejects', () => Promise.reject(new Error('no lease'))],
    [
      'throws',
      () => {
        throw new Error('no lease');
      },
    ],
  ])('a part that %s ends the others and the run with its error', async (_, start) => {
    let ended = false;
    const other = (signal: AbortSignal) => untilStopped(signal).then(() => void (ended = true));
    const subject = stage.operator(start, other);
    await subject.start();
    await expect(subject.finished()).rejects.toThrow('no lease');
    expect(ended).toBe(true);
    expect(stage.errors).toEqual(['part 1 failed, so die-operator ends']);
  });

  test('a run that failed can be followed by another', async () => {
    const subject = stage.operator(() => Promise.reject(new Error('no lease')));
    for (let round = 0; round < 2; round++) {
      await subject.start();
      await expect(subject.finished()).rejects.toThrow('no lease');
    }
  });
});
