/** Who makes a request. `authenticate.ts` makes it, authorization and admission read it. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

/** Requests without credentials, as upstream names them. */
export const anonymousUser: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
