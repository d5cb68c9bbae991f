import type { Metrics } from '../../platform/metrics.ts'
import { certainlyAmong } from '../address.ts'
import { apiTokenOf, type Authenticate } from '../auth.ts'
import { Refusal } from './dialects.ts'
import { ask, type Probes } from './health.ts'
import { type Call, type Route, route } from './route.ts'

/**
 * `/metrics`: what is counted, for Prometheus. Open to the addresses of `allow`, and to whoever has an API token. An address counts only
 * where it is the client's: what a proxy that is not trusted hands on comes from nobody knows whom.
 */
export function metricsRoutes({
  metrics,
  allow,
  authenticate,
}: {
  metrics: Metrics
  allow: readonly string[]
  authenticate: Authenticate['apiToken']
}): readonly Route[] {
  const isAllowed = certainlyAmong(allow)

  async function mayRead({ address, handedOn = false, headers }: Call<unknown>): Promise<boolean> {
    if (isAllowed({ address, handedOn })) return true
    const token = apiTokenOf(headers.authorization)
    return token !== undefined && (await authenticate(token)) !== undefined
  }

  return [
    route({
      method: 'GET',
      path: '/metrics/',
      summary: '运行指标（Prometheus 文本格式）',
      tag: '平台',
      access: 'public',
      watches: true,
      answers: [
        { status: 200, description: '指标', type: 'text/plain', example: EXAMPLE },
        {
          status: 403,
          description: '地址不在 METRICS_ALLOW 中，也没有有效的 API 令牌',
          example: { error: WORDS, code: 'forbidden' },
        },
      ],
      async handle(call) {
        if (!(await mayRead(call))) throw new Refusal('forbidden', WORDS)
        const { type, text } = await metrics.text()
        return { status: 200, content: { type, bytes: text } }
      },
    }),
  ]
}

/** Shows as `testledger_up` how the parts are of which `/readyz` tells at that moment. */
export function showParts(metrics: Metrics, probes: () => Probes): void {
  metrics.gauges({ testledger_up: 'Whether a part of the platform is well, as /readyz says' }, async () => {
    const parts = Object.entries(probes()).map(async ([part, probe]) => {
      const { ok } = await ask(probe)
      return { labels: { part }, value: ok ? 1 : 0 }
    })
    return { testledger_up: await Promise.all(parts) }
  })
}

const WORDS = '不能读取指标：来源地址不在 METRICS_ALLOW 中，且请求头 Authorization 没有有效的 API 令牌'
const EXAMPLE = `# HELP testledger_up Whether a part of the platform is well, as /readyz says
# TYPE testledger_up gauge
testledger_up{part="database"} 1
`
