import { runStream } from '../../contracts/run.ts'
import { newCommandId } from '../../platform/ids.ts'
import type { Folds } from '../commands/folds.ts'
import type { CommandOf, Handle } from '../commands/handle.ts'
import { run, type RunCommand, type RunProcess } from '../commands/run.ts'

/** Decides on a run as the platform itself: what is done for a run carries the correlation id of the call that asked for it. */
export async function decideOnRun(
  { folds, handle }: Readonly<{ folds: Pick<Folds, 'read'>; handle: Handle }>,
  id: number,
  command: CommandOf<RunProcess, RunCommand>,
): Promise<RunProcess> {
  const stream = runStream(id)
  const { state } = await folds.read(run, stream)
  const correlationId = state.status === 'none' ? stream : state.correlationId
  const decided = await handle(run, stream, command, { commandId: newCommandId(), actor: 0, correlationId })
  return decided.state
}
