import { randomBytes } from 'node:crypto'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { readConfig } from '../../platform/config.ts'
import { createPostgresEventStore, eventStoreMigration } from '../../platform/event-store/postgres.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import { createKafkaMessageLog } from '../../platform/message-log/kafka.ts'
import type { Message, MessageLog } from '../../platform/message-log/port.ts'
import { migrate } from '../../platform/migrations.ts'
import { openDatabase } from '../../platform/postgres.ts'
import { openSecrets, secretsMigration } from '../../platform/secrets.ts'
import type { Database } from '../../platform/sql.ts'
import { eventsLane } from '../../services/integration-events/lane.ts'
import { type Lane, relayMigrations, startRelay } from '../../services/relay.ts'
import { createTriggerCommands, triggerCommandsMigration } from '../../services/trigger-commands/trigger-commands.ts'
import { quiet } from '../../test/support/quiet.ts'
import type { Databases } from '../database.ts'
import { EVENTS_PER_PROJECT, writeHistory } from '../history.ts'
import { atLeast, type Bench, type Figure, number } from '../measurement.ts'
import { median } from '../rounds.ts'

/** Events a second. */
const AIM = 20_000

const TO_KAFKA = 'to Kafka'
const BARE = 'a bare producer of kafkajs'

/**
 * A log is relayed from its start, as CloudEvents to Kafka, one CloudEvent for each event; the same to a message log that swallows all;
 * and a bare producer sends the same messages in the same batches. All from this process, in turns.
 */
export async function relayRates(
  bench: Bench,
  databases: Databases,
  brokers: readonly string[],
): Promise<readonly Figure[]> {
  const projects = bench.quick ? 5 : 100
  const events = projects * EVENTS_PER_PROJECT
  const db = await openDatabase({ connection: await databases.fresh('relayed'), max: 10, log: quiet })
  bench.defer(() => db.close())
  await migrate(db, [eventStoreMigration, secretsMigration, ...relayMigrations, triggerCommandsMigration])
  const store = createPostgresEventStore({ db, log: quiet })
  bench.defer(() => store.stop())
  await writeHistory(store, projects)
  const commands = createTriggerCommands({ db, cipher: await openSecrets(db, randomBytes(32)) })
  const relay = { db, store, lane: eventsLane({ commands }), events }

  const batches: (readonly Message[])[] = []
  await relayed(
    relay,
    swallowing((batch) => batches.push(batch)),
  )
  const messages = createKafkaMessageLog(kafkaOf(brokers), { log: quiet })
  bench.defer(() => messages.stop())
  const contenders = [
    { name: TO_KAFKA, once: () => relayed(relay, messages) },
    { name: BARE, once: await bareProducer(bench, brokers, batches) },
    { name: 'to a message log that swallows all', once: () => relayed(relay, swallowing()) },
  ]
  const rates = new Map(contenders.map(({ name }): [string, number[]] => [name, []]))
  for (let turn = 0; turn < (bench.quick ? 2 : 6); turn++) {
    for (const { name, once } of contenders) {
      const begun = performance.now()
      await once()
      // The first turn does not count: topics are made, and what runs is compiled.
      if (turn > 0) rates.get(name)?.push((events / (performance.now() - begun)) * 1000)
    }
  }
  const middle = (name: string): number => median(rates.get(name) ?? [])
  const what = `relay of ${events.toLocaleString('en')} events`
  return [
    atLeast(`${what} ${TO_KAFKA}`, middle(TO_KAFKA), AIM, ' events/s'),
    { what: `${what} ${TO_KAFKA}: rate, of that of ${BARE}`, reached: number(middle(TO_KAFKA) / middle(BARE)) },
    ...contenders.map(({ name }) => ({
      what: `${what}: ${name}`,
      reached: `${number(middle(name))}/s (single turns ${rates.get(name)?.map(number).join(', ')})`,
    })),
  ]
}

type Relayed = Readonly<{ db: Database; store: EventStore; lane: Lane; events: number }>

/** Relays all of the log, as a relay that has never published. Resolves when the last message is accepted. */
async function relayed({ db, store, lane, events }: Relayed, messages: MessageLog): Promise<void> {
  await db.query('delete from relay_lanes', [])
  const all = Promise.withResolvers<void>()
  let published = 0
  const counted: MessageLog = {
    durable: true,
    reach: () => messages.reach(),
    consume: (...args) => messages.consume(...args),
    async publish(topic, batch) {
      await messages.publish(topic, batch)
      published += batch.length
      if (published >= events) all.resolve()
    },
  }
  const relay = startRelay({ store, db, messages: counted, lanes: [lane], log: quiet })
  await all.promise
  await relay.stop()
}

function swallowing(taste: (batch: readonly Message[]) => void = () => {}): MessageLog {
  return {
    durable: true,
    publish: async (_, batch) => taste(batch),
    consume: async () => {},
    reach: async () => {},
  }
}

function kafkaOf(brokers: readonly string[]): Parameters<typeof createKafkaMessageLog>[0] {
  const { kafka } = readConfig({ MESSAGE_LOG: 'kafka', KAFKA_BROKERS: brokers.join(','), KAFKA_TOPIC_PREFIX: 'bench.' })
  if (kafka === undefined) throw new Error('the configuration says nothing of Kafka')
  return kafka
}

/** Sends each batch when the one before it is accepted by the broker, as safe from repetition and loss as ours. */
async function bareProducer(
  bench: Bench,
  brokers: readonly string[],
  batches: readonly (readonly Message[])[],
): Promise<() => Promise<void>> {
  const { partitions } = kafkaOf(brokers)
  const kafka = new Kafka({ clientId: 'bare', brokers: [...brokers], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'bare', numPartitions: partitions }] })
  await admin.disconnect()
  const createPartitioner = Partitioners.DefaultPartitioner
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner })
  await producer.connect()
  bench.defer(() => producer.disconnect())
  return async () => {
    for (const batch of batches) {
      await producer.send({
        topic: 'bare',
        acks: -1,
        messages: batch.map(({ key, value, headers }) => ({ key, value, ...(headers && { headers: { ...headers } }) })),
      })
    }
  }
}
