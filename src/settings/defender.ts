// Settings of alerts that come from Microsoft Defender for Cloud.
import { z } from 'zod';

/** Alert types of drift in a container, as Defender for Cloud and queries for it name them. */
export const DEFENDER_ALERT_TYPES = [
  'K8S.NODE_ImageBinaryDrift',
  'K8S.NODE_DriftDetection',
  'K8S.NODE_DriftBlocked',
] as const;

const RESOURCE_ID = /^\/subscriptions\/[^/\s]+(?:\/[^/\s]+)+\/?$/i;

/** See the file's first line. */
export const DEFENDER_SETTINGS = {
  defenderClusterResourceId: z
    .string()
    .max(1024)
    .regex(
      RESOURCE_ID,
      'must be a resource ID such as /subscriptions/…/providers/Microsoft.ContainerService/managedClusters/NAME (`az aks show --query id`)',
    )
    .optional()
    .describe(
      'Azure resource ID of this cluster: only alerts of Microsoft Defender for Cloud that are about it are taken. Absent: ' +
        '/v1/defender is not served.',
    ),
  defenderAlertTypes: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(64)
    .default([...DEFENDER_ALERT_TYPES])
    .describe(
      'Alert types of Microsoft Defender for Cloud that are drift, whatever the case of their letters; others are answered as Ignored.',
    ),
};

/** What the way in for Defender for Cloud is built from; empty: it is not served. */
export function defenderOf({
  defenderClusterResourceId: clusterResourceId,
  defenderAlertTypes: alertTypes,
}: {
  defenderClusterResourceId?: string | undefined;
  defenderAlertTypes: readonly string[];
}): { defender?: { clusterResourceId: string; alertTypes: readonly string[] } } {
  return clusterResourceId === undefined ? {} : { defender: { clusterResourceId, alertTypes } };
}
