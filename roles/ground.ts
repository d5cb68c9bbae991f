import { type Clock, systemClock } from '../contracts/time.ts'
import { type Blobs, createBlobs } from '../platform/blobs.ts'
import { createCommandMemory, type CommandMemory } from '../platform/commands.ts'
import type { Config, Role } from '../platform/config.ts'
import { openEventStore } from '../platform/event-store/open.ts'
import { observedEventStore } from '../platform/event-store/observed.ts'
import type { EventStore } from '../platform/event-store/port.ts'
import { createIds } from '../platform/ids.ts'
import { type Keys, loadKeys } from '../platform/keys.ts'
import { createLeases, type Leases, leasesMigration } from '../platform/leases.ts'
import type { Logger } from '../platform/logger.ts'
import { createMemoryMessageLog } from '../platform/message-log/memory.ts'
import { observedMessageLog } from '../platform/message-log/observed.ts'
import type { MessageLog } from '../platform/message-log/port.ts'
import { createMetrics, type Metrics } from '../platform/metrics.ts'
import { untilReached } from '../platform/reach.ts'
import { openSecrets, type Secrets } from '../platform/secrets.ts'
import { claimDatabase } from '../platform/single.ts'
import type { Database } from '../platform/sql.ts'
import { openStorage, type Storage } from '../platform/storage.ts'
import type { Tracing } from '../platform/tracing.ts'
import { openTracing } from '../platform/tracing/open.ts'
import { projections } from '../projections/all.ts'
import { createProjectionEngine, type ProjectionEngine } from '../projections/engine.ts'
import { type Access, accessMigrations, createAccess } from '../services/access/access.ts'
import { Folds } from '../services/commands/folds.ts'
import { createHandle, type Handle } from '../services/commands/handle.ts'
import { tracedHandle } from '../services/commands/traced.ts'
import { createVisible, type Visible } from '../services/commands/visible.ts'
import { createWrites, type Writes } from '../services/commands/writes.ts'
import { claimEventStore } from '../services/event-log/claim.ts'
import { createFeed, type Feed } from '../services/feed.ts'
import { relayMigrations } from '../services/relay.ts'
import { countRunEnds } from '../services/runs/counted.ts'
import { triggerCommandsMigration } from '../services/trigger-commands/trigger-commands.ts'

/** What must be undone when the process goes down: the last first. */
export type Stops = (() => Promise<void> | void)[]

/** What every role stands on: the event store, Postgres, the message log, and how commands are decided. */
export type Ground = Readonly<{
  config: Config
  keys: Keys
  log: Logger
  clock: Clock
  db: Database
  store: EventStore
  messages: MessageLog
  models: ProjectionEngine
  blobs: Blobs
  secrets: Secrets
  leases: Leases
  memory: CommandMemory
  folds: Folds
  feed: Feed
  handle: Handle
  writes: Writes
  visible: Visible
  access: Access
  metrics: Metrics
  tracing: Tracing
  /** Resolves with the reason when the process cannot go on. */
  failed: Promise<string>
  has(role: Role): boolean
}>

/**
 * Opens it. A server that cannot be reached is waited for, until `signal` is aborted; `waiting` is told which. Throws where waiting
 * is of no use: a wrong master key, a data directory or a database that another platform has.
 */
export async function openGround(
  config: Config,
  log: Logger,
  {
    stops,
    signal,
    leaving,
    waiting,
    metrics = createMetrics(),
  }: {
    stops: Stops
    signal: AbortSignal
    /** Aborted when a process that goes down has no more time for messages: a message log that is away must not hold it up. */
    leaving?: AbortSignal
    waiting: (reason: string) => void
    metrics?: Metrics
  },
): Promise<Ground> {
  const reached = <T>(work: () => Promise<T>): Promise<T> => untilReached(work, { log, signal, waiting })
  const has = (role: Role): boolean => config.roles.includes(role)
  const migrations = [...relayMigrations, leasesMigration, ...accessMigrations, triggerCommandsMigration]

  const tracing = await openTracing(config, log)
  stops.push(() => tracing.stop())
  const opening = (): Promise<Storage> => openStorage(config, migrations, log)
  // The embedded server is our own: it cannot be away, and what was begun of it is ended properly.
  const storage = await (config.databaseUrl === undefined ? opening() : reached(opening))
  stops.push(storage.stop)
  const { db } = storage
  const claim = await reached(() => claimDatabase(db, { alone: config.kafka === undefined, log }))
  stops.push(claim.release)
  const keys = await loadKeys(config)
  const secrets = await reached(() => openSecrets(db, keys.masterKey))
  const { store: events, kind } = await openEventStore(config, db, log)
  stops.push(() => events.stop())
  const store = observedEventStore(events, { metrics, tracing, appended: countRunEnds(metrics) })
  await reached(() => claimEventStore(db, store, kind))
  const carrier = await openMessageLog(config, log)
  stops.push(() => carrier.stop())
  leaving?.addEventListener('abort', () => void carrier.stop(), { once: true })
  const messages = observedMessageLog(carrier, { metrics, tracing, log })
  const models = createProjectionEngine({
    db,
    store,
    projections,
    log,
    feeds: has('projector'),
    ...(has('gateway') ? {} : { restMilliseconds: 0 }),
  })
  stops.push(() => models.stop())
  await reached(() => models.start())

  const clock = systemClock(config.timeZone)
  const memory = createCommandMemory(db)
  const { nextId } = createIds(db)
  const folds = new Folds(store)
  const feed = await reached(() => createFeed({ store, log }))
  feed.listen((events) => folds.observe(events))
  stops.push(feed.stop)
  const handle = tracedHandle(createHandle({ store, folds, clock }), tracing)
  const writes = createWrites({ handle, folds, memory, nextId, readModels: models })
  const { jwtSecret } = keys
  const { mac } = secrets
  const { timeZone } = config
  const access = createAccess({ db, folds, handle, writes, nextId, models, jwtSecret, mac, timeZone, log })
  stops.push(access.stop)
  return {
    config,
    keys,
    log,
    clock,
    db,
    store,
    messages,
    models,
    blobs: createBlobs(db),
    secrets,
    leases: createLeases(db),
    memory,
    folds,
    feed,
    handle,
    writes,
    // Beside other processes what is cached may be a moment old: what one of them has answered would not be seen here.
    visible: createVisible(config.kafka === undefined ? folds : { read: folds.refresh.bind(folds) }),
    access,
    metrics,
    tracing,
    failed: Promise.race([storage.died, claim.lost.then((error) => error.message)]),
    has,
  }
}

type Stoppable = Readonly<{ stop(): Promise<void> | void }>

/** The client of Kafka is not even loaded where it was not chosen. */
async function openMessageLog({ kafka }: Config, log: Logger): Promise<MessageLog & Stoppable> {
  if (kafka === undefined) return createMemoryMessageLog({ log })
  const { createKafkaMessageLog } = await import('../platform/message-log/kafka.ts')
  return createKafkaMessageLog(kafka, { log })
}
