/**
 * A program: connects to ports of the network namespace it was started in and hands the connections to its parent. `pod-dialer.ts` starts it through `nsenter` and asks
 * by message, `{ id, port }`. It ends when its parent lets go.
 */
import { Socket } from 'node:net';

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EADDRNOTAVAIL: 'connect: cannot assign requested address',
};

process.on('message', (message: unknown) => {
  const field = (name: string): number => Number(typeof message === 'object' && message !== null ? Reflect.get(message, name) : Number.NaN);
  dial(field('id'), field('port'));
});
process.on('disconnect', () => process.exit());

function dial(id: number, port: number): void {
  const socket = new Socket();
  // Not a byte may be read here: what an app says first belongs to whoever gets the connection.
  socket.pause();
  socket.on('error', (error) => {
    const code = 'code' in error ? String(error.code) : '';
    process.send?.({ id, error: `dial tcp4 127.0.0.1:${port}: ${words[code] ?? error.message}` });
  });
  socket.on('connect', () => process.send?.({ id }, socket));
  socket.connect({ host: '127.0.0.1', port });
}
