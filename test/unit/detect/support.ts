// Builders that the tests of this room share.
import type { LightMyRequestResponse } from 'fastify';
import type { Detection, ToldIdentity } from '../../../src/api/detection.ts';
import { parseFalco } from '../../../src/detect/falco.ts';
import type { OutcomeName } from '../../../src/detect/outcome.ts';
import type { Intake, Submission } from '../../../src/detect/intake.ts';
import { createWebhook, type Webhook, type WebhookOptions } from '../../../src/detect/webhook.ts';
import type { Logger } from '../../../src/observe/log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

export const TOKEN = 'a-token-of-enough-characters';
export const RECEIVED_AT = '2026-11-22T00:00:00.000Z';

/** A well-formed alert; `fields` go over its output fields, `rest` over its keys. */
export function alert(fields: object = {}, rest: object = {}): Record<string, unknown> {
  return {
    hostname: 'node-1',
    output: 'text for people',
    priority: 'Critical',
    rule: 'DIE Binary Drift Executed',
    source: 'syscall',
    tags: ['container', 'drift'],
    time: '2026-11-22T18:01:30.725094322Z',
    output_fields: {
      'container.id': '2349fe66d55b',
      'container.name': 'app',
      'k8s.ns.name': 'shop',
      'k8s.pod.name': 'cart-0',
      'k8s.pod.uid': '11111111-2222-3333-4444-555555555555',
      'proc.exepath': '/tmp/nc',
      'proc.pid': 6787,
      ...fields,
    },
    ...rest,
  };
}

/** Reads an alert that must be one. */
export function detected(body: unknown): Detection {
  const result = parseFalco(body, RECEIVED_AT);
  if (result.kind !== 'Detection') throw new Error(`not a detection but ${JSON.stringify(result)}`);
  return result.detection;
}

/** A detection with that number as its id. */
export function detection(id: number, identity: ToldIdentity = {}): Detection {
  return {
    summary: {
      id: id.toString(16).padStart(32, '0'),
      source: 'Falco',
      rule: 'DIE Binary Drift Executed',
      severity: 'Critical',
      time: '2026-11-22T18:01:30.725094322Z',
      receivedAt: RECEIVED_AT,
    },
    identity,
    tags: [],
    fields: {},
  };
}

/** An intake that keeps what it gets and ends everything as opened. */
export class RecordingIntake implements Intake {
  readonly detections: Detection[] = [];
  answer: () => Submission = () => ({
    accepted: true,
    outcome: Promise.resolve({ outcome: 'Opened', incident: 'shop/cart-0-1', message: 'opened' }),
    durable: Promise.resolve(),
  });

  submit(submitted: Detection): Submission {
    this.detections.push(submitted);
    return this.answer();
  }
}

/** A log that keeps its lines. */
export class RecordingLog implements Logger {
  readonly lines: { level: string; fields: object; message: string }[] = [];
  readonly debug = this.#writer('debug');
  readonly info = this.#writer('info');
  readonly warn = this.#writer('warn');
  readonly error = this.#writer('error');

  child(): Logger {
    return this;
  }

  /** Everything that was logged, as one text to search. */
  get text(): string {
    return JSON.stringify(this.lines);
  }

  #writer(level: string): (fields: object, message: string) => void {
    return (fields, message) => void this.lines.push({ level, fields, message });
  }
}

/** A webhook with everything around it recorded. */
export class WebhookBench {
  readonly intake = new RecordingIntake();
  readonly log = new RecordingLog();
  readonly clock = new VirtualClock();
  readonly counted: (OutcomeName | number)[] = [];
  readonly webhook: Webhook;
  tokens: readonly string[] = [TOKEN];

  constructor(options: Partial<WebhookOptions> = {}) {
    this.webhook = createWebhook({
      intake: this.intake,
      tokens: () => this.tokens,
      clock: this.clock,
      log: this.log,
      metrics: {
        detection: (outcome) => void this.counted.push(outcome),
        rejected: (status) => void this.counted.push(status),
      },
      ...options,
    });
  }

  /** Posts a body as a sender with a valid token would; header values of undefined leave the header out. */
  post(
    body: string | Buffer,
    headers: Record<string, string | undefined> = {},
  ): Promise<LightMyRequestResponse> {
    const all = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers };
    return this.webhook.inject({
      method: 'POST',
      url: '/v1/falco',
      payload: body,
      headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)),
    });
  }
}
