import { healthRoutes } from '../gateway/rest/health.ts'
import { metricsRoutes } from '../gateway/rest/metrics.ts'
import { probesOf } from '../gateway/rest/probes.ts'
import type { Route } from '../gateway/rest/route.ts'
import { version } from '../platform/version.ts'
import { showBacklog } from '../services/backlog.ts'
import { relayed } from '../services/relay.ts'
import type { Ground } from './ground.ts'

/** What a process in any role tells whoever watches over it: `/healthz`, `/readyz` and `/metrics`. */
export function watchRoutes(ground: Ground): readonly Route[] {
  const { config, metrics, store, models, db, access } = ground
  const info = { value: 1, labels: { version, roles: config.roles.join(',') } }
  metrics.gauges({ testledger_info: 'Version and roles of this process' }, async () => ({ testledger_info: [info] }))
  // It is the platform's, whoever tells it. Runners come and go, and there are many.
  if (config.roles.some((role) => role !== 'runner')) {
    showBacklog({ metrics, store, models, relayed: () => relayed(db) })
  }
  const probes = probesOf(ground)
  const { authenticate } = access.apiTokens
  return [...healthRoutes(probes), ...metricsRoutes({ metrics, probes, allow: config.metricsAllow, authenticate })]
}
