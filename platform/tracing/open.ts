import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { type Tracing, untraced } from '../tracing.ts'

/** Traces as the configuration says. The SDK is loaded only where there is somewhere to send traces to: that takes a while. */
export async function openTracing(config: Pick<Config, 'tracing' | 'roles'>, log: Log): Promise<Tracing> {
  const { tracing, roles } = config
  if (tracing === undefined) return untraced
  const { traceToCollector } = await import('./collector.ts')
  return traceToCollector({ ...tracing, roles, log })
}
