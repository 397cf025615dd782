// Structured logs.
import { pino, type DestinationStream } from 'pino';
import { OPERATOR_NAME } from '../api/names.ts';

/** The part of a logger that the rooms use. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

/** Levels that can be set. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** See {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A JSON logger to standard error, or to `destination`. Errors are given as `err`. */
export function createLogger(level: LogLevel, destination: DestinationStream = pino.destination(2)): Logger {
  return pino(
    { level, base: { name: OPERATOR_NAME }, timestamp: pino.stdTimeFunctions.isoTime },
    destination,
  );
}

/** Logs nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
