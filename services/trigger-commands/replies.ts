import type { Recorded } from '../../contracts/core.ts'
import { idOf } from '../../contracts/core.ts'
import type { RunEvent, RunEventOf } from '../../contracts/run.ts'
import { MESSAGE_VERSION, type Reply } from '../../contracts/topics.ts'
import { headersOf } from '../../platform/message-log/headers.ts'
import type { Message } from '../../platform/message-log/port.ts'
import { bounded, cut, type Outcome } from './outcomes.ts'

/** Characters of the words about an end, and of those of a reply that is shortened. */
const LONG = 2_000
const SHORT = 100

/** The end of a run, as its last event tells it. */
export type RunEnd = Pick<Reply, 'all' | 'success' | 'fail' | 'error' | 'state'> &
  Readonly<{ record: number; reason: string | undefined; meta: Recorded['meta'] }>

const UNKNOWN = { record: null, all: null, success: null, fail: null, error: null, state: null } as const

export function outcomeReply(id: string, outcome: Outcome): Reply {
  const { status } = outcome
  const head = { version: MESSAGE_VERSION, id, status, ...UNKNOWN } as const
  if (status === 'accepted') return { ...head, record: outcome.record, message: '已受理，运行尚未结束' }
  const { message, code, fields } = bounded(outcome)
  const byField = fields && Object.fromEntries(Object.entries(fields).map(([name, words]) => [name, [...words]]))
  return { ...head, message, code, ...(byField && { fields: byField }) }
}

export function finishedReply(id: string, { record, all, success, fail, error, state, reason }: RunEnd): Reply {
  const counts = { record, all, success, fail, error, state }
  return { version: MESSAGE_VERSION, id, status: 'finished', ...counts, message: cut(reason ?? '运行已结束', LONG) }
}

/** What is left of a reply that its topic does not take as it is: all but the words. */
export function shortened(reply: Reply): Reply {
  const { fields: _, message, ...rest } = reply
  return { ...rest, message: cut(message, SHORT) }
}

/** A reply on its way: those to one command stay in order. */
export function replyMessageOf(reply: Reply, from: Parameters<typeof headersOf>[0]): Message {
  return { key: reply.id, value: JSON.stringify(reply), headers: headersOf(from) }
}

/** Undefined for every event but a run's last. */
export function runEndOf(event: Recorded): RunEnd | undefined {
  if ((event as Recorded<RunEvent>).type !== 'RunFinished') return undefined
  const { all, success, fail, error, state, reason } = event.data as RunEventOf<'RunFinished'>['data']
  return { record: idOf(event.stream), all, success, fail, error, state, reason, meta: event.meta }
}
