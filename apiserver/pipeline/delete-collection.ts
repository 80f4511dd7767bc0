/** DELETE of a collection: everything that the selectors match, each as a deletion of its own. Answers with what was there. */
import { isReason } from '#api/meta/status.ts';
import type { Answer } from './answer.ts';
import { deleteOne } from './delete.ts';
import { parseDeleteOptions } from './delete-options.ts';
import { listAnswer, readPage } from './list.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';

/** How many deletions of one request are under way at once: enough to hide the database's latency, too few to crowd others out. */
const DELETIONS_AT_ONCE_MAX = 16;

export async function deleteCollection(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const wish = parseDeleteOptions(request);
  const { page, objects } = await readPage(request, deps);
  const waiting = objects.values();
  await Promise.all(
    Array.from({ length: DELETIONS_AT_ONCE_MAX }, async () => {
      for (const { namespace, name } of waiting) {
        try {
          await deleteOne(request, deps, wish, { namespace, name });
        } catch (error) {
          // Somebody else was faster, which is what we wanted.
          if (!isReason(error, 'NotFound')) throw error;
        }
      }
    }),
  );
  return await listAnswer(request.definition, page);
}
