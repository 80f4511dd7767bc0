/** For tests: what a pod listens on is taken to be on this process's own loopback. */
import { connect } from 'node:net';
import type { OpenPodDialer } from '../network/pod-dialer.ts';

export const openLocalDialer: OpenPodDialer = () => ({
  dial: (port) =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
      socket.once('connect', () => resolve(socket));
      socket.once('error', () => reject(new Error(`dial tcp4 127.0.0.1:${port}: connect: connection refused`)));
    }),
  close: () => {},
});
