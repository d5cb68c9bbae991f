import type { Meta } from '../../contracts/core.ts'

/** Of the call that led to the message. */
export const CORRELATION_ID = 'correlation-id'
/** W3C Trace Context of what sent the message. */
export const TRACEPARENT = 'traceparent'

/** What a message says of where it comes from: headers for any topic. */
export function headersOf({
  correlationId,
  traceparent,
}: Pick<Meta, 'correlationId' | 'traceparent'>): Readonly<Record<string, string>> {
  return { [CORRELATION_ID]: correlationId, ...(traceparent !== undefined && { [TRACEPARENT]: traceparent }) }
}
