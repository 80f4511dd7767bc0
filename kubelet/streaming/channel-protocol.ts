/**
 * How one WebSocket carries several streams: each message begins with the number of its channel. Pure: the versions of that protocol there are, and a message's bytes
 * both ways. `web-socket-streams.ts` reads and writes by it.
 * Source: upstream's apimachinery, pkg/util/httpstream/wsstream and pkg/util/remotecommand/constants.go.
 */

/** The first three are the file descriptors they stand for. */
export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

export interface ChannelProtocol {
  /** As `Sec-WebSocket-Protocol` says it; empty for clients that ask for none. */
  readonly name: string;
  /** Text messages: the channel as a digit, the rest in base64. Browsers of old could do no better. */
  readonly isBase64: boolean;
  /** Whether the last word is a Status rather than text that is only there for a failure. */
  readonly hasJsonStatus: boolean;
}

/** Version 5 adds the close channel, which the others never use; versions 2 and 3 exist over SPDY alone. */
export const channelProtocols: readonly ChannelProtocol[] = [
  { name: 'v5.channel.k8s.io', isBase64: false, hasJsonStatus: true },
  { name: 'v4.channel.k8s.io', isBase64: false, hasJsonStatus: true },
  { name: 'v4.base64.channel.k8s.io', isBase64: true, hasJsonStatus: true },
  { name: 'channel.k8s.io', isBase64: false, hasJsonStatus: false },
  { name: 'base64.channel.k8s.io', isBase64: true, hasJsonStatus: false },
  { name: '', isBase64: false, hasJsonStatus: false },
];

export interface ChannelMessage {
  readonly channel: number;
  readonly bytes: Buffer;
}

const DIGIT_ZERO = 0x30;

export function encodeMessage({ isBase64 }: ChannelProtocol, { channel, bytes }: ChannelMessage): Buffer | string {
  return isBase64 ? `${channel}${bytes.toString('base64')}` : Buffer.concat([Buffer.of(channel), bytes]);
}

/** Undefined for an empty message, which means nothing. */
export function decodeMessage({ isBase64 }: ChannelProtocol, message: Buffer): ChannelMessage | undefined {
  const [first] = message;
  if (first === undefined) return undefined;
  const rest = message.subarray(1);
  if (!isBase64) return { channel: first, bytes: rest };
  return { channel: first - DIGIT_ZERO, bytes: Buffer.from(rest.toString('latin1'), 'base64') };
}

/** The first of a client's wishes that is served; no wish is a wish for the oldest. Undefined: none of them. */
export function chooseProtocol<P extends { readonly name: string }>(served: readonly P[], wishes: readonly string[]): P | undefined {
  for (const wish of wishes.length === 0 ? [''] : wishes) {
    const found = served.find(({ name }) => name === wish);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A header that may be repeated and may hold several words. */
export function wordsOf(header: string | readonly string[] | undefined): readonly string[] {
  return [header ?? []]
    .flat()
    .flatMap((line) => line.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
