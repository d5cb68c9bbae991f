/** Takes traces as a collector does (OTLP over HTTP, JSON), and answers what it was told. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export type ReceivedSpan = Readonly<{
  traceId: string
  spanId: string
  /** Undefined for the first of a trace. */
  parentSpanId: string | undefined
  name: string
  kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  failed: boolean
  attributes: Readonly<Record<string, unknown>>
  /** Of the process that sent it. */
  resource: Readonly<Record<string, unknown>>
}>

export type OtlpReceiver = Readonly<{
  /** What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be. */
  endpoint: string
  spans: readonly ReceivedSpan[]
  /** The bodies as they came, for what must not be in them. */
  bodies: readonly string[]
  /** What was asked for: paths, and their headers. */
  requests: readonly Readonly<{ path: string; headers: Readonly<Record<string, unknown>> }>[]
  /** Resolves with the first span that fits, come or yet to come. */
  until(fits: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>
  /** From now on every request is answered so. */
  answer(status: number): void
  stop(): Promise<void>
}>

const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const

type OtlpAttribute = Readonly<{ key: string; value: OtlpValue }>
type OtlpValue = Readonly<{
  stringValue?: string
  intValue?: number | string
  doubleValue?: number
  boolValue?: boolean
  arrayValue?: { values: readonly OtlpValue[] }
}>
type OtlpSpan = Readonly<{
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  status?: { code?: number }
  attributes?: readonly OtlpAttribute[]
}>
type OtlpTraces = Readonly<{
  resourceSpans: readonly Readonly<{
    resource: { attributes: readonly OtlpAttribute[] }
    scopeSpans: readonly Readonly<{ spans: readonly OtlpSpan[] }>[]
  }>[]
}>

export async function startOtlpReceiver(port = 0): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const bodies: string[] = []
  const requests: { path: string; headers: Readonly<Record<string, unknown>> }[] = []
  const waiting = new Set<() => void>()
  let status = 200

  const server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({ path: request.url ?? '', headers: request.headers })
      if (status === 200) {
        bodies.push(body)
        spans.push(...spansOf(JSON.parse(body) as OtlpTraces))
      }
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
      for (const look of waiting) look()
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    requests,
    until(fits) {
      const { promise, resolve } = Promise.withResolvers<ReceivedSpan>()
      const look = (): void => {
        const found = spans.find(fits)
        if (found) resolve(found)
      }
      waiting.add(look)
      look()
      return promise.finally(() => waiting.delete(look))
    },
    answer(next) {
      status = next
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

function spansOf({ resourceSpans }: OtlpTraces): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap((scope) =>
      scope.spans.map(({ traceId, spanId, parentSpanId, name, kind, status, attributes = [] }) => ({
        traceId,
        spanId,
        parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
        name,
        kind: KINDS[kind] ?? 'internal',
        failed: status?.code === 2,
        attributes: members(attributes),
        resource: members(resource.attributes),
      })),
    ),
  )
}

function members(attributes: readonly OtlpAttribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]))
}

function plain({ stringValue, intValue, doubleValue, boolValue, arrayValue }: OtlpValue): unknown {
  if (arrayValue) return arrayValue.values.map(plain)
  if (intValue !== undefined) return Number(intValue)
  return stringValue ?? doubleValue ?? boolValue
}
