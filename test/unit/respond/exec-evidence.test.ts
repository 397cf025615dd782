// Commands in the pod as evidence: what is run where, what is kept of it, and that it is called what it is.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { capture } from '../../../src/evidence/capture.ts';
import type { CollectContext } from '../../../src/evidence/collector.ts';
import { deadline, systemClock } from '../../../src/kube/clock.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import type { ExecAsked, ExecOutcome, PodExec } from '../../../src/kube/pod-exec.ts';
import { execCollector, type ExecCommand } from '../../../src/respond/exec-evidence.ts';
import { anIncident } from '../../support/builders.ts';
import { INCIDENT, suspect, UID } from '../../support/capture-stage.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

const stream = (text: string, truncated = false) => ({ bytes: Buffer.from(text), truncated });
const done: ExecOutcome = { stdout: stream('PID 1\n'), stderr: stream(''), exitCode: 0 };
const ps: ExecCommand = { container: 'web', command: ['ps', '-ef'] };

interface Scene {
  commands?: ExecCommand[];
  outcome?: ExecOutcome;
  /** The pod that has the name, at each look; the last one stays. */
  pods?: KubeObject[];
  podExec?: PodExec | null;
}

async function stage({ commands = [ps], outcome = done, pods = [suspect()], podExec }: Scene) {
  const asked: ExecAsked[] = [];
  const left = [...pods];
  const client = { get: async () => (left.length > 1 ? left.shift() : left[0]) };
  const own: PodExec = {
    run: async (what) => {
      asked.push(what);
      return outcome;
    },
  };
  const context: CollectContext = {
    client: client as unknown as KubeClient,
    clock: systemClock,
    target: { ...anIncident().spec.target, namespace: 'shop', name: 'web-1', uid: UID },
    incident: { namespace: 'shop', name: INCIDENT.name, uid: INCIDENT.uid },
    signal: deadline(systemClock, 10_000).signal,
  };
  const store = createMemoryStore({ clock: systemClock });
  const exec = podExec === null ? undefined : own;
  const summary = await capture([execCollector(commands, exec)], context, store);
  const { files = [], problems = [] } = store.manifest(INCIDENT.uid) ?? {};
  const text = (path: string) => store.text(INCIDENT.uid, path);
  return { asked, summary, files, text, problems: problems.map(({ message }) => message) };
}

describe('what a command prints', () => {
  test('is kept, and not to be trusted', async () => {
    const { asked, files, text, problems } = await stage({});
    expect(asked).toEqual([{ namespace: 'shop', pod: 'web-1', ...ps }]);
    expect(problems).toEqual([]);
    expect(files).toMatchObject([
      { path: 'exec/1-web.stderr', trust: 'low', size: 0 },
      {
        path: 'exec/1-web.stdout',
        trust: 'low',
        source: 'stdout of the command ["ps","-ef"] in container web; exit code 0',
      },
    ]);
    expect(text('exec/1-web.stdout')).toBe('PID 1\n');
  });

  test('is kept as far as it came, with the reason', async () => {
    const outcome = { stdout: stream('x', true), stderr: stream('', true), problem: 'it printed more' };
    const { files, problems } = await stage({ outcome });
    expect(files).toMatchObject([{ truncated: true }, { truncated: true }]);
    expect(problems).toEqual(['the command ["ps","-ef"] in container web: it printed more']);
  });

  test('is suspect when another pod has the name afterwards', async () => {
    const { files, problems } = await stage({ pods: [suspect(), suspect({}, 'another')] });
    expect(files).toHaveLength(2);
    expect(problems).toEqual([expect.stringMatching(/^SUSPECT: .* may have run in another pod/)]);
  });
});

describe('no command is run', () => {
  test('in another pod of that name', async () => {
    const { asked, problems, summary } = await stage({ pods: [suspect({}, 'another')] });
    expect(asked).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(/^no command is run: .*another pod has its name/)]);
    expect(summary.missing).toEqual(['exec']);
  });

  test('where this process cannot', async () => {
    const { problems, summary } = await stage({ podExec: null });
    expect(problems).toEqual(['this process cannot run commands in pods']);
    expect(summary.missing).toEqual(['exec']);
  });

  test('beyond the fourth', async () => {
    const later = [
      { container: 'web', command: ['x'.repeat(1_000)] },
      { ...ps, container: 'last' },
    ];
    const { asked, problems } = await stage({ commands: [ps, ps, ps, ps, ...later] });
    expect(asked).toEqual(Array.from({ length: 4 }, () => ({ namespace: 'shop', pod: 'web-1', ...ps })));
    const why = 'is not run: in one pod at most 4 are, those that come first by container and command';
    expect(problems).toEqual([
      expect.stringMatching(new RegExp(`^the command \\["x{150,190}\\.\\.\\. ${why}$`)),
      `the command ["ps","-ef"] in container last ${why}`,
    ]);
  });

  test('beyond what can be named, and their number is told', async () => {
    const { problems } = await stage({ commands: Array.from({ length: 50 }, () => ps) });
    expect(problems).toHaveLength(17);
    expect(problems.at(-1)).toMatch(/^30 more commands are not run/);
  });
});
