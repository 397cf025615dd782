// What the tests call things on a NATS server: the defaults of the settings.

/** See the file's first line. */
export const NAMES = {
  stream: 'FALCO',
  consumer: 'die-operator',
  subject: 'falco.>',
  deadLetters: 'FALCO_DEAD_LETTERS',
};
