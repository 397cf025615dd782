// Whether a network has an address, by what /proc/PID/net says of it.
import { isIPv4, SocketAddress } from 'node:net';

/** Contents of `fib_trie` and `if_inet6`. */
export interface AddressTables {
  v4: string;
  v6: string;
}

/** An address as the tables write it. */
export interface AddressForms {
  v4?: string;
  v6?: string;
}

/** See {@link AddressForms}. @param address an IP address. */
export function addressForms(address: string): AddressForms {
  if (isIPv4(address)) return { v4: address };
  const { address: canonical } = new SocketAddress({ address, family: 'ipv6' });
  return { v6: expanded(canonical) };
}

/** Whether the address is one of the network's own, and not only one that it has a route to. */
export function hasAddress({ v4, v6 }: AddressTables, forms: AddressForms): boolean {
  if (forms.v4 !== undefined) return localAddresses(v4).has(forms.v4);
  return v6.split('\n').some((line) => line.startsWith(`${forms.v6} `));
}

// `|-- 10.0.0.7`, and in one of the lines below it `/32 host LOCAL`.
function localAddresses(trie: string): Set<string> {
  const local = new Set<string>();
  let last: string | undefined;
  for (const line of trie.split('\n')) {
    last = /\|-- ([0-9.]+)/.exec(line)?.[1] ?? last;
    if (last !== undefined && /^\s*\/32 host LOCAL/.test(line)) local.add(last);
  }
  return local;
}

/** 32 hexadecimal digits. */
function expanded(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array<string>(tail === undefined ? 0 : 8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('');
}
