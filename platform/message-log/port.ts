/** A message asks for work. `key` orders: messages of one key are handled one after the other. */
export type Message = Readonly<{
  key: string
  value: string
  /** What came, where it was no UTF-8: `value` has a replacement for what is no character. What is put aside is this. */
  raw?: Buffer
  headers?: Readonly<Record<string, string>>
}>

/**
 * What a handler does with what it cannot handle: `park` puts it aside on the topic's `.dead` with the reason, `instead` of it another
 * message where it may hold what must not be kept.
 */
export type Handled = 'done' | Readonly<{ park: string; instead?: Message }>

export type Subscription = Readonly<{
  topic: string
  /** Consumers of one group share the messages of a topic. */
  group: string
  /** Where a group that has never consumed begins. */
  from: 'start' | 'end'
}>

/**
 * Carries requests for work, at least once. Every adapter passes `test/contract/message-log.ts`.
 */
export interface MessageLog {
  /** True when messages outlive the process; else what was under way is dispatched again at start. */
  readonly durable: boolean
  /** Resolves when the log has accepted all messages; with none it makes the topic, where one must be there to be listened to. */
  publish(topic: string, messages: readonly Message[]): Promise<void>
  /**
   * Calls `handler` for each message, those of one key in order, until `signal` is aborted and the handlers under way are done.
   * A handler that throws gets the message again, with growing pauses; other keys go on.
   */
  consume(
    subscription: Subscription,
    handler: (message: Message) => Promise<Handled>,
    signal: AbortSignal,
  ): Promise<void>
  /** Resolves when the log can be reached now; throws `Unavailable`, which names its address. */
  reach(): Promise<void>
}
