// What `die-operator verify-images` makes of a cluster where registries, or missing rights, leave something open.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  NO_REGISTRIES,
  openRegistries,
  type Registries,
} from '../../../src/commands/verify-images/registries.ts';
import { exitCode } from '../../../src/commands/verify-images/report.ts';
import { openStage, OTHER, REPOSITORY, verdictsOf, type Stage } from './verify-images-stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

describe('with a registry', () => {
  /** It says after a while which two digests are one image. */
  const registryWith = (isOne: boolean | undefined): Registries => {
    let asked = 0;
    let answered = false;
    return {
      ...NO_REGISTRIES,
      same: () => {
        asked++;
        if (!answered || isOne === undefined) return 'Asking';
        return isOne ? 'Same' : 'Other';
      },
      settle: () => {
        const before = answered;
        answered = true;
        return Promise.resolve(asked > 0 && !before);
      },
      faults: () => ['no route'],
    };
  };
  test.each([
    [true, 'Approved/Pinned', 0],
    [false, 'Unapproved/OtherDigest', 1],
    [undefined, 'Unverifiable/NoRegistry', 2],
  ] as const)('that answers %s', async (isOne, verdict, code) => {
    await stage.pinnedToAnother();
    const report = await stage.look({ registries: registryWith(isOne) });
    expect([verdictsOf(report), exitCode(report, false)]).toEqual([[verdict], code]);
  });

  test('that does not answer: it is told, and what could not be known', async () => {
    await stage.pinnedToAnother();
    const { images, problems } = await stage.look({ registries: registryWith(undefined) });
    expect(images[0]?.message).toMatch(/its registry did not tell whether that is the approved image$/);
    expect(problems).toEqual([
      { kind: 'Registry', message: 'registries did not tell enough of 1 image: no route' },
    ]);
  });

  test('none is asked unless it is named', async () => {
    await stage.pinnedToAnother();
    const registries = openRegistries({ registry: [], timeout: 1_000 }, stage.world.parts.clock);
    expect(verdictsOf(await stage.look({ registries }))).toEqual(['Unverifiable/NoRegistry']);
  });
});

describe('what may not be read', () => {
  test('is told: pods with the right that is missing', async () => {
    const client = stage.answering(403, ({ plural }) => plural === 'pods');
    await expect(stage.look({ client })).rejects.toThrow('needs the right to list pods in namespace shop');
    await expect(stage.look({ client, namespace: undefined })).rejects.toThrow(
      'in the whole cluster (or give one with -n)',
    );
  });

  test('is told, and the rest is judged without it', async () => {
    await stage.world.deployment(2);
    await stage.createPolicy({ mode: 'Enforce', approvedImages: [`${REPOSITORY}@${OTHER}`] });
    const report = await stage.look({
      client: stage.answering(403, ({ plural }) => plural !== 'pods' && plural !== 'driftpolicies'),
    });
    // That the policy is permitted cannot be known without those of the cluster: its list still refuses.
    expect(verdictsOf(report)).toEqual(['Unapproved/NotListed', 'Unapproved/NotListed']);
    const messages = report.problems.map(({ message }) => message).join('\n');
    expect(messages).toContain('you need the right to list clusterdriftpolicies.die-operator.dev');
    expect(messages).toContain('templates of 2 pods of the kind ReplicaSet may not be read');
    expect(messages).toContain('you need the right to get replicasets');
  });

  test('fails with --strict only, as everything else is approved', async () => {
    await stage.world.deployment(1);
    const report = await stage.look({
      client: stage.answering(403, ({ plural }) => plural === 'replicasets'),
    });
    expect([exitCode(report, false), exitCode(report, true)]).toEqual([0, 2]);
  });

  test('is a list of which there is none where die-operator is not installed', async () => {
    await stage.world.deployment(1);
    const without = stage.answering(404, ({ group }) => group === 'die-operator.dev');
    const report = await stage.look({ client: without });
    expect([verdictsOf(report), report.problems]).toEqual([['Approved/Pinned'], []]);
  });
});
