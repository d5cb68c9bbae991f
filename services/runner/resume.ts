import type { SerializedCookieJar } from 'tough-cookie'
import { type JsonObject, parseJson } from '../../contracts/json.ts'
import { type RunEvent, runStream } from '../../contracts/run.ts'
import type { Blobs } from '../../platform/blobs.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import type { Requested } from '../commands/run.ts'
import type { Cipher } from '../environments/sealed.ts'
import { type Carried, openCarried, withChanges } from './carried.ts'
import { type FlowOptions, globalScope, type RunEnvironment } from './case/flow.ts'

/** What the cases of a run left for those after them, in the order in which they ended, each with its flow. */
export type Legacy = readonly Readonly<{ flow: number; carried: Carried }>[]

/** What earlier attempts at a run left; nothing for one that has no results yet. */
export async function legacyOf(
  { store, blobs, cipher }: { store: Pick<EventStore, 'load'>; blobs: Pick<Blobs, 'unspill'>; cipher: Cipher },
  { request, counts }: Requested,
): Promise<Legacy> {
  if (counts.all === 0) return []
  const events = (await store.load(runStream(request.id))) as readonly RunEvent[]
  const left = events.flatMap(({ type, data }) =>
    type === 'CaseFinished' && data.carried !== undefined ? [{ flow: data.flow, sealed: data.carried }] : [],
  )
  const opened = await Promise.all(
    (await blobs.unspill(left)).map(async ({ flow, sealed }) => {
      const carried = await openCarried(cipher, request.project, sealed)
      // Without the key there is nobody left who could miss it: the project's secrets were forgotten.
      return carried ? [{ flow, carried }] : []
    }),
  )
  return opened.flat()
}

/**
 * Where an earlier attempt stopped, for a flow that goes on: the run's global variables and cookies, and of this flow the temporary
 * ones. Flows that go `apart` have global variables and cookies of their own.
 */
export function resumed(
  legacy: Legacy,
  flow: number,
  environment: RunEnvironment,
  apart: boolean,
): Pick<FlowOptions, 'resume'> {
  let env: JsonObject = new Map()
  let ENV = globalScope(environment)
  let cookies: SerializedCookieJar | undefined
  const saved: JsonObject[] = []
  const own = apart ? legacy.filter((each) => each.flow === flow) : legacy
  if (own.length === 0) return {}
  for (const { flow: of, carried } of own) {
    if (of === flow) env = withChanges(env, carried.env)
    ENV = withChanges(ENV, carried.ENV)
    cookies = carried.cookies ?? cookies
    for (const { set } of [carried.env, carried.ENV]) {
      saved.push(new Map(Object.entries(set).map(([name, text]) => [name, parseJson(text, { nonFinite: true })])))
    }
  }
  return { resume: { env, ENV, saved, ...(cookies && { cookies }) } }
}
