import { type Event, Rejected } from '../../contracts/core.ts'
import type { Aggregate } from '../../services/commands/writes.ts'
import type { Modules } from './modules.ts'
import type { InAnothersStream } from './resource.ts'

/** What has a REST id and is told of in the stream of another, as steps are in their scene's. */
type Parts<B, S, C, E extends Event> = Readonly<{
  owners: Aggregate<S, C, E>
  /** Of the sequence that the parts' ids come from. */
  kind: string
  /** What a part is called, in Chinese. */
  noun: string
  /** The owner of a new part. */
  ownerIn(body: B): number
  /** The owner of any part that ever was. */
  ownerOf(id: number): Promise<number | undefined>
}>

/** Writes parts in the streams of their owners: a new one's is named by the body, that of any other is looked up. */
export function inOwners<B, S, C, E extends Event>(
  { owners, kind, noun, ownerIn, ownerOf }: Parts<B, S, C, E>,
  { writes }: Pick<Modules, 'writes'>,
): InAnothersStream<B, S, C> {
  const taken = async (id: number): Promise<boolean> => (await ownerOf(id)) !== undefined
  return {
    create: (body, command, context) => writes.add(owners, { owner: ownerIn(body), kind, taken }, command, context),
    async change(id, command, context) {
      const owner = await ownerOf(id)
      if (owner === undefined) throw new Rejected('not_found', `${noun}不存在`)
      return { ...(await writes.change(owners, owner, command, context)), id }
    },
  }
}
