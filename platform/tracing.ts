export type SpanKind = 'internal' | 'server' | 'producer' | 'consumer'

/** What a span says. Everybody who may see traces sees it: never a secret, a body or a URL with its query. */
export type Attributes = Readonly<Record<string, string | number | boolean>>

export type SpanOptions = Readonly<{
  kind?: SpanKind
  /**
   * What it is part of: a W3C `traceparent` as it came from elsewhere. One that cannot be read is none, and the span begins a trace of
   * its own. Where it is not given at all, the span under way.
   */
  parent?: string | undefined
  attributes?: Attributes
}>

/** A piece of work while it is under way. */
export interface Span {
  set(attributes: Attributes): void
  rename(name: string): void
  /** It has failed, though nothing was thrown. */
  fail(): void
}

/** A piece of work that others say the beginning and the end of. */
export interface OpenSpan extends Span {
  readonly traceparent: string
  end(): void
}

/** Tells a collector of traces what is done, for which request. */
export interface Tracing {
  /** Does `work` as a span: what it begins itself is part of it. A span whose work throws has failed. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>
  /** A span that encloses nothing by itself; undefined where nothing is traced. */
  begin(name: string, options: SpanOptions): OpenSpan | undefined
  /** The span under way as a W3C `traceparent`, for messages and events to carry; undefined where there is none. */
  traceparent(): string | undefined
  /** Sends what has not been sent yet, for a second or two at most. */
  stop(): Promise<void>
}

const nobody: Span = { set: () => {}, rename: () => {}, fail: () => {} }

/** Nothing is traced, at no cost. */
export const untraced: Tracing = {
  span: (_, __, work) => work(nobody),
  begin: () => undefined,
  traceparent: () => undefined,
  stop: async () => {},
}
