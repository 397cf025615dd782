// Why a condition is refused.

/** A sentence for people, and the node of the tree that it is about. Stays inside this room. */
export class Refusal extends Error {
  readonly nodeId: bigint;

  constructor(nodeId: bigint, message: string) {
    super(message);
    this.name = 'Refusal';
    this.nodeId = nodeId;
  }
}
