import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Certified, createAuthority } from '../../test/support/certificates.ts'
import { testledger } from '../../test/support/cli.ts'
import { describeWithKafka, kafkaConfig, type KafkaBroker, startKafka } from '../../test/support/kafka.ts'
import { quiet } from '../../test/support/quiet.ts'
import type { KafkaConfig } from '../config.ts'
import { Unavailable } from '../unavailable.ts'
import { createKafkaMessageLog } from './kafka.ts'

const PASSWORD = 'alice-has-a-secret'

describeWithKafka('Kafka that wants encryption, a certificate and a password', () => {
  let [folder, ca]: string[] = []
  let client: Certified
  let broker: KafkaBroker
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'testledger-certificates-'))
    const authority = await createAuthority(folder)
    ca = authority.ca
    const server = await authority.sign('server')
    client = await authority.sign('client')
    const login = 'org.apache.kafka.common.security'
    broker = await startKafka({
      security: 'SASL_SSL',
      users: { alice: PASSWORD },
      settings: {
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        'sasl.mechanism.inter.broker.protocol': 'PLAIN',
        'listener.name.clients.plain.sasl.jaas.config': `${login}.plain.PlainLoginModule required username="broker" password="own" user_broker="own" user_alice="${PASSWORD}";`,
        'listener.name.clients.scram-sha-256.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
        'listener.name.clients.scram-sha-512.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
        'listener.name.clients.ssl.client.auth': 'required',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': server.both,
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': authority.ca,
      },
    })
  }, 120_000)
  afterAll(async () => {
    await broker?.remove()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  type Security = Pick<KafkaConfig, 'tls' | 'sasl'>
  const known = (mechanism: NonNullable<KafkaConfig['sasl']>['mechanism'] = 'plain'): Security => ({
    tls: { ...(ca !== undefined && { ca }), cert: client.cert, key: client.key },
    sasl: { mechanism, username: 'alice', password: PASSWORD },
  })

  async function withLog<T>(
    security: Security,
    work: (log: ReturnType<typeof createKafkaMessageLog>) => Promise<T>,
  ): Promise<T> {
    const log = createKafkaMessageLog(kafkaConfig(broker.brokers, security), { log: quiet, publishMs: 1_500 })
    try {
      return await work(log)
    } finally {
      await log.stop()
    }
  }

  test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('is used by who says who it is by %s', (mechanism) =>
    withLog(known(mechanism), async (log) => {
      await log.reach()
      const topic = randomUUID()
      await log.publish(topic, [{ key: 'k', value: mechanism }])
      const abort = new AbortController()
      const seen: string[] = []
      const handler = async ({ value }: { value: string }) => {
        seen.push(value)
        abort.abort()
        return 'done' as const
      }
      await log.consume({ topic, group: randomUUID(), from: 'start' }, handler, abort.signal)
      expect(seen).toEqual([mechanism])
    }),
  )

  describe('npx testledger run --kafka', () => {
    /** With the very variables of the platform. */
    const run = (more: Readonly<Record<string, string>> = {}) => {
      const variables = {
        KAFKA_TLS: 'on',
        KAFKA_TLS_CA: ca ?? '',
        KAFKA_TLS_CERT: client.cert,
        KAFKA_TLS_KEY: client.key,
        KAFKA_SASL_MECHANISM: 'scram-sha-512',
        KAFKA_SASL_USERNAME: 'alice',
        KAFKA_SASL_PASSWORD: PASSWORD,
      }
      const args = [
        'run',
        '--kafka',
        broker.brokers.join(','),
        '--kafka-prefix',
        'nobody.',
        '--task',
        '1',
        '--env',
        '1',
      ]
      return testledger(args, { env: { ...variables, ...more } }).ended
    }

    test('comes in, and finds no platform there', async () => {
      expect((await run()).errors).toContain('there is no topic nobody.commands')
    })

    test('says why it does not come in, and no password', async () => {
      const { code, errors } = await run({ KAFKA_SASL_PASSWORD: 'a-wrong-secret' })
      expect(code).toBe(2)
      expect(errors).toMatch(/^testledger: Kafka at .* cannot be reached: .*authentication failed/im)
      expect(errors).not.toContain('a-wrong-secret')
      expect((await run({ KAFKA_TLS_CA: '/nowhere/ca.pem' })).errors).toMatch(/KAFKA_TLS_CA: .*\/nowhere\/ca\.pem/)
    })
  })

  describe('tells who may not come in', () => {
    async function refusal(security: Security): Promise<string> {
      const reasons = await withLog(security, (log) =>
        Promise.allSettled([log.reach(), log.publish('t', [{ key: 'k', value: '' }])]),
      )
      return reasons
        .map((outcome) => {
          const { reason } = outcome as PromiseRejectedResult
          expect(reason).toBeInstanceOf(Unavailable)
          return String(reason)
        })
        .join('\n')
    }

    test('that the password is wrong, and not which', async () => {
      const sasl = { mechanism: 'plain', username: 'alice', password: 'a-wrong-secret' } as const
      const said = await refusal({ ...known(), sasl })
      expect(said).toMatch(/authentication failed[^]*authentication failed/i)
      expect(said).not.toContain('a-wrong-secret')
    })

    test("that the broker's certificate is not of an authority that is trusted", async () => {
      const { cert, key } = client
      expect(await refusal({ ...known(), tls: { cert, key } })).toMatch(/self-signed|unable to (?:verify|get)/i)
    })

    test('that a file cannot be read, and by which variable it is named', async () => {
      const tls = { ...known().tls, ca: '/nowhere/ca.pem' }
      expect(await refusal({ ...known(), tls })).toMatch(/KAFKA_TLS_CA: .*\/nowhere\/ca\.pem[^]*KAFKA_TLS_CA/)
    })

    test('that it has no certificate of its own', async () => {
      expect(await refusal({ ...known(), tls: ca === undefined ? {} : { ca } })).toContain('is not available')
    })
  })
})
