/**
 * One query, one response: what the cluster knows is answered from its state, the rest is forwarded, and an alias is followed to its addresses
 * because the clients' stub resolvers do not do that themselves. `server.ts` calls it for each message it receives.
 */
import { type Answer, decode, type Question } from 'dns-packet';
import type { Logger } from '#component/logger.ts';
import { Counter, type Registry } from '#component/metrics.ts';
import {
  contentOf,
  decodeQuery,
  encodeQuestion,
  encodeRefusal,
  encodeResponse,
  failure,
  type Query,
  type ResponseContent,
  responseCodes,
  type Transport,
} from './answer.ts';
import type { Forwarder } from './forward.ts';
import { findRecords, type Lookup, type Zone } from './records.ts';

/** An ExternalName may point at another; more than this is a circle, or as good as one. */
const ALIASES_MAX = 8;

export interface ResolverDeps {
  readonly zone: Zone;
  readonly forwarder: Forwarder;
  /** False until the cluster's state is known; until then its names are neither there nor not there. */
  readonly isReady: () => boolean;
  readonly registry: Registry;
  readonly log: Logger;
}

export interface Resolver {
  /** Undefined for what must not be answered. */
  answer(message: Buffer, transport: Transport): Promise<Buffer | undefined>;
}

export function createResolver(deps: ResolverDeps): Resolver {
  const queries = new Counter({
    name: 'keelson_dns_queries_total',
    help: 'Queries by what became of them.',
    labelNames: ['outcome'],
    registers: [deps.registry],
  });

  async function answerQuery(query: Query, transport: Transport): Promise<Buffer> {
    const lookup = findRecords(query.question, deps.zone);
    if (lookup.outcome === 'elsewhere') {
      queries.inc({ outcome: 'forwarded' });
      return passOn(query, transport);
    }
    if (!deps.isReady()) {
      queries.inc({ outcome: 'not-ready' });
      return encodeResponse(query, failure(responseCodes.serverFailure), transport);
    }
    queries.inc({ outcome: lookup.outcome });
    const content = lookup.outcome === 'alias' ? await followAlias(query.question, lookup) : contentOf(lookup);
    return encodeResponse(query, content, transport);
  }

  async function passOn(query: Query, transport: Transport): Promise<Buffer> {
    try {
      return await deps.forwarder.forward(query.bytes, transport);
    } catch (error) {
      deps.log.debug({ err: error, name: query.question.name }, 'forwarding failed');
      return encodeResponse(query, failure(responseCodes.serverFailure), transport);
    }
  }

  /** The alias and what it leads to. Who asks for the alias itself, or for something no alias has, gets it alone. */
  async function followAlias(question: Question, start: Extract<Lookup, { outcome: 'alias' }>): Promise<ResponseContent> {
    const answers: Answer[] = [...start.answers];
    const soFar = { ...contentOf(start), answers };
    if (question.type === 'CNAME') return soFar;
    let { target } = start;
    for (let count = 0; count < ALIASES_MAX; count += 1) {
      const lookup = findRecords({ ...question, name: target }, deps.zone);
      if (lookup.outcome === 'elsewhere') return followElsewhere({ ...question, name: target }, soFar);
      const content = contentOf(lookup);
      answers.push(...content.answers);
      if (lookup.outcome !== 'alias') return { ...content, answers };
      target = lookup.target;
    }
    return failure(responseCodes.serverFailure);
  }

  async function followElsewhere(question: Question, soFar: ResponseContent): Promise<ResponseContent> {
    try {
      const response = await deps.forwarder.forward(encodeQuestion(question), 'tcp');
      const { answers = [] } = decode(response);
      return { ...soFar, code: response.readUInt16BE(2) & 0x0f, answers: [...soFar.answers, ...answers] };
    } catch (error) {
      deps.log.debug({ err: error, name: question.name }, 'following an alias failed');
      return { ...soFar, code: responseCodes.serverFailure };
    }
  }

  return {
    answer: async (message, transport) => {
      const decoded = decodeQuery(message);
      switch (decoded.kind) {
        case 'ignored':
          return undefined;
        case 'refused':
          queries.inc({ outcome: 'refused' });
          return encodeRefusal(message, decoded.code);
        case 'query':
          return answerQuery(decoded.query, transport);
      }
    },
  };
}
