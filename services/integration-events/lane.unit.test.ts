import { describe, expect, test } from '@jest/globals'
import { type Recorded, START } from '../../contracts/core.ts'
import type { DomainEvent } from '../../contracts/events.ts'
import { cloudEvent, EVENT_DATA } from '../../contracts/integration.ts'
import { replyMessage } from '../../contracts/topics.ts'
import { type StoredEvent, storedEvents } from '../../test/support/stored-events.ts'
import { cloudEventOf, eventsLane } from './lane.ts'

const recorded = (event: StoredEvent): Recorded => ({
  ...event,
  revision: BigInt(event.revision),
  position: String(event.position).padStart(START.length, '0'),
})
const stored = storedEvents().map(recorded)

/** A stored event in which every text, at any depth, tells where it stands: `<data.build.url>`. */
function marked(event: Recorded): Recorded {
  return { ...event, data: mark(event.data, 'data') as object, meta: mark(event.meta, 'meta') as Recorded['meta'] }
}

function mark(value: unknown, path: string): unknown {
  if (typeof value === 'string') return `<${path}>`
  if (Array.isArray(value)) return value.map((item) => mark(item, `${path}[]`))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mark(member, `${path}.${name}`)]))
}

/** The texts that may get out, and no other. */
const PUBLIC: Readonly<Partial<Record<DomainEvent['type'], readonly string[]>>> = {
  ProjectCreated: ['name', 'leader'],
  ProjectChanged: ['name', 'leader'],
  EnvironmentCreated: ['name'],
  EnvironmentChanged: ['name'],
  FileUploaded: ['name'],
  InterfaceCreated: ['name'],
  InterfaceChanged: ['name'],
  CaseCreated: ['title'],
  CaseChanged: ['title'],
  SceneCreated: ['name'],
  SceneChanged: ['name'],
  TaskCreated: ['name'],
  TaskChanged: ['name'],
  RunRequested: [
    'kind',
    'name',
    'environment.name',
    'tester',
    'trigger',
    'build.build',
    'build.branch',
    'build.commit',
  ],
  CaseFinished: ['state', 'result.name', 'result.run_time'],
  RunCancelRequested: ['by'],
  RunFinished: ['state'],
  ModuleAdded: ['name'],
  ModuleChanged: ['name'],
  BugReported: ['status', 'user', 'by'],
  BugChanged: ['status', 'user', 'by'],
  BugDeleted: ['by'],
  UserCreated: ['username'],
  MemberAdded: ['username', 'role'],
  MemberChanged: ['role'],
  ApiTokenIssued: ['name', 'role'],
}

describe('what outsiders are told', () => {
  test('of every type there is a stored event here', () => {
    expect(new Set(stored.map(({ type }) => type))).toEqual(new Set(Object.keys(EVENT_DATA)))
  })

  test.each(Object.keys(EVENT_DATA) as DomainEvent['type'][])('%s is told as its schema says', (type) => {
    for (const event of stored.filter((each) => each.type === type)) {
      const told: unknown = JSON.parse(JSON.stringify(cloudEventOf(event)))
      const { data } = cloudEvent.strict().parse(told)
      EVENT_DATA[type].parse(data)
    }
  })

  test('no text of an event gets out but those that are named here', () => {
    const told = new Map<string, Set<string>>()
    for (const event of stored) {
      const text = JSON.stringify(cloudEventOf(marked(event)))
      const found = told.get(event.type) ?? new Set<string>()
      for (const [path] of text.matchAll(/(?<=<)[^<>]*(?=>)/g)) found.add(path)
      told.set(event.type, found)
    }
    for (const [type, paths] of told) {
      const allowed = (PUBLIC[type as DomainEvent['type']] ?? []).map((path) => `data.${path}`)
      expect([type, [...paths].filter((path) => !allowed.includes(path))]).toEqual([type, ['meta.correlationId']])
    }
  })

  test('the stored events hold what must not get out', () => {
    const texts = JSON.stringify(stored.map((event) => marked(event).data))
    const kept = ['password_hash', 'hash', 'session', 'global_variable', 'headers', 'overrides.variables', 'build.url']
    for (const path of [...kept, 'setup_script', 'url', 'info', 'desc', 'carried', 'worker', 'reason']) {
      expect(texts).toContain(`<data.${path}`)
    }
  })
})

describe('the lane of events', () => {
  const [finished] = stored.filter(({ type }) => type === 'RunFinished')
  const others = stored.filter(({ type }) => type !== 'RunFinished')

  test('publishes each event by its stream, in the order of the log, with what reads it and what it belongs to', async () => {
    const messages = await eventsLane({ commands: { accepted: async () => [] } }).messagesOf(stored)
    expect(messages.map(({ topic, message: { key, headers } }) => ({ topic, key, headers }))).toEqual(
      stored.map(({ stream: key, meta }) => ({
        topic: 'events',
        key,
        headers: {
          'content-type': 'application/cloudevents+json; charset=UTF-8',
          'correlation-id': meta.correlationId,
          ...(meta.traceparent !== undefined && { traceparent: meta.traceparent }),
        },
      })),
    )
    const told = messages.map(({ message }) => cloudEvent.parse(JSON.parse(message.value)))
    expect(told.map(({ id, position, revision }) => ({ id, position, revision }))).toEqual(
      stored.map(({ id, position, revision }) => ({ id, position, revision: String(revision) })),
    )
  })

  test('passes over a type that only a newer version knows, and those that every object has', async () => {
    const lane = eventsLane({ commands: { accepted: async () => [] } })
    const unknown = stored
      .slice(0, 3)
      .map((event, nth) => ({ ...event, type: ['Newer', 'toString', '__proto__'][nth] ?? '' }))
    expect(await lane.messagesOf(unknown)).toEqual([])
  })

  test('tells everybody who waits for a run that it has ended, and asks for them only when one has', async () => {
    const asked: (readonly number[])[] = []
    const lane = eventsLane({
      commands: {
        async accepted(records) {
          asked.push(records)
          return ['started', 'cancelled'].map((id) => ({ id, record: records[0] ?? 0 }))
        },
      },
    })
    await lane.messagesOf(others)
    expect(asked).toEqual([])
    const replies = (await lane.messagesOf([finished!, ...others])).filter(({ topic }) => topic === 'commands.replies')
    expect(asked).toHaveLength(1)
    expect(replies.map(({ message }) => message.key)).toEqual(['started', 'cancelled'])
    for (const { message } of replies) {
      expect(message.headers).toEqual({ 'correlation-id': finished!.meta.correlationId })
      const { id, version, status, message: words, ...counts } = replyMessage.strict().parse(JSON.parse(message.value))
      expect({ id, version, status }).toEqual({ id: message.key, version: 1, status: 'finished' })
      expect(words).not.toBe('')
      const { attempt: _, reason: __, ...ended } = finished!.data as Record<string, unknown>
      expect(counts).toEqual({ record: Number(finished!.stream.slice('run-'.length)), ...ended })
    }
  })
})
