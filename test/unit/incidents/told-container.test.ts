// Which container an alert is about is known by its ID only: a name in an alert is told by whoever can send one.
import { describe, expect, test } from 'vitest';
import { aDetection, aPolicy } from '../../support/builders.ts';
import { POD, scene } from './open-scene.ts';

const EXCEPTION = {
  name: 'agent',
  image: '*',
  reason: 'updates itself',
  expires: '2099-01-01T00:00:00Z',
  maxAction: 'None',
};
const told = { id: '1'.repeat(32), containerName: 'web' };

describe('an exception', () => {
  test('caps where the container ID is that of a container with its image', async () => {
    const { open, created } = scene({ policies: [aPolicy({ exceptions: [EXCEPTION] })] });
    await open(aDetection(told));
    expect(created[0]?.spec.trigger.policies[0]).toMatchObject({ actions: [], cap: { name: 'agent' } });
  });

  test('caps nothing where only the name of a container is told', async () => {
    const { open, created } = scene({ policies: [aPolicy({ exceptions: [EXCEPTION] })] });
    await open(aDetection(told, { podUid: POD.uid, containerId: 'f'.repeat(12) }));
    expect(created).toHaveLength(1);
    expect(created[0]?.spec.trigger.policies[0]).not.toHaveProperty('cap');
    expect(created[0]?.spec.trigger.policies[0]?.actions).toContain('Evict');
  });
});
