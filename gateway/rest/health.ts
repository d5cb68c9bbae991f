import { Unavailable } from '../../platform/unavailable.ts'
import { type Route, route } from './route.ts'

/** How a part of the platform is. `reason` and details are shown to everyone: never a secret, a statement or a value. */
export type Health = Readonly<{ ok: boolean; reason?: string } & Record<string, unknown>>

/** Parts by name. A probe that fails, or takes longer than `PROBE_MS`, makes its part unwell. */
export type Probes = Readonly<Record<string, () => Promise<Health>>>

/** Milliseconds. */
export const PROBE_MS = 2_000

/** `/healthz`: the process answers. `/readyz`: all that it needs does so too, else 503 with the reasons. */
export function healthRoutes(probes: Probes): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/healthz/',
      summary: '进程存活检查',
      tag: '平台',
      access: 'public',
      watches: true,
      answers: [{ status: 200, description: '进程正常', example: { status: 'ok' } }],
      handle: async () => ({ status: 200, body: { status: 'ok' } }),
    }),
    route({
      method: 'GET',
      path: '/readyz/',
      summary: '就绪检查：事件存储、数据库与每个投影',
      tag: '平台',
      access: 'public',
      watches: true,
      answers: [
        { status: 200, description: '可以提供服务', example: { status: 'ready', checks: { database: { ok: true } } } },
        {
          status: 503,
          description: '暂时不能提供服务，checks 中有原因',
          example: { status: 'not_ready', checks: { database: { ok: false, reason: 'no answer within 2000 ms' } } },
        },
      ],
      async handle() {
        const parts = Object.entries(probes).map(async ([name, probe]) => [name, await ask(probe)] as const)
        const checks = Object.fromEntries(await Promise.all(parts))
        const ready = Object.values(checks).every(({ ok }) => ok)
        return {
          status: ready ? 200 : 503,
          body: { status: ready ? 'ready' : 'not_ready', checks },
          ...(!ready && { headers: { 'Retry-After': '1' } }),
        }
      },
    }),
  ]
}

/** How a part is; never rejects, and never takes longer than `PROBE_MS`. */
export async function ask(probe: () => Promise<Health>): Promise<Health> {
  const late = Promise.withResolvers<Health>()
  const timer = setTimeout(() => late.resolve({ ok: false, reason: `no answer within ${PROBE_MS} ms` }), PROBE_MS)
  try {
    return await Promise.race([probe(), late.promise])
  } catch (error) {
    return { ok: false, reason: reasonOf(error) }
  } finally {
    clearTimeout(timer)
  }
}

/** Only what is known to name no secret is shown by its words. */
function reasonOf(error: unknown): string {
  if (error instanceof Unavailable) return error.message
  return error instanceof Error ? error.name : 'failed'
}
