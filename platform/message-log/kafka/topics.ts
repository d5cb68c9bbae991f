import type { Admin } from 'kafkajs'
import type { KafkaConfig } from '../../config.ts'
import { isRefusal, Refused } from './errors.ts'
import type { KeptAdmin } from './kept-admin.ts'

/** Makes topics that are not there yet. Names are those of the broker, prefix included. */
export type Topics = Readonly<{
  /** Resolves when the topic is there, as it is or as the configuration says. Throws `Refused` when it cannot be made. */
  ensure(topic: string): Promise<void>
  /** It has gone missing: the next `ensure` looks again. */
  forget(topic: string): void
}>

export function createTopics(admin: KeptAdmin, config: KafkaConfig): Topics {
  const ensured = new Map<string, Promise<void>>()

  async function make(topic: string): Promise<void> {
    await admin.use(async (client) => {
      try {
        // False where it exists, as when another process was faster.
        await client.createTopics({ topics: [described(topic)] })
      } catch (error) {
        if (!isRefusal(error)) throw error
        // Who may not make topics finds them made.
        if (!(await exists(client, topic))) throw new Refused(`topic ${topic} cannot be made: ${whyOf(error)}`)
      }
    })
  }

  const described = (topic: string) => ({
    topic,
    numPartitions: config.partitions,
    replicationFactor: config.replication === 0 ? -1 : config.replication,
    configEntries: [{ name: 'retention.ms', value: String(config.retentionMs) }],
  })

  return {
    ensure(topic) {
      const known = ensured.get(topic)
      if (known !== undefined) return known
      const making = make(topic)
      ensured.set(topic, making)
      making.catch(() => ensured.delete(topic))
      return making
    },
    forget: (topic) => void ensured.delete(topic),
  }
}

async function exists(client: Admin, topic: string): Promise<boolean> {
  return (await client.listTopics()).includes(topic)
}

/** kafkajs puts the reasons, one for each topic, behind an error that says that there are some. */
function whyOf(error: unknown): string {
  const { message, errors } = error as { message: string; errors?: readonly Error[] }
  return errors?.map(({ message }) => message).join('; ') ?? message
}
