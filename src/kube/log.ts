// What this room needs of a logger: observe/log.ts satisfies it, and kube stays below observe.

/** A structured logger. Errors are given as `err`. */
export interface Log {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
