import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { runStream } from '../contracts/run.ts'
import { RUNS_TOPIC } from '../contracts/topics.ts'
import type { Message } from '../platform/message-log/port.ts'
import { quiet } from '../test/support/quiet.ts'
import { type RunDesk, startRunDesk } from '../test/support/run-desk.ts'
import { dispatchLane } from './dispatch.ts'
import { startWatchdog } from './watchdog.ts'

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

let desk: RunDesk
const watching = new AbortController()
const seen: Message[] = []
let bell = Promise.withResolvers<void>()

beforeAll(async () => {
  desk = await startRunDesk()
  void desk.messages.consume(
    { topic: RUNS_TOPIC, group: 'watching', from: 'end' },
    async (message) => {
      seen.push(message)
      bell.resolve()
      bell = Promise.withResolvers()
      return 'done'
    },
    watching.signal,
  )
})
afterEach(() => {
  seen.length = 0
})
afterAll(async () => {
  watching.abort()
  await desk.stop()
})

/** A run that was asked for by a call of its own, in a trace. */
const asked = (correlationId: string): Promise<number> => desk.ask(1, { correlationId, traceparent })

async function message(id: number): Promise<Message> {
  for (;;) {
    const found = seen.find(({ key }) => key === runStream(id))
    if (found) return found
    await bell.promise
  }
}

const lane = () => dispatchLane({ ...desk, leases: { void: async () => {} } })

test('what the log asks for carries the correlation id and the trace of the call that led to it', async () => {
  const id = await asked('build-17')
  const events = await desk.store.load(runStream(id))
  expect(await lane().messagesOf(events)).toEqual([
    {
      topic: RUNS_TOPIC,
      message: {
        key: runStream(id),
        value: expect.stringContaining(`"run":${id},"attempt":0`),
        headers: { 'correlation-id': 'build-17', traceparent },
      },
    },
  ])
  await desk.decide(id, { type: 'EndRun', reason: 'the test is over' })
})

test('so does what is asked for anew at the start', async () => {
  const id = await asked('build-18')
  await lane().begin?.(new AbortController().signal)
  expect((await message(id)).headers).toEqual({ 'correlation-id': 'build-18', traceparent })
  await desk.decide(id, { type: 'EndRun', reason: 'the test is over' })
})

test('and what the watchdog asks for again', async () => {
  const id = await asked('build-19')
  const lines: object[] = []
  const log = { ...quiet, warn: (fields: object) => void lines.push(fields) }
  const { clock, ...deps } = { ...desk, clock: () => new Date().toISOString() }
  const watchdog = startWatchdog({ ...deps, clock, deadline: 3_600, log, everyMs: 5, unclaimedMs: 20 })
  try {
    expect((await message(id)).headers).toEqual({ 'correlation-id': 'build-19', traceparent })
    expect(lines).toContainEqual({ run: id, attempt: 0, claimed: false, id: 'build-19' })
  } finally {
    await watchdog.stop()
  }
})
