/**
 * One side of a SPDY/3.1 connection: many streams over one pair of byte streams. A kubelet answers; tests ask. SPDY's windows are not kept, because the other side,
 * upstream's, keeps none either: a stream that is not read stops the whole connection, so whoever does not want one must destroy it. Called with a bare connection
 * (`Upgrade: SPDY/3.1`) or with a WebSocket as one (port-forward). Source: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/ and moby/spdystream.
 */
import { Duplex } from 'node:stream';
import type { Clock } from '#component/clock.ts';
import { DATA_BYTES_MAX, encodeFrame, parseFrames, resetCodes, type SpdyFrame } from './spdy-frames.ts';
import { createHeaderReader, createHeaderWriter, type SpdyHeaders } from './spdy-header-block.ts';

export interface SpdyStream {
  readonly id: number;
  readonly headers: SpdyHeaders;
  /** Ending it ends our half; destroying it resets the stream. */
  readonly bytes: Duplex;
}

export interface SpdySession {
  /** Reads until the connection ends, which ends every stream. Rejects when what comes is no SPDY. */
  run(): Promise<void>;
  /** Throws when there are too many. */
  open(headers: SpdyHeaders): SpdyStream;
  /** No new streams, then the end of the connection, once everything written so far is sent. */
  close(): Promise<void>;
}

export interface SpdySessionOptions {
  readonly role: 'client' | 'server';
  /** A stream that the other side opened. What it throws refuses the stream. */
  onStream(stream: SpdyStream): void;
  readonly clock: Clock;
}

/** Two for each connection that is forwarded at the same time; a browser opens six to a server. */
const STREAMS_MAX = 1_000;

/** What the other side may take to end its half once we have ended ours. */
const FAREWELL_MS_MAX = 5_000;

interface OpenStream {
  readonly stream: SpdyStream;
  /** Called when its reader has made room. */
  resume: () => void;
  hasEnded: boolean;
}

export function createSpdySession(connection: Duplex, { role, onStream, clock }: SpdySessionOptions): SpdySession {
  const streams = new Map<number, OpenStream>();
  const headerReader = createHeaderReader();
  const headerWriter = createHeaderWriter();
  let nextId = role === 'client' ? 1 : 2;
  let lastId = 0;
  connection.on('error', () => {});

  /** Resolves when the connection has taken it. */
  function send(frame: SpdyFrame): Promise<void> {
    return new Promise((resolve, reject) => connection.write(encodeFrame(frame), (error) => (error ? reject(error) : resolve())));
  }

  function sendAside(frame: SpdyFrame): void {
    send(frame).catch(() => {});
  }

  function add(id: number, headers: SpdyHeaders): OpenStream {
    const bytes = new Duplex({
      read: () => open.resume(),
      write: (chunk: Buffer, _encoding, done) => void sendData(id, chunk, false).then(() => done(), done),
      final: (done) => void sendData(id, Buffer.alloc(0), true).then(() => done(), done),
      destroy: (error, done) => {
        const wasOpen = streams.delete(id);
        open.resume();
        if (wasOpen && !(open.hasEnded && bytes.writableFinished))
          sendAside({ type: 'rstStream', streamId: id, statusCode: resetCodes.cancel });
        done(error);
      },
    });
    bytes.on('error', () => {});
    const open: OpenStream = { stream: { id, headers, bytes }, resume: () => {}, hasEnded: false };
    streams.set(id, open);
    return open;
  }

  async function sendData(streamId: number, bytes: Buffer, isLast: boolean): Promise<void> {
    for (let at = 0; at === 0 || at < bytes.length; at += DATA_BYTES_MAX) {
      await send({ type: 'data', streamId, bytes: bytes.subarray(at, at + DATA_BYTES_MAX), isLast });
    }
  }

  /** Resolves when its reader has room for more. */
  async function receive(open: OpenStream, piece: Buffer, isLast: boolean): Promise<void> {
    const { bytes } = open.stream;
    const hasRoom = piece.length === 0 || bytes.push(piece);
    if (isLast) {
      open.hasEnded = true;
      bytes.push(null);
    } else if (!hasRoom && !bytes.destroyed) {
      await new Promise<void>((resolve) => {
        open.resume = resolve;
      });
      open.resume = () => {};
    }
  }

  async function accept(id: number, headerBlock: Buffer, isLast: boolean): Promise<void> {
    const headers = await headerReader.read(headerBlock);
    lastId = id;
    if (streams.has(id)) throw new Error(`stream ${id} is opened twice`);
    if (streams.size >= STREAMS_MAX) return sendAside({ type: 'rstStream', streamId: id, statusCode: resetCodes.refusedStream });
    const open = add(id, headers);
    try {
      onStream(open.stream);
    } catch {
      open.stream.bytes.destroy();
      return;
    }
    sendAside({ type: 'synReply', streamId: id, headerBlock: headerWriter.write(new Map()), isLast: false });
    if (isLast) await receive(open, Buffer.alloc(0), true);
  }

  async function handle(frame: SpdyFrame): Promise<void> {
    switch (frame.type) {
      case 'synStream':
        return accept(frame.streamId, frame.headerBlock, frame.isLast);
      case 'data': {
        const open = streams.get(frame.streamId);
        // Data for a stream that is gone may have been under way when it went.
        return open === undefined || open.hasEnded ? undefined : receive(open, frame.bytes, frame.isLast);
      }
      case 'synReply':
      case 'headers': {
        // Read even when nobody wants them: the blocks of a connection are one compressed stream.
        await headerReader.read(frame.headerBlock);
        const open = streams.get(frame.streamId);
        return frame.isLast && open !== undefined && !open.hasEnded ? receive(open, Buffer.alloc(0), true) : undefined;
      }
      case 'rstStream': {
        const open = streams.get(frame.streamId);
        if (open === undefined) return;
        streams.delete(frame.streamId);
        return void open.stream.bytes.destroy(new Error('the stream was reset'));
      }
      case 'ping':
        // Each side's numbers are its own: odd ones are a client's.
        if ((frame.id % 2 === 1) === (role === 'server')) sendAside(frame);
        return;
      case 'goAway':
        return;
    }
  }

  return {
    run: async () => {
      try {
        for await (const frame of parseFrames(readBytes(connection))) await handle(frame);
        connection.end();
      } catch (error) {
        connection.destroy();
        throw error;
      } finally {
        headerReader.close();
        const left = [...streams.values()];
        streams.clear();
        for (const { stream } of left) stream.bytes.destroy(new Error('the connection has ended'));
      }
    },
    open: (headers) => {
      if (streams.size >= STREAMS_MAX) throw new Error('too many streams are open');
      const { stream } = add(nextId, headers);
      nextId += 2;
      sendAside({ type: 'synStream', streamId: stream.id, headerBlock: headerWriter.write(headers), isLast: false });
      return stream;
    },
    close: async () => {
      await send({ type: 'goAway', lastStreamId: lastId, statusCode: 0 }).catch(() => {});
      await new Promise<void>((resolve) => {
        if (connection.destroyed) return resolve();
        const cancel = clock.after(FAREWELL_MS_MAX, () => connection.destroy());
        connection.once('close', () => {
          cancel();
          resolve();
        });
        connection.end();
      });
    },
  };
}

/** A connection that breaks has ended. */
async function* readBytes(connection: Duplex): AsyncGenerator<Uint8Array> {
  try {
    // At the end of what it hears it may still have something to say.
    yield* connection.iterator({ destroyOnReturn: false });
  } catch {
    return;
  }
}
