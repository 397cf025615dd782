// The settings of alerts of Defender for Cloud: which cluster this is, and which alerts are drift.
import { describe, expect, test } from 'vitest';
import { readSettings } from '../../../src/settings.ts';
import { DEFENDER_ALERT_TYPES, defenderOf } from '../../../src/settings/defender.ts';
import { CLUSTER } from '../../support/defender-alerts.ts';

const TOKEN = { tokenFile: '/tokens' };

describe('alerts of Defender', () => {
  test('are not taken unless the cluster is named', () => {
    expect(defenderOf(readSettings(TOKEN))).toEqual({});
  });

  test('are those of drift, or of the types that are given', () => {
    const defenderClusterResourceId = CLUSTER;
    expect(defenderOf(readSettings({ ...TOKEN, defenderClusterResourceId }))).toEqual({
      defender: { clusterResourceId: CLUSTER, alertTypes: DEFENDER_ALERT_TYPES },
    });
    const given = { ...TOKEN, defenderClusterResourceId, defenderAlertTypes: ['K8S.NODE_Mine'] };
    expect(defenderOf(readSettings(given)).defender?.alertTypes).toEqual(['K8S.NODE_Mine']);
  });

  test.each([
    ['a name', { defenderClusterResourceId: 'shop-aks' }, /--defender-cluster-resource-id: .*az aks show/],
    ['a subscription', { defenderClusterResourceId: '/subscriptions/x' }, /--defender-cluster-resource-id/],
    ['no types', { defenderAlertTypes: [] }, /--defender-alert-types/],
  ])('cannot be set to %s', (_, given, message) => {
    expect(() => readSettings({ ...TOKEN, ...given })).toThrow(message);
  });
});
