/**
 * `authorizer` in expressions: asks what a user may do. Who answers is the caller's, see `AccessCheck`; what is asked is gathered step by step. Source:
 * k8s.io/apiserver, pkg/cel/library/authz.go.
 */
import { type Library, withFunctions } from './library.ts';

export interface AccessQuestion {
  /** Undefined: whoever makes the request. */
  readonly serviceAccount: { readonly namespace: string; readonly name: string } | undefined;
  readonly verb: string;
  /** Empty for what is asked of a resource. */
  readonly path: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/** Answers as the server's authorization would. */
export type AccessCheck = (question: AccessQuestion) => { readonly allowed: boolean; readonly reason: string };

type RequestResource = Pick<AccessQuestion, 'group' | 'resource' | 'subresource' | 'namespace' | 'name'>;

const NOTHING: AccessQuestion = {
  serviceAccount: undefined,
  verb: '',
  path: '',
  group: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
};

class Question {
  readonly check: AccessCheck;
  readonly question: AccessQuestion;
  constructor(check: AccessCheck, question: AccessQuestion) {
    this.check = check;
    this.question = question;
  }
}
class PathCheck extends Question {}
class GroupCheck extends Question {}
class ResourceCheck extends Question {}
class Authorizer extends Question {
  readonly requestResource: ResourceCheck;
  constructor(check: AccessCheck, question: AccessQuestion, target: RequestResource) {
    super(check, question);
    this.requestResource = new ResourceCheck(check, { ...question, ...target });
  }
}
class Decision {
  readonly allowed: boolean;
  readonly reason: string;
  constructor({ allowed, reason }: { readonly allowed: boolean; readonly reason: string }) {
    this.allowed = allowed;
    this.reason = reason;
  }
}

/** The value of the variable `authorizer`; `target` is what the request itself is about. */
export function authorizerValue(check: AccessCheck, target: RequestResource): object {
  return new Authorizer(check, NOTHING, target);
}

const TYPE = 'kubernetes.authorization';
export const AUTHORIZER_TYPE = `${TYPE}.Authorizer`;

export const authorization: Library = (environment) =>
  withFunctions(
    environment
      .registerType(`${TYPE}.Decision`, Decision)
      .registerType(`${TYPE}.PathCheck`, PathCheck)
      .registerType(`${TYPE}.GroupCheck`, GroupCheck)
      .registerType(`${TYPE}.ResourceCheck`, ResourceCheck)
      .registerType(AUTHORIZER_TYPE, { ctor: Authorizer, fields: { requestResource: `${TYPE}.ResourceCheck` } }),
    {
      [`${AUTHORIZER_TYPE}.path(string): ${TYPE}.PathCheck`]: ({ check, question }: Authorizer, path: string) => {
        if (path === '') throw new Error('path must not be empty');
        return new PathCheck(check, { ...question, path });
      },
      [`${AUTHORIZER_TYPE}.group(string): ${TYPE}.GroupCheck`]: ({ check, question }: Authorizer, group: string) =>
        new GroupCheck(check, { ...question, group }),
      [`${AUTHORIZER_TYPE}.serviceAccount(string, string): ${AUTHORIZER_TYPE}`]: (
        { check, question, requestResource }: Authorizer,
        namespace: string,
        name: string,
      ) => new Authorizer(check, { ...question, serviceAccount: { namespace, name } }, requestResource.question),
      [`${TYPE}.GroupCheck.resource(string): ${TYPE}.ResourceCheck`]: (group: GroupCheck, resource: string) => about(group, { resource }),
      [`${TYPE}.ResourceCheck.subresource(string): ${TYPE}.ResourceCheck`]: (check: ResourceCheck, subresource: string) =>
        about(check, { subresource }),
      [`${TYPE}.ResourceCheck.namespace(string): ${TYPE}.ResourceCheck`]: (check: ResourceCheck, namespace: string) =>
        about(check, { namespace }),
      [`${TYPE}.ResourceCheck.name(string): ${TYPE}.ResourceCheck`]: (check: ResourceCheck, name: string) => about(check, { name }),
      // Roles know no selectors: with one, the answer is that for the whole.
      [`${TYPE}.ResourceCheck.fieldSelector(string): ${TYPE}.ResourceCheck`]: (check: ResourceCheck) => check,
      [`${TYPE}.ResourceCheck.labelSelector(string): ${TYPE}.ResourceCheck`]: (check: ResourceCheck) => check,
      [`${TYPE}.PathCheck.check(string): ${TYPE}.Decision`]: decide,
      [`${TYPE}.ResourceCheck.check(string): ${TYPE}.Decision`]: decide,
      [`${TYPE}.Decision.allowed(): bool`]: ({ allowed }: Decision) => allowed,
      [`${TYPE}.Decision.reason(): string`]: ({ reason }: Decision) => reason,
      [`${TYPE}.Decision.errored(): bool`]: () => false,
      [`${TYPE}.Decision.error(): string`]: () => '',
    },
  );

function about({ check, question }: Question, part: Partial<AccessQuestion>): ResourceCheck {
  return new ResourceCheck(check, { ...question, ...part });
}

function decide({ check, question }: Question, verb: string): Decision {
  return new Decision(check({ ...question, verb }));
}
