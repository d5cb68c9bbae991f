import { startTriggerCommands } from '../gateway/messages/trigger-commands.ts'
import { apiTokenRoutes } from '../gateway/rest/api-tokens.ts'
import { bugRoutes } from '../gateway/rest/bugs.ts'
import { caseRoutes } from '../gateway/rest/cases.ts'
import { environmentRoutes } from '../gateway/rest/environments.ts'
import { fileRoutes } from '../gateway/rest/files.ts'
import { interfaceModuleRoutes } from '../gateway/rest/interface-modules.ts'
import { interfaceRoutes } from '../gateway/rest/interfaces.ts'
import { loginRoutes } from '../gateway/rest/logins.ts'
import { projectRoutes } from '../gateway/rest/projects.ts'
import { recordRoutes } from '../gateway/rest/records.ts'
import { reportRoutes } from '../gateway/rest/reports.ts'
import type { Route } from '../gateway/rest/route.ts'
import { runRoutes } from '../gateway/rest/runs.ts'
import { sceneRoutes } from '../gateway/rest/scenes.ts'
import { stepRoutes } from '../gateway/rest/steps.ts'
import { taskRoutes } from '../gateway/rest/tasks.ts'
import { userRoutes } from '../gateway/rest/users.ts'
import { createRunEnds } from '../services/runs/ends.ts'
import { createNews } from '../services/runs/news.ts'
import { createRunProgresses } from '../services/runs/progress.ts'
import { createRunRequests } from '../services/runs/request.ts'
import type { Ground, Stops } from './ground.ts'

/** The role `gateway`: all that people and machines ask over REST. Runs are waited for wherever they are executed: it follows the store. */
export function gatewayRoutes(ground: Ground, closing: AbortSignal): readonly Route[] {
  const { config, store, models, writes, visible, memory, blobs, secrets, folds, feed, access } = ground
  const { users, logins, apiTokens } = access
  const modules = { models, writes, visible, memory, blobs, cipher: secrets }
  const runRequests = createRunRequests({ writes, visible, models, head: () => store.head(), blobs, cipher: secrets })
  const news = createNews({ feed, closing })
  const runEnds = createRunEnds({ news, folds, readModels: models })
  const runProgresses = createRunProgresses({ models, blobs, folds, news })
  return [
    ...loginRoutes(logins),
    ...apiTokenRoutes({ apiTokens, users }),
    ...userRoutes({ models, users, registration: config.registration === 'open' }),
    ...projectRoutes(modules),
    ...environmentRoutes(modules),
    ...fileRoutes(modules),
    ...interfaceModuleRoutes(modules),
    ...interfaceRoutes(modules),
    ...caseRoutes(modules),
    ...sceneRoutes(modules),
    ...stepRoutes(modules),
    ...taskRoutes(modules),
    ...runRoutes({ ...modules, runRequests, runEnds, runWaitSeconds: config.runWaitSeconds }),
    ...recordRoutes({ models, runProgresses, timeZone: config.timeZone }),
    ...reportRoutes(modules),
    ...bugRoutes(modules),
  ]
}

/** What CI asks for over the message log, carried out by the routes. In memory nobody from outside could publish it. */
export function startCommands(ground: Ground, routes: readonly Route[], stops: Stops): void {
  const { messages, access, db, secrets, store, folds, log } = ground
  if (!messages.durable) return
  const { authenticate } = access.apiTokens
  const { mac } = secrets
  const commands = startTriggerCommands({ messages, routes, authenticate, db, cipher: secrets, mac, store, folds, log })
  stops.push(() => commands.stop())
}
