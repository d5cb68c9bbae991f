/** The brokers as they are shown to everyone. */
export function kafkaServer({ brokers }: Readonly<{ brokers: readonly string[] }>): string {
  return `Kafka at ${brokers.join(', ')}`
}
