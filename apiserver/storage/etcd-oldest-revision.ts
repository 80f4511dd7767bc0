/**
 * The oldest revision that etcd can still tell of. No call of etcd's gives it, so it is looked for by halving: a read of a past revision either works or says that
 * it was compacted. Called when the watch cache is filled for the first time. Source: https://etcd.io/docs/v3.5/learning/api/#range.
 */

/** Revisions at whose state etcd can be read form one piece up to `newest`; `canRead` tells of one. Gives the first of them that is not before `notBefore`. */
export async function findOldestRevision(
  notBefore: bigint,
  newest: bigint,
  canRead: (revision: bigint) => Promise<boolean>,
): Promise<bigint> {
  if (notBefore >= newest || (await canRead(notBefore))) return notBefore < newest ? notBefore : newest;
  let [gone, readable] = [notBefore, newest];
  while (readable - gone > 1n) {
    const middle = (gone + readable) / 2n;
    if (await canRead(middle)) readable = middle;
    else gone = middle;
  }
  return readable;
}
