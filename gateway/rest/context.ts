import type { CommandContext } from '../../services/commands/handle.ts'
import { commandId, newCommandId } from '../../platform/ids.ts'
import type { Call, KeyOf } from './route.ts'

/** What a call says of its command. With an idempotency key, the same call makes the same command. Who is unknown acts as no user. */
export function contextOf(call: Call<unknown>): CommandContext {
  const { idempotency, user, correlationId, ifMatch } = call
  return {
    commandId: idempotency ? commandIdOf(idempotency) : newCommandId(),
    ...(idempotency && { requestHash: idempotency.hash }),
    actor: user?.id ?? 0,
    correlationId,
    ...(ifMatch !== undefined && { ifMatch }),
  }
}

export function commandIdOf({ scope, key }: KeyOf): string {
  return commandId(scope, key)
}
