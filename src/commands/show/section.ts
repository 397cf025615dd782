// What one incident is shown as.

/** A section: a title, and rows of name and text. */
export interface ShowSection {
  title: string;
  rows: [string, string][];
  /** Commands: each on a line of its own, never wrapped. */
  commands?: [command: string, does: string][];
}
