import { createRequire } from 'node:module'

type RequestQueue = { prototype: { pending: readonly unknown[]; scheduleCheckPendingRequests(): void } }

/**
 * kafkajs 2.2.4 looks every millisecond, on each connection and for ever, for requests that wait, though none does, and with a time below
 * zero, of which Node warns (tulios/kafkajs#1704, #1751). It is asked to look when one waits.
 */
export function stopIdlePolling(): void {
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as RequestQueue
  const { scheduleCheckPendingRequests: schedule } = queue.prototype
  if (schedule.name === 'whenOneWaits') return
  queue.prototype.scheduleCheckPendingRequests = function whenOneWaits() {
    if (this.pending.length > 0) schedule.call(this)
  }
}
