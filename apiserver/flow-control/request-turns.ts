/**
 * Between an HTTP request and flow control: what the request will probably cost, from its headers and from how much of the resource is stored; which headers tell its
 * client how it was classified; when its turn is over. Called by `server.ts` for every request.
 */
import type { RequestInfo } from '../request/request-info.ts';
import type { User } from '../request/user.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { storagePrefix } from '../storage-key.ts';
import { estimateWorkMs, spentWorkMs } from './estimate-work.ts';
import type { FlowControl } from './flow-control.ts';

export interface TurnRequest {
  readonly info: RequestInfo;
  readonly user: User;
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
  readonly contentLength: string | undefined;
}

export interface RequestTurn {
  /** For the answer, whatever it is. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined when the request may go on at once. Rejects with TooManyRequests. */
  readonly admitted: Promise<void> | undefined;
  /** How long the answer is: tells what the request has cost. */
  answerBytes: number;
  /** The answer is written, or the client has gone; a watch: it has shown what there was. */
  end(): void;
}

export interface RequestTurns {
  begin(request: TurnRequest): RequestTurn;
}

/** Forms that no object is stored in. */
const REENCODED = /protobuf|yaml|as=/;

const NOTHING = { objects: 0, bytes: 0 };

export interface RequestTurnsDeps {
  readonly flowControl: Pick<FlowControl, 'begin'>;
  readonly resources: Pick<ResourceRegistry, 'find'>;
  readonly cache: Pick<WatchCache, 'extent'>;
}

export function createRequestTurns({ flowControl, resources, cache }: RequestTurnsDeps): RequestTurns {
  function extentOf(info: RequestInfo) {
    const definition = info.isResource ? resources.find(info.group, info.version, info.resource) : undefined;
    if (!info.isResource || definition === undefined) return NOTHING;
    return cache.extent(storagePrefix(definition.type, info.namespace));
  }

  return {
    begin: ({ info, user, query, accept = '', contentLength = '0' }) => {
      const isReencoded = info.verb === 'list' && REENCODED.test(accept);
      const stored = () => extentOf(info);
      const workMs = () => estimateWorkMs({ info, query, bodyBytes: Number(contentLength) || 0, isReencoded, stored });
      const { schemaUid, levelUid, admitted, end } = flowControl.begin({ info, user }, workMs);
      const turn: RequestTurn = {
        headers: headersOf(schemaUid, levelUid),
        admitted,
        answerBytes: 0,
        end: () => end(turn.answerBytes === 0 ? undefined : spentWorkMs({ info, isReencoded }, turn.answerBytes)),
      };
      return turn;
    },
  };
}

/** Until the objects are stored they have no uids. */
function headersOf(schemaUid: string, levelUid: string): Readonly<Record<string, string>> {
  if (schemaUid === '' || levelUid === '') return {};
  return { 'x-kubernetes-pf-flowschema-uid': schemaUid, 'x-kubernetes-pf-prioritylevel-uid': levelUid };
}
