import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { CloudEvent } from '../../contracts/integration.ts'
import { EVENTS_TOPIC } from '../../contracts/topics.ts'
import { readConfig } from '../../platform/config.ts'
import { createKafkaMessageLog } from '../../platform/message-log/kafka.ts'
import { query } from '../support/postgres.ts'
import { quiet } from '../support/quiet.ts'
import type { Deployment } from './deployment.ts'

/** Milliseconds that the relay has to tell of what there is, when nothing happens any more. */
const PATIENCE_MS = 60_000

/** Which events of the log outsiders were not told of, or not in the order of their stream. Those that come again are no harm. */
export async function untoldIn({ environment, postgres }: Deployment): Promise<readonly string[]> {
  const rows = (await query(postgres.url, 'select id, stream, type from events')) as {
    id: string
    stream: string
    type: string
  }[]
  const untold = new Map(rows.map(({ id, stream, type }) => [id, `${type} of ${stream} was not told`]))
  const next = new Map<string, bigint>()
  const disordered: string[] = []
  const { kafka } = readConfig(environment)
  if (!kafka) throw new Error('Kafka is configured')
  const messages = createKafkaMessageLog(kafka, { log: quiet })
  const over = new AbortController()
  const subscription = { topic: EVENTS_TOPIC, group: `outsider-${randomUUID()}`, from: 'start' } as const
  const reading = messages.consume(
    subscription,
    async ({ value }) => {
      const { id, subject, revision } = JSON.parse(value) as CloudEvent
      if (!untold.delete(id)) return 'done'
      const wanted = next.get(subject) ?? 0n
      if (BigInt(revision) !== wanted) disordered.push(`${subject} at ${revision} was told instead of ${wanted}`)
      next.set(subject, BigInt(revision) + 1n)
      return 'done'
    },
    over.signal,
  )
  for (const deadline = performance.now() + PATIENCE_MS; untold.size > 0 && performance.now() < deadline;) {
    await pause(100)
  }
  over.abort()
  await reading
  await messages.stop()
  return [...untold.values(), ...disordered]
}
