// The network of a pod as a picture: who reaches it on the left, whom it reaches on the right; each way has its word on it.
import { html, type Safe } from './html.ts';
import type { NetworkPicture, Way } from './model.ts';
import { visible } from './visible.ts';

const WIDTH = 1100;
const BOX = { width: 230, height: 64 };
const PEER = { width: 320, height: 34 };
const ROW = 48;
const MARGIN = 14;
/** Characters that have room in a box. */
const MAX_LABEL = 44;

const WORDS: Readonly<Record<Way['state'], string>> = { Open: 'open', Cut: '✕ cut', Denied: '? denied' };

/** An SVG element for the page; its style sheet colours it. */
export function picture({ pod, ways, title }: NetworkPicture): Safe {
  const incoming = ways.filter(({ direction }) => direction === 'In');
  const outgoing = ways.filter(({ direction }) => direction === 'Out');
  const height = Math.max(incoming.length, outgoing.length, 2) * ROW + 2 * MARGIN;
  const middle = height / 2;
  const x = (WIDTH - BOX.width) / 2;
  return html`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${`${title}. ${describe(ways)}`}">
    ${incoming.map((way, index) => arm(way, rowAt(index, incoming.length, height), middle))}
    ${outgoing.map((way, index) => arm(way, rowAt(index, outgoing.length, height), middle))}
    <rect
      class="box"
      x="${x}"
      y="${middle - BOX.height / 2}"
      width="${BOX.width}"
      height="${BOX.height}"
      rx="6"
    />
    <text x="${WIDTH / 2}" y="${middle - 6}" text-anchor="middle">pod</text>
    <text x="${WIDTH / 2}" y="${middle + 14}" text-anchor="middle">${label(pod, 30)}</text>
  </svg>`;
}

function rowAt(index: number, count: number, height: number): number {
  return (height * (index + 0.5)) / count;
}

/** A peer, the line between it and the pod with its direction, and the word on the line. */
function arm({ direction, peer, state }: Way, y: number, middle: number): Safe {
  const isIn = direction === 'In';
  const left = isIn ? 1 : WIDTH - PEER.width - 1;
  const peerEnd = isIn ? left + PEER.width : left;
  const podEnd = (WIDTH + (isIn ? -BOX.width : BOX.width)) / 2;
  const atPod = middle + Math.max(-22, Math.min(22, (y - middle) / 4));
  const [fromX, fromY, toX, toY] = isIn ? [peerEnd, y, podEnd, atPod] : [podEnd, atPod, peerEnd, y];
  const kind = state.toLowerCase();
  const tip =
    state === 'Open'
      ? html`<polygon
          class="${`tip ${kind}`}"
          points="${`${toX},${toY} ${toX - 11},${toY - 5} ${toX - 11},${toY + 5}`}"
        />`
      : [];
  return html`<g
    ><line
      class="${`way ${kind}`}"
      x1="${fromX}"
      y1="${fromY}"
      x2="${toX - (state === 'Open' ? 8 : 0)}"
      y2="${toY}"
    />${tip}
    <text class="word" x="${(fromX + toX) / 2}" y="${(fromY + toY) / 2 + 4}" text-anchor="middle"
      >${WORDS[state]}</text
    >
    <rect
      class="peer"
      x="${left}"
      y="${y - PEER.height / 2}"
      width="${PEER.width}"
      height="${PEER.height}"
      rx="5"
    />
    <text x="${left + PEER.width / 2}" y="${y + 5}" text-anchor="middle">${label(peer, MAX_LABEL)}</text></g
  > `;
}

function describe(ways: readonly Way[]): string {
  return ways
    .map(
      ({ direction, peer, state }) => `${direction === 'In' ? 'From' : 'To'} ${peer}: ${state.toLowerCase()}`,
    )
    .join('. ');
}

// The table below has the whole text; here its length must not move anything. A named character is several wide.
function label(text: string, max: number): string {
  const shown = visible(text, max + 1);
  return shown.length <= max
    ? shown
    : `${Array.from(shown)
        .slice(0, max - 1)
        .join('')}…`;
}
