import { healthRoutes, type Probes } from '../gateway/rest/health.ts'
import { metricsRoutes } from '../gateway/rest/metrics.ts'
import type { Route } from '../gateway/rest/route.ts'
import { version } from '../platform/version.ts'
import { showBacklog } from '../services/backlog.ts'
import { relayed } from '../services/relay.ts'
import type { Ground } from './ground.ts'

/** What a process in any role tells whoever watches over it: `/healthz`, `/readyz`, which asks `probes`, and `/metrics`. */
export function watchRoutes(ground: Ground, probes: Probes): readonly Route[] {
  const { config, metrics, store, models, db, access } = ground
  const info = { value: 1, labels: { version, roles: config.roles.join(',') } }
  metrics.gauges({ testledger_info: 'Version and roles of this process' }, async () => ({ testledger_info: [info] }))
  // It is the platform's, whoever tells it. Runners come and go, and there are many.
  if (config.roles.some((role) => role !== 'runner')) {
    showBacklog({ metrics, store, models, relayed: () => relayed(db) })
  }
  const { authenticate } = access.apiTokens
  return [...healthRoutes(probes), ...metricsRoutes({ metrics, allow: config.metricsAllow, authenticate })]
}
