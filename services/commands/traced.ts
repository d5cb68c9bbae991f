import { type Tracing, untraced } from '../../platform/tracing.ts'
import type { Handle } from './handle.ts'

/** Commands as spans; the events of each say in their `meta` which trace they came of. Nothing changes where nothing is traced. */
export function tracedHandle(handle: Handle, tracing: Tracing): Handle {
  if (tracing === untraced) return handle
  return (decider, stream, command, context, handling) => {
    const attributes = { 'testledger.stream': stream, 'testledger.correlation_id': context.correlationId }
    return tracing.span(`command ${kindOf(stream)}`, { attributes }, () => {
      const traceparent = context.traceparent ?? tracing.traceparent()
      return handle(decider, stream, command, { ...context, traceparent }, handling)
    })
  }
}

/** `scene` for `scene-12`: names of spans are few. */
function kindOf(stream: string): string {
  return stream.replace(/-.*/, '')
}
