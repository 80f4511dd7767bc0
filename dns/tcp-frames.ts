/** DNS over a TCP stream: each message comes after its length in two bytes (RFC 1035, 4.2.2). Used by the server and by the forwarder. */

const LENGTH_BYTES = 2;

export function encodeFrame(message: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Takes the stream's chunks as they come and hands over whole messages. What it holds is never more than one message and one chunk. */
export function createFrameReader(onMessage: (message: Buffer) => void): (chunk: Buffer | string) => void {
  let held: Buffer = Buffer.alloc(0);
  return (chunk) => {
    held = Buffer.concat([held, Buffer.from(chunk)]);
    while (held.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + held.readUInt16BE(0);
      if (held.length < end) return;
      const message = held.subarray(LENGTH_BYTES, end);
      held = held.subarray(end);
      onMessage(message);
    }
  };
}
