/** Who makes a request. `authenticate.ts` makes it, authorization and admission read it. */
export interface User {
  readonly name: string;
  /** Tells apart users that had the same name one after the other; absent for users that have none, such as those of certificates. */
  readonly uid?: string;
  readonly groups: readonly string[];
  /** What else the credentials say, by keys such as `authentication.kubernetes.io/pod-name`. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** The key in `extra` of what names the credential itself. */
export const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

export const AUTHENTICATED_GROUP = 'system:authenticated';
export const UNAUTHENTICATED_GROUP = 'system:unauthenticated';

/** Requests without credentials, as upstream names them. */
export const anonymousUser: User = { name: 'system:anonymous', groups: [UNAUTHENTICATED_GROUP] };

/** As the API shows a user: in reviews. */
export function userInfoOf({ name, uid, groups, extra }: User): object {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups,
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
