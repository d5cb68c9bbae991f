import { expect, test } from '@jest/globals'
import type { LogEntry } from 'kafkajs'
import { clientLog } from './client-log.ts'

/** As kafkajs numbers it. */
const WARN = 2

/** What is said of these, with the level. */
function said(...entries: readonly Readonly<{ label: string; message: string; error?: string }>[]): readonly string[] {
  const lines: string[] = []
  const at = (level: string) => (_fields: object, message: string) => void lines.push(`${level}: ${message}`)
  const tell = clientLog({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') })(WARN)
  for (const { label, message, error } of entries) {
    const log = { timestamp: '', logger: 'kafkajs', message, ...(error && { error }) }
    tell({ namespace: 'Connection', level: WARN, label, log } satisfies LogEntry)
  }
  return lines
}

const CREATED = 'Response CreateTopics(key: 19, version: 3)'

test('what every start says although all is well is no warning', () => {
  const retries = 'Limiting retries for the idempotent producer may invalidate EoS guarantees'
  expect(
    said(
      { label: 'WARN', message: retries },
      { label: 'ERROR', message: CREATED, error: 'Topic creation errors' },
      { label: 'ERROR', message: 'Response JoinGroup', error: 'The coordinator is not aware of this member' },
    ),
  ).toEqual([
    `debug: Kafka's client: ${retries}`,
    `debug: Kafka's client: ${CREATED}`,
    "debug: Kafka's client: Response JoinGroup",
  ])
})

test('the rest is, once in a while, and is not hidden by what was no warning', () => {
  const refused = { label: 'ERROR', message: CREATED, error: 'Not authorized' }
  expect(
    said({ label: 'ERROR', message: CREATED, error: 'Topic creation errors' }, refused, refused, {
      label: 'INFO',
      message: 'Consumer has joined the group',
    }),
  ).toEqual([`debug: Kafka's client: ${CREATED}`, `warn: Kafka's client: ${CREATED}`])
})
