// Finding, making and judging what is on the server.
import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import { attach, type JetStreamAdmin } from '../../../../src/detect/stream/attach.ts';
import {
  COMMANDS,
  wantedConsumer,
  wantedDeadLetters,
  wantedStream,
} from '../../../../src/detect/stream/wanted.ts';
import { NAMES } from '../../../support/nats-names.ts';

class ApiError extends Error {
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** A server that keeps what is made, as far as `attach` looks. */
class FakeServer implements JetStreamAdmin {
  readonly made: string[] = [];
  readonly configs = new Map<string, object>();
  /** Called before something is made; throws to refuse. */
  refuse: (name: string) => void = () => {};

  readonly streams = {
    info: (name: string) => this.#info<StreamInfo>(name, 10_059),
    add: (config: object & { name: string }) => this.#add<StreamInfo>(config.name, config),
  } as JetStreamAdmin['streams'];

  readonly consumers = {
    info: (_stream: string, name: string) => this.#info<ConsumerInfo>(name, 10_014),
    add: (_stream: string, config: object & { durable_name: string }) =>
      this.#add<ConsumerInfo>(config.durable_name, config),
  } as unknown as JetStreamAdmin['consumers'];

  async #info<Info>(name: string, code: number): Promise<Info> {
    const config = this.configs.get(name);
    if (!config) throw new ApiError('not found', code);
    return { config } as Info;
  }

  async #add<Info>(name: string, config: object): Promise<Info> {
    this.refuse(name);
    this.made.push(name);
    this.configs.set(name, config);
    return { config } as Info;
  }
}

function complete(): FakeServer {
  const server = new FakeServer();
  server.configs.set(NAMES.stream, wantedStream(NAMES));
  server.configs.set(NAMES.deadLetters, wantedDeadLetters(NAMES));
  server.configs.set(NAMES.consumer, wantedConsumer(NAMES));
  return server;
}

describe('what exists', () => {
  it('is used as it is, and nothing is made', async () => {
    const server = complete();
    const { consumer, risky } = await attach(server, NAMES, true);
    expect(consumer.config).toEqual(wantedConsumer(NAMES));
    expect(risky).toEqual([]);
    expect(server.made).toEqual([]);
  });

  it('is told about if it is risky, all of it', async () => {
    const server = complete();
    server.configs.set(NAMES.stream, { ...wantedStream(NAMES), storage: 'memory' });
    server.configs.set(NAMES.consumer, { ...wantedConsumer(NAMES), max_deliver: 3 });
    const { risky } = await attach(server, NAMES, true);
    expect(risky).toEqual([expect.stringMatching(/in memory/), expect.stringMatching(/3 deliveries/)]);
  });

  it('is refused if it cannot be used, with all reasons', async () => {
    const server = complete();
    server.configs.set(NAMES.stream, { ...wantedStream(NAMES), subjects: ['x'] });
    server.configs.set(NAMES.consumer, { ...wantedConsumer(NAMES), ack_policy: 'none' });
    await expect(attach(server, NAMES, true)).rejects.toThrow(
      /does not capture.*; consumer .* ack policy none/,
    );
    expect(server.made).toEqual([]);
  });
});

describe('what is missing', () => {
  it('is made if that is allowed', async () => {
    const server = new FakeServer();
    await attach(server, NAMES, true);
    expect(server.made).toEqual([NAMES.stream, NAMES.deadLetters, NAMES.consumer]);
    expect(server.configs).toEqual(complete().configs);
  });

  it.each([
    [NAMES.stream, COMMANDS.stream(NAMES)],
    [NAMES.deadLetters, COMMANDS.deadLetters(NAMES)],
    [NAMES.consumer, COMMANDS.consumer(NAMES)],
  ])('is not made if it is not: %s, with the command', async (name, command) => {
    const server = complete();
    server.configs.delete(name);
    const failure = attach(server, NAMES, false);
    await expect(failure).rejects.toThrow(/does not exist\. Make it with.*--create-stream/);
    await expect(failure).rejects.toThrow(command);
    expect(server.made).toEqual([]);
  });

  it('may be made by another receiver in the same moment', async () => {
    const server = complete();
    server.configs.delete(NAMES.consumer);
    server.refuse = (name) => {
      server.configs.set(name, wantedConsumer(NAMES));
      throw new ApiError('consumer already exists', 10_148);
    };
    expect((await attach(server, NAMES, true)).consumer.config).toEqual(wantedConsumer(NAMES));
  });

  it('is judged also when another one made it', async () => {
    const server = complete();
    server.configs.delete(NAMES.stream);
    server.refuse = (name) => {
      server.configs.set(name, { ...wantedStream(NAMES), subjects: ['x'] });
      throw new ApiError('stream name already in use with a different configuration', 10_058);
    };
    await expect(attach(server, NAMES, true)).rejects.toThrow(/does not capture/);
  });

  it('is named with the reason when it cannot be made', async () => {
    const server = new FakeServer();
    server.refuse = () => {
      throw new ApiError('insufficient storage resources available', 10_047);
    };
    await expect(attach(server, NAMES, true)).rejects.toThrow(
      /^stream FALCO does not exist and could not be made \(`nats stream add.*raise `max_file_store`/,
    );
  });
});

it('says that it may not look, and then makes nothing', async () => {
  const server = complete();
  server.streams.info = () =>
    Promise.reject(new Error('Permissions Violation for Publish to "$JS.API.STREAM.INFO"'));
  await expect(attach(server, NAMES, true)).rejects.toThrow(
    /could not be looked up: the server does not allow it/,
  );
  expect(server.made).toEqual([]);
});
