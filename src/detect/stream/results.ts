// The closed sets of what can become of a message of the stream: labels of metrics, and reasons of dead letters.

/** What became of one delivery of a message. */
export const MESSAGE_RESULTS = [
  /** Its alert is safe or needs nothing, and the server confirmed that it is done. */
  'Acknowledged',
  /** The same, but the server did not confirm: it may come again, and then counts as a duplicate. */
  'Unconfirmed',
  /** The intake had no room: it comes again later. */
  'NoRoom',
  /** The alert could not be kept safe: it comes again later. */
  'NotDurable',
  /** It cannot be read, or came too often: copied to the dead letters with the reason, and ended. */
  'SetAside',
  /** It could not be copied to the dead letters: it comes again later. */
  'NotSetAside',
  /** This receiver stopped before it was done: it comes again at once. */
  'Returned',
  /** A defect of die-operator, logged: it comes again later. */
  'Failed',
] as const;

/** See {@link MESSAGE_RESULTS}. */
export type MessageResult = (typeof MESSAGE_RESULTS)[number];

/** Why a message was set aside. */
export const SET_ASIDE_REASONS = ['TooLarge', 'Unreadable', 'TooManyDeliveries'] as const;

/** See {@link SET_ASIDE_REASONS}. */
export type SetAsideReason = (typeof SET_ASIDE_REASONS)[number];
