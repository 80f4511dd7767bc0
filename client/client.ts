/** The only road to the API server: one client per process, a typed `ResourceClient` per resource, undici underneath. */
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { decodeReview } from './object-decoder.ts';
import { createResourceClient, type ResourceClient } from './resource-client.ts';
import { collectionPath } from './resource-path.ts';
import { createTransport, type Transport } from './transport.ts';

export interface ClientOptions {
  /** `https://apiserver:6443` */
  readonly server: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** PEM certificate and key; without them the client is anonymous unless `token` is given. */
  readonly certificate?: string;
  readonly key?: string;
  /** A bearer token, read anew for each request because projected tokens rotate. */
  readonly token?: () => string;
  /** `kubelet/worker-1`: what the server's logs and managedFields call this client. */
  readonly userAgent: string;
}

export interface Client {
  resource<T extends ApiObject>(type: ResourceType<T>): ResourceClient<T>;
  /** POST of a kind that is answered at once and kept nowhere: a SubjectAccessReview. */
  review<T extends ApiObject>(type: ResourceType<T>, object: Draft<T>): Promise<T>;
  /** GET of any path (`/readyz`, `/version`): the status and the text. */
  getText(path: string): Promise<{ readonly statusCode: number; readonly text: string }>;
  close(): Promise<void>;
}

/** A client over whatever carries its requests: a connection, or a server in the same process. */
export function createClientOver(transport: Transport): Client {
  return {
    resource: (type) => createResourceClient(type, transport),
    review: async (type, object) =>
      decodeReview(type, await transport.request({ method: 'POST', path: collectionPath(type, object.metadata.namespace), body: object })),
    getText: (path) => transport.getText(path),
    close: () => transport.close(),
  };
}

/** Connects on first use. Close it when done: watches and kept-alive connections would keep the process alive. */
export function createClient(options: ClientOptions): Client {
  return createClientOver(createTransport(options));
}
