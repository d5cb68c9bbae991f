import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { type Context, ROOT_CONTEXT, type Span as OtelSpan, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import { Rejected } from '../../contracts/core.ts'
import type { Log } from '../log.ts'
import type { Attributes, Span, SpanOptions, Tracing } from '../tracing.ts'
import { Unavailable } from '../unavailable.ts'
import { version } from '../version.ts'
import { readTraceparent, writeTraceparent } from './traceparent.ts'

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const

/** Spans that wait to be sent at most; what comes on top is dropped, for the platform goes first. */
const MOST_WAITING = 16_384
/** Milliseconds that a span waits for others at most, that one export may take, and that the last ones may when the platform stops. */
const WAIT_MS = 1_000
const EXPORT_MS = 5_000
const LAST_MS = 1_500
/** Milliseconds between two lines of the log that tell of spans that were lost. */
const COMPLAIN_MS = 60_000

/**
 * Sends spans to a collector (OTLP over HTTP, JSON) at `endpoint`, by the official SDK, which reads what else the standard variables say:
 * `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`. A collector that is away costs spans and nothing else.
 *
 * The span under way is kept here, not in the SDK's globals: whatever else a process has, it has as many tracings as platforms.
 */
export function traceToCollector({
  endpoint,
  service,
  roles,
  log,
}: {
  endpoint: string
  service: string
  roles: readonly string[]
  log: Log
}): Tracing {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`
  const exporter = complaining(new OTLPTraceExporter({ url, timeoutMillis: EXPORT_MS }), new URL(endpoint).host, log)
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': service,
      'service.version': version,
      'service.instance.id': randomUUID(),
      'testledger.roles': [...roles],
    }),
    spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: MOST_WAITING, scheduledDelayMillis: WAIT_MS })],
  })
  const tracer = provider.getTracer('testledger', version)
  const underWay = new AsyncLocalStorage<OtelSpan>()

  function start(name: string, { kind = 'internal', attributes = {}, ...given }: SpanOptions): OtelSpan {
    const parent = 'parent' in given ? remote(given.parent) : local(underWay.getStore())
    return tracer.startSpan(name, { kind: KINDS[kind], attributes }, parent)
  }

  return {
    async span(name, options, work) {
      const span = start(name, options)
      try {
        return await underWay.run(span, () => work(handleOf(span)))
      } catch (error) {
        told(span, error)
        throw error
      } finally {
        span.end()
      }
    },

    begin(name, options) {
      const span = start(name, options)
      return { ...handleOf(span), traceparent: writeTraceparent(span.spanContext()), end: () => span.end() }
    },

    traceparent() {
      const span = underWay.getStore()
      return span && writeTraceparent(span.spanContext())
    },

    async stop() {
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, LAST_MS)
      // What could not be sent has been complained of.
      await Promise.race([provider.shutdown().catch(() => {}), late.promise])
      clearTimeout(timer)
    },
  }
}

function local(span: OtelSpan | undefined): Context {
  return span ? trace.setSpan(ROOT_CONTEXT, span) : ROOT_CONTEXT
}

function remote(traceparent: string | undefined): Context {
  const parent = readTraceparent(traceparent)
  return parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT
}

function handleOf(span: OtelSpan): Span {
  return {
    set: (attributes: Attributes) => void span.setAttributes(attributes),
    rename: (name) => void span.updateName(name),
    fail: () => void span.setStatus({ code: SpanStatusCode.ERROR }),
  }
}

/** Not the words: they may hold a value. A refusal is an answer, no failure. */
function told(span: OtelSpan, error: unknown): void {
  if (error instanceof Rejected) span.setAttribute('testledger.refused', error.code)
  else {
    span.setAttribute('error.type', error instanceof Error ? error.name : typeof error)
    span.setStatus({ code: SpanStatusCode.ERROR })
  }
}

/** The SDK loses spans without a word. This says so, now and then, and how many it was. */
function complaining(exporter: SpanExporter, host: string, log: Log): SpanExporter {
  let lost = 0
  let complainedAt = -Infinity
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.error !== undefined) {
          lost += spans.length
          if (performance.now() - complainedAt >= COMPLAIN_MS) {
            complainedAt = performance.now()
            const { message } = new Unavailable(`The trace collector at ${host}`, result.error)
            log.warn({ reason: message, lost }, 'traces could not be sent and are dropped')
            lost = 0
          }
        }
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  }
}
