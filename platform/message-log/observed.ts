import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { OpenSpan, Tracing } from '../tracing.ts'
import { CORRELATION_ID, TRACEPARENT } from './headers.ts'
import type { Message, MessageLog } from './port.ts'
import { toldKey } from './told-key.ts'

/**
 * The message log, with what is published and handled counted, told in the log (at `debug`) by its correlation id, and traced: what
 * its handler does is part of the trace that a message carries.
 */
export function observedMessageLog(
  messages: MessageLog,
  { metrics, tracing, log }: { metrics: Metrics; tracing: Tracing; log: Log },
): MessageLog {
  const published = metrics.count('testledger_messages_published_total', 'Messages that were published', ['topic'])
  const handled = metrics.count(
    'testledger_messages_handled_total',
    'Messages that were handled: done, parked, or failed, which come again',
    ['topic', 'outcome'],
  )

  /** One span for each that led to some of them: a batch has many messages of the same. */
  function sent(topic: string, batch: readonly Message[]): { traced: readonly Message[]; spans: readonly OpenSpan[] } {
    const spans = new Map<string, OpenSpan>()
    const traced = batch.map((message) => {
      const parent = message.headers?.[TRACEPARENT]
      if (parent === undefined) return message
      const span = spans.get(parent) ?? tracing.begin(`publish ${topic}`, { ...TO, parent, attributes: at(topic) })
      if (span === undefined) return message
      spans.set(parent, span)
      return { ...message, headers: { ...message.headers, [TRACEPARENT]: span.traceparent } }
    })
    return { traced, spans: [...spans.values()] }
  }

  return {
    durable: messages.durable,
    reach: () => messages.reach(),

    async publish(topic, batch) {
      const { traced, spans } = sent(topic, batch)
      try {
        await messages.publish(topic, traced)
      } catch (error) {
        for (const span of spans) span.fail()
        throw error
      } finally {
        for (const span of spans) span.end()
      }
      published.add(batch.length, { topic })
      for (const message of batch) {
        log.debug({ topic, key: toldKey(message), id: message.headers?.[CORRELATION_ID] }, 'published')
      }
    },

    consume(subscription, handler, signal) {
      const { topic } = subscription
      const observed = async (message: Message) => {
        try {
          const outcome = await handler(message)
          handled.add(1, { topic, outcome: outcome === 'done' ? 'done' : 'parked' })
          return outcome
        } catch (error) {
          handled.add(1, { topic, outcome: 'failed' })
          throw error
        }
      }
      return messages.consume(
        subscription,
        // Of the message's trace, or of one of its own: never of whatever happens to be under way where it is handed over.
        (message) => {
          const parent = message.headers?.[TRACEPARENT]
          return tracing.span(`process ${topic}`, { ...FROM, parent, attributes: at(topic) }, () => observed(message))
        },
        signal,
      )
    },
  }
}

const TO = { kind: 'producer' } as const
const FROM = { kind: 'consumer' } as const
const at = (topic: string) => ({ 'messaging.destination.name': topic })
