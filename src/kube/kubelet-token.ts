// A token for kubelets: of an account that may do nothing but have checkpoints made, and for minutes. A node that somebody has
// taken over reads every token that is sent to its kubelet, so it never gets that of the responder.
import type { KubeObject } from '../api/meta.ts';
import { CHECKPOINT_ACCOUNT, SYSTEM_NAMESPACE } from '../api/names.ts';
import type { CallOptions, KubeClient } from './client.ts';
import { brokenAnswer } from './errors.ts';
import { SERVICE_ACCOUNTS } from './resources.ts';

/** The shortest time that the API server makes tokens for. */
const TOKEN_SECONDS = 600;

/** Has a token made. @throws KubeError, for one that the account is not there or may not be asked for. */
export async function kubeletToken(client: KubeClient, options?: CallOptions): Promise<string> {
  const at = { namespace: SYSTEM_NAMESPACE, name: CHECKPOINT_ACCOUNT, subresource: 'token' };
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: TOKEN_SECONDS },
  };
  const answer = await client.create<KubeObject>(SERVICE_ACCOUNTS, at, request, options);
  const { token } = (answer['status'] ?? {}) as { token?: unknown };
  if (typeof token === 'string' && token !== '') return token;
  throw brokenAnswer(
    `create a token of ${SYSTEM_NAMESPACE}/${CHECKPOINT_ACCOUNT}`,
    'the answer holds no token',
  );
}
