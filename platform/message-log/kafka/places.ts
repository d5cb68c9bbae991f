import type { ICustomPartitioner, Message, RecordMetadata, TopicMessages } from 'kafkajs'

/** A message belongs on another partition than the one that it was sent to: its topic has got more of them in the middle of a sending. */
export class Moved extends Error {
  constructor(topic: string) {
    super(`topic ${topic} has got more partitions`)
  }
}

/** Where the messages of one producer go, and which of them the brokers have answered. */
export type Places = Readonly<{
  /** The one that it was made of, which is watched. */
  partitioner: ICustomPartitioner
  /**
   * What was sent and is on no partition that was answered. kafkajs sends again what a broker refuses because the partition has
   * another leader now, but not where that is one which has answered for other partitions already; then it calls all of it sent
   * (tulios/kafkajs#1303, #1798). Throws `Moved` where it cannot be told.
   */
  unanswered(sent: readonly TopicMessages[], answers: readonly RecordMetadata[]): TopicMessages[]
}>

export function createPlaces(inner: ICustomPartitioner): Places {
  const places = new WeakMap<Message, number>()
  const moved = new WeakSet<Message>()
  return {
    partitioner() {
      const placeOf = inner()
      return (args) => {
        const place = placeOf(args)
        const before = places.get(args.message)
        if (before !== undefined && before !== place) moved.add(args.message)
        places.set(args.message, place)
        return place
      }
    },
    unanswered(sent, answers) {
      const answered = new Set(answers.map(({ topicName, partition }) => `${topicName} ${partition}`))
      return sent.flatMap(({ topic, messages }) => {
        if (messages.some((message) => moved.has(message))) throw new Moved(topic)
        const left = messages.filter((message) => !answered.has(`${topic} ${places.get(message)}`))
        return left.length > 0 ? [{ topic, messages: left }] : []
      })
    },
  }
}
