import type { CaseResult, RunCase } from '../../contracts/run.ts'
import type { PlaceInRun } from '../commands/run.ts'
import type { Carried } from './carried.ts'
import { beginScene, closeFlow, type Flow, hasCode } from './case/flow.ts'
import type { CaseToRun } from './case/run-case.ts'
import type { SandboxScripts } from './case/sandbox-scripts.ts'
import type { Lane } from './lanes.ts'

/** A case of a run, and where in the run it stands. `again`: an earlier attempt may have begun it. */
export type Place = PlaceInRun & Readonly<{ wanted: RunCase; again: boolean }>

/** The cases of a run's `nth` flow that have no verdict yet, in order. `deadly`: too many attempts have died of the first of them. */
export type SceneLeft = Readonly<{ nth: number; places: readonly Place[]; deadly: boolean }>

/** A case that has run. */
export type Performed = Readonly<{ place: Place; result: CaseResult; carried?: Carried }>

/** A scene that is open: what its cases share. */
export type Scene = Readonly<{ nth: number; flow: Flow; scripts: SandboxScripts }>

/** How scenes are run, one after the other in each lane; cases of a scene in order. */
export function sceneLanes(deps: {
  /** There is one lane: a scene goes on with what the one before it has left. */
  together: boolean
  openScene(nth: number): Scene
  contentOf(place: Place): Promise<CaseToRun>
  /** Says in the log that a case is begun. */
  begin(place: Place): Promise<void>
  perform(flow: Flow, place: Place, content: CaseToRun): Promise<Performed>
  /** The result of a case that is not run any more. */
  skipped(place: Place): Performed
  /** Resolves when the result is written. */
  write(performed: Performed): Promise<void>
  /** No further case is to be begun. */
  leaving(): boolean
}): () => Lane<SceneLeft> {
  const { together, openScene, contentOf, begin, perform, skipped, write, leaving } = deps

  /** The next case is read while the one before it runs; who waits for it hears of what went wrong. */
  function loaded(place: Place): Promise<CaseToRun> {
    const content = contentOf(place)
    content.catch(() => {})
    return content
  }

  return () => {
    let current: Scene | undefined

    function sceneOf(nth: number): Scene {
      if (current?.nth === nth) return current
      if (current) beginScene(current.flow)
      return (current = current ? { ...current, nth } : openScene(nth))
    }

    async function close(): Promise<void> {
      const scene = current
      current = undefined
      scene?.scripts.close()
      await (scene && closeFlow(scene.flow))
    }

    return {
      close,

      async alone({ nth, places, deadly }) {
        for (const [each, place] of places.entries()) {
          if (!place.again || leaving()) return
          if (each === 0 && deadly) {
            await write(skipped(place))
            continue
          }
          const content = await contentOf(place)
          const { flow, scripts } = sceneOf(nth)
          // A death while the interpreter starts is not to be laid at the door of the case.
          if (hasCode(content.setupScript) || hasCode(content.teardownScript)) await scripts.ready()
          // Should this attempt die too, the log shall tell of which case.
          await begin(place)
          await write(await perform(flow, place, content))
        }
      },

      async rest({ nth, places }) {
        if (leaving()) return
        const fresh = places.filter(({ again }) => !again)
        let content = fresh[0] && loaded(fresh[0])
        let written: Promise<void> | undefined
        for (const [each, place] of fresh.entries()) {
          if (leaving()) break
          const present = (await content) ?? (await loaded(place))
          const following = fresh[each + 1]
          content = following && loaded(following)
          const performed = await perform(sceneOf(nth).flow, place, present)
          // The next case begins when at most one result of this scene is unwritten: more would run again after a kill.
          await written
          written = write(performed)
        }
        await written
        // Other lanes may be waiting for what it has.
        if (!together) await close()
      },
    }
  }
}
