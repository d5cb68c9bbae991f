import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { RUNS_TOPIC } from '../../contracts/topics.ts'
import { type Platform, startPlatform } from '../../main.ts'
import { readConfig } from '../../platform/config.ts'
import { createKafkaMessageLog } from '../../platform/message-log/kafka.ts'
import type { Message } from '../../platform/message-log/port.ts'
import { describeWithKafka, kafkaConfig, sharedKafka } from '../support/kafka.ts'
import { keptLog } from '../support/kept-log.ts'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { quiet } from '../support/quiet.ts'
import { startTarget } from '../support/target.ts'

describeWithKafka('a run that another process executes', () => {
  const prefix = `observed-${randomUUID()}-`
  const gateway = keptLog()
  const worker = keptLog()
  let receiver: OtlpReceiver
  let target: Awaited<ReturnType<typeof startTarget>>
  let platform: TestPlatform
  let runner: Platform
  let record: number

  beforeAll(async () => {
    const { brokers } = await sharedKafka()
    receiver = await startOtlpReceiver()
    target = await startTarget()
    platform = await startTestPlatform(
      {
        ROLES: 'gateway,relay,projector',
        MESSAGE_LOG: 'kafka',
        KAFKA_BROKERS: brokers.join(','),
        KAFKA_TOPIC_PREFIX: prefix,
        KAFKA_PARTITIONS: '3',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      },
      gateway.log,
    )
    runner = await startPlatform(readConfig({ ...platform.environment, ROLES: 'runner' }), worker.log)
    const project = await platform.made('/api/testPro/projects/', { name: 'p', leader: 'l' })
    const env = await platform.made('/api/testPro/envs/', { name: 'e', host: target.url, project })
    const owner = { name: 'i', url: '/first', method: 'post', type: '1', project }
    const icase = await platform.made('/api/TestInterFace/cases/', {
      title: 'first',
      interface: await platform.made('/api/TestInterFace/interfaces/', owner),
    })
    const scene = await platform.made('/api/testFlow/scenes/', { name: 's', project })
    await platform.made('/api/testFlow/icases/', { icase, scene, sort: 0 })
    const headers = { 'X-Request-Id': 'build-17' }
    const ran = await platform.call('POST', '/api/testFlow/scenes/run/', { env, scene }, { headers })
    expect(ran.body).toMatchObject({ state: 'success' })
    record = ran.body.record
  }, 120_000)
  afterAll(async () => {
    await runner?.stop()
    await platform?.stop()
    await target?.stop()
    await receiver?.stop()
  }, 60_000)

  test('is one trace over the broker, from the request in one process to the case in the other', async () => {
    await receiver.until(({ name }) => name === 'run scene')
    const request = await receiver.until(({ name }) => name === 'POST /api/testFlow/scenes/run/')
    const spans = receiver.spans.filter(({ traceId }) => traceId === request.traceId)
    const one = spans.find(({ name }) => name === 'case')
    const way: ReceivedSpan[] = []
    for (let span = one; span; span = spans.find(({ spanId }) => spanId === way.at(-1)?.parentSpanId)) way.push(span)
    expect(way.map(({ name }) => name)).toEqual([
      'case',
      'run scene',
      'process runs',
      'publish runs',
      'command run',
      'POST /api/testFlow/scenes/run/',
    ])
    const instances = way.map(({ resource }) => resource['service.instance.id'])
    expect(new Set(instances.slice(0, 3)).size).toBe(1)
    expect(new Set(instances.slice(3)).size).toBe(1)
    expect(instances[0]).not.toBe(instances[5])
    expect(way[0]?.resource['testledger.roles']).toEqual(['runner'])
  })

  test('is told under one correlation id in both logs, and in the message between them', async () => {
    const { brokers } = await sharedKafka()
    const outside = createKafkaMessageLog(kafkaConfig(brokers, { prefix }), { log: quiet })
    const seen = Promise.withResolvers<Message>()
    const stopping = new AbortController()
    const consuming = outside.consume(
      { topic: RUNS_TOPIC, group: randomUUID(), from: 'start' },
      async (message) => {
        seen.resolve(message)
        return 'done'
      },
      stopping.signal,
    )
    expect(await seen.promise).toMatchObject({
      key: `run-${record}`,
      headers: { 'correlation-id': 'build-17', traceparent: expect.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-01$/) },
    })
    stopping.abort()
    await consuming
    await outside.stop()
    const published = gateway.lines.find(({ msg, topic }) => msg === 'published' && topic === RUNS_TOPIC)
    expect(published).toMatchObject({ key: `run-${record}`, id: 'build-17' })
    while (!worker.lines.some(({ msg }) => msg === 'run')) await new Promise(setImmediate)
    for (const msg of ['a run was claimed', 'run']) {
      expect(worker.lines.find((line) => line.msg === msg)).toMatchObject({ run: record, id: 'build-17' })
    }
  })

  test('is counted by who did it', async () => {
    const [there, here] = await Promise.all(
      [runner.url, platform.url].map(async (url) => (await fetch(`${url}/metrics`)).text()),
    )
    expect(there).toContain('testledger_run_queue_seconds_count 1\n')
    expect(there).toContain('testledger_runs_finished_total{state="success"} 1\n')
    expect(there).toContain('testledger_up{part="message_log"} 1\n')
    expect(there).toMatch(/^testledger_info\{version="[^"]+",roles="runner"\} 1$/m)
    // The backlog is shown by whoever is no runner alone.
    expect(there).not.toContain('testledger_relay_lag')
    expect(here).not.toContain('testledger_run_queue_seconds_count 1\n')
    expect(here).toContain('testledger_messages_published_total{topic="runs"} 1\n')
    for (const lane of ['work', 'events']) {
      expect(here).toMatch(new RegExp(`^testledger_relay_lag\\{lane="${lane}"\\} \\d+$`, 'm'))
    }
  })
})
