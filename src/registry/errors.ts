// What a registry does that ends a request.

/** Why a registry gave nothing; the message is a clause for people. */
export class RegistryError extends Error {
  readonly reason: 'NotAllowed' | 'NotFound' | 'Denied' | 'Answer' | 'TooLarge' | 'WrongBytes';

  constructor(reason: RegistryError['reason'], message: string) {
    super(message);
    this.name = 'RegistryError';
    this.reason = reason;
  }
}
