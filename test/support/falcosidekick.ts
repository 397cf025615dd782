// Sends alerts over TLS as Falcosidekick does (outputs/client.go and config.go of falcosecurity/falcosidekick).
import { request, type RequestOptions } from 'node:https';
import { json } from 'node:stream/consumers';

/** What it is configured with. */
export interface Sender {
  /** `webhook.address`; the certificate has to be for its host, wherever `intake` is. */
  host: string;
  /** PEM of `tlsclient.cacertfile`, and of `mutualtlsclient` if there is one. */
  tls: Pick<RequestOptions, 'ca' | 'cert' | 'key'>;
  /** `WEBHOOK_CUSTOMHEADERS`. */
  customHeaders?: string;
}

/** What the intake answered. */
export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** Posts one alert to the URL of an intake. Rejects if there is no answer, or the server is not to be trusted. */
export async function postAlert(
  intake: string | undefined,
  alert: Record<string, unknown>,
  { host, tls, customHeaders = '' }: Sender,
): Promise<Answer> {
  const headers = {
    ...headersOf(customHeaders),
    'user-agent': 'Falcosidekick',
    'content-type': 'application/json; charset=utf-8',
  };
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const options = { ...tls, servername: host, method: 'POST', headers, agent: false };
  const sent = request(new URL('/v1/falco', intake), options, (response) => {
    const answer = json(response) as Promise<Answer['body']>;
    answer.then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
  });
  sent.on('error', reject).end(`${JSON.stringify(alert)}\n`);
  return promise;
}

/** `key:value,key:value`; an entry with another number of colons is dropped without a word. */
function headersOf(customHeaders: string): Record<string, string> {
  const entries = customHeaders.split(',').map((entry) => entry.split(':'));
  return Object.fromEntries(entries.filter((entry) => entry.length === 2) as [string, string][]);
}
