/**
 * Specifications. A decider: given events, when a command comes, then these events (or this refusal). A projection: given events, then
 * these rows, and the same rows when the events come twice.
 */
import { expect } from '@jest/globals'
import { type Decider, type Event, type Recorded, type Rejected, START } from '../contracts/core.ts'

/** `given(decider, …events).when(command).then(…events)`, or `.refused(code, field)`. */
export function given<S, C, E extends Event>(decider: Decider<S, C, E>, ...events: E[]) {
  const state = recorded(events).reduce<S>((folded, event) => decider.evolve(folded, event), decider.initial)
  return {
    /** What the events fold to. */
    state,
    when(command: C) {
      const decide = (): readonly E[] => decider.decide(command, state)
      return {
        gives: (...wanted: E[]) => expect(decide()).toEqual(wanted),
        refused(code: Rejected['code'], field?: string) {
          expect(thrownBy(decide)).toMatchObject({ name: 'Rejected', code, field })
        },
      }
    },
  }
}

function thrownBy(work: () => unknown): unknown {
  try {
    return { answered: work() }
  } catch (error) {
    return error
  }
}

/** Events as a store would answer them: one stream where none is named, a second apart. */
export function recorded<E extends Event>(events: readonly (E & { stream?: string })[]): readonly Recorded<E>[] {
  const revisions = new Map<string, bigint>()
  return events.map((event, index) => {
    const { stream = 'thing-1', ...rest } = event
    const revision = (revisions.get(stream) ?? -1n) + 1n
    revisions.set(stream, revision)
    return {
      ...(rest as unknown as E),
      id: `00000000-0000-5000-8000-${String(index).padStart(12, '0')}`,
      stream,
      revision,
      position: String(index + 1).padStart(START.length, '0'),
      at: `2026-11-21T18:00:${String(index % 60).padStart(2, '0')}.000000+08:00`,
      meta: { commandId: `command-${index}`, actor: 1, correlationId: 'given', schemaVersion: 1 },
    }
  })
}
