/** Where runs are asked for, claimed and ended without a platform around them: a log, its read models, messages and leases. */
import type { Meta } from '../../contracts/core.ts'
import type { CaseResult, RunEvent, Verdict } from '../../contracts/run.ts'
import { runStream } from '../../contracts/run.ts'
import { json } from '../given-events.ts'
import { RUNS_TOPIC, type RunMessage, runMessage } from '../../contracts/topics.ts'
import { type Blobs, blobsMigration, createBlobs } from '../../platform/blobs.ts'
import { newCommandId } from '../../platform/ids.ts'
import { createLeases, type Leases, leasesMigration } from '../../platform/leases.ts'
import { createMemoryMessageLog } from '../../platform/message-log/memory.ts'
import type { MessageLog } from '../../platform/message-log/port.ts'
import { migrate } from '../../platform/migrations.ts'
import { createProjectionEngine, type ProjectionEngine } from '../../projections/engine.ts'
import { runsProjection } from '../../projections/runs.ts'
import { type Finished, run, type RunCommand } from '../../services/commands/run.ts'
import { asMessage } from '../../services/dispatch.ts'
import { createFeed, type Feed } from '../../services/feed.ts'
import { freshDatabase } from './postgres.ts'
import { quiet } from './quiet.ts'
import { startWritingProcess, type WritingProcess } from './writing-process.ts'

export type RunDesk = WritingProcess &
  Readonly<{
    models: ProjectionEngine
    blobs: Blobs
    leases: Leases
    messages: MessageLog
    feed: Feed
    /** A new run of so many cases, which the read models know; of the call that is named. */
    ask(cases: number, from?: Pick<Meta, 'correlationId' | 'traceparent'>): Promise<number>
    /** Asks runners for it, as the relay does. */
    publish(message: RunMessage): Promise<void>
    /** Decides for a run, whoever has it, and waits until the read models show it. */
    decide(run: number, command: RunCommand): Promise<void>
    eventsOf(run: number): Promise<readonly RunEvent[]>
    /** Resolves when the run's stream has so many events of a type, and answers all of it. */
    until(run: number, type: RunEvent['type'], count?: number): Promise<readonly RunEvent[]>
  }>

export async function startRunDesk(): Promise<RunDesk> {
  const database = await freshDatabase()
  const writing = await startWritingProcess(database.url)
  const { db, store, folds, handle } = writing
  await migrate(db, [blobsMigration, leasesMigration])
  const models = createProjectionEngine({ db, store, projections: [runsProjection], log: quiet })
  await models.start()
  const feed = await createFeed({ store, log: quiet })
  feed.listen((events) => folds.observe(events))
  const messages = createMemoryMessageLog({ log: quiet })
  let last = 0

  async function decide(id: number, command: RunCommand, from = { correlationId: 'test' }): Promise<void> {
    const context = { commandId: newCommandId(), actor: 0, ...from }
    const { position } = await handle(run, runStream(id), () => command, context)
    while (!(await models.passed(position)));
  }
  const eventsOf = async (id: number) => (await store.load(runStream(id))) as readonly RunEvent[]

  return {
    ...writing,
    models,
    blobs: createBlobs(db),
    leases: createLeases(db),
    messages,
    feed,
    decide,
    eventsOf,
    async ask(cases, from) {
      const id = ++last
      const request: Extract<RunCommand, { type: 'RequestRun' }> = {
        type: 'RequestRun',
        data: {
          id,
          kind: 'scene',
          scene: 1,
          debug: false,
          name: 'scene',
          project: 1,
          environment: { id: 1, name: 'e', stream: 'environment-1', revision: 0 },
          tester: 'admin',
          flows: [{ name: 'scene', cases: Array.from({ length: cases }, (_, nth) => unsaved(`case ${nth}`)) }],
        },
      }
      await decide(id, request, from)
      return id
    },
    publish: (message) => messages.publish(RUNS_TOPIC, [asMessage(message, { correlationId: 'test' })]),
    async until(id, type, count = 1) {
      const { promise, resolve } = Promise.withResolvers<readonly RunEvent[]>()
      const look = async (): Promise<void> => {
        const events = await eventsOf(id)
        if (events.filter((event) => event.type === type).length >= count) resolve(events)
      }
      const unlisten = feed.listen(() => void look())
      await look()
      return promise.finally(unlisten)
    },
    async stop() {
      messages.stop()
      await feed.stop()
      await models.stop()
      await writing.stop()
      await database.drop()
    },
  }
}

/** The runs that are asked for from now on, one after the other. */
export function requestsOf({ messages }: Pick<RunDesk, 'messages'>, signal: AbortSignal): readonly RunMessage[] {
  const asked: RunMessage[] = []
  const take = (text: string): void => void asked.push(runMessage.parse(JSON.parse(text)))
  void messages.consume(
    { topic: RUNS_TOPIC, group: `watching-${Math.random()}`, from: 'end' },
    (message) => Promise.resolve(take(message.value)).then(() => 'done' as const),
    signal,
  )
  return asked
}

function unsaved(title: string) {
  const texts = { headers: json('{}'), request: json('{}'), file: json('[]'), setup_script: '', teardown_script: '' }
  return { title, interface: { url: '/', method: 'get', name: '' }, unsaved: { title, ...texts } }
}

/** The result of a case, as its runner tells it. */
export function finished(index: number, state: Verdict = '成功'): Finished {
  const result: CaseResult = {
    name: `case ${index}`,
    log_data: [],
    state,
    run_time: '0.1s',
    assertions: [],
    started_at: '2026-01-02T03:04:05+08:00',
  }
  return { flow: 0, index, state, result }
}
