import type { SerializedCookieJar } from 'tough-cookie'
import { type JsonObject, parseJson } from '../../contracts/json.ts'
import { type RunEvent, runStream } from '../../contracts/run.ts'
import type { Blobs } from '../../platform/blobs.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import type { PlaceInRun, Requested } from '../commands/run.ts'
import type { Cipher } from '../environments/sealed.ts'
import { openCarried, withChanges } from './carried.ts'
import { type FlowOptions, globalScope, type RunEnvironment } from './case/flow.ts'

/**
 * Where an earlier attempt at a run stopped: its global variables and cookies, and of the scene that `next` belongs to the temporary
 * ones. Nothing for a run that has no results yet.
 */
export async function resumed(
  deps: { store: Pick<EventStore, 'load'>; blobs: Pick<Blobs, 'unspill'>; cipher: Cipher },
  { request, counts }: Requested,
  next: PlaceInRun,
  environment: RunEnvironment,
): Promise<Pick<FlowOptions, 'resume'>> {
  if (counts.all === 0) return {}
  const events = (await deps.store.load(runStream(request.id))) as readonly RunEvent[]
  let env: JsonObject = new Map()
  let ENV = globalScope(environment)
  let cookies: SerializedCookieJar | undefined
  const saved: JsonObject[] = []
  for (const event of events) {
    if (event.type !== 'CaseFinished' || event.data.carried === undefined) continue
    const { sealed } = await deps.blobs.unspill({ sealed: event.data.carried })
    const carried = await openCarried(deps.cipher, request.project, sealed)
    // Without the key there is nobody left who could miss it: the project's secrets were forgotten.
    if (!carried) continue
    if (event.data.flow === next.flow) env = withChanges(env, carried.env)
    ENV = withChanges(ENV, carried.ENV)
    cookies = carried.cookies ?? cookies
    for (const { set } of [carried.env, carried.ENV]) {
      saved.push(new Map(Object.entries(set).map(([name, text]) => [name, parseJson(text, { nonFinite: true })])))
    }
  }
  return { resume: { env, ENV, saved, ...(cookies && { cookies }) } }
}
