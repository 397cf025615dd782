// What is asked from within a network, by a process that was started there: which address it would send from, and whether a
// packet may leave. Nothing is sent to find out the first; the second sends one empty datagram.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

/** Discard (RFC 863): whoever gets the datagram does nothing about it. */
const DISCARD_PORT = 9;

/** What was found out about one address. */
export interface InsideReport {
  /** The address from which this network would send there; absent if it has no way there. */
  source?: string;
  /** Code of the error with which sending there fails, such as `EPERM`, or why it did not come to that; absent if it works. */
  refused?: string;
}

/** Finds out both about an IP address. @throws never. */
export async function lookInside(address: string, sends: boolean): Promise<InsideReport> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  try {
    socket.connect(DISCARD_PORT, address);
    await once(socket, 'connect');
    const { address: source } = socket.address();
    const refused = sends ? await errorOfSending(socket) : undefined;
    return { source, ...(refused !== undefined && { refused }) };
  } catch (error) {
    // Nothing was sent that a firewall could have refused.
    return { refused: `${codeOf(error)} before it was sent` };
  } finally {
    socket.close();
  }
}

// A firewall that drops what a process sends lets it know.
function errorOfSending(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    socket.send('', (error) => resolve(error ? codeOf(error) : undefined));
  });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
