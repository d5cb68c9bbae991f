import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { within } from './within.ts'

/** Values of a metric's labels. There are few of each: never an id, an address, a URL or what users wrote. */
type Labels<L extends string> = Readonly<Record<L, string>>

/** A number that only grows while the process lives. */
export interface Count<L extends string = never> {
  add(by: number, labels: Labels<L>): void
}

/** How often something took how many seconds. */
export interface Durations<L extends string = never> {
  observe(seconds: number, labels: Labels<L>): void
}

/** What a gauge shows, under its labels. */
export type Shown = Readonly<{ value: number; labels?: Readonly<Record<string, string>> }>

/** What this process counts and measures, for Prometheus to collect. Names are documented in `docs/metrics.md`. */
export interface Metrics {
  count<const L extends string = never>(name: string, meaning: string, labels?: readonly L[]): Count<L>
  /** `buckets` are upper bounds in seconds, growing. */
  durations<const L extends string = never>(
    name: string,
    meaning: string,
    buckets: readonly number[],
    labels?: readonly L[],
  ): Durations<L>
  /**
   * Gauges that are read when they are asked for: `meanings` by name, `read` answers what each shows. While `read` fails, or takes
   * longer than three seconds, none of them is shown.
   */
  gauges<const N extends string>(
    meanings: Readonly<Record<N, string>>,
    read: () => Promise<Readonly<Record<N, readonly Shown[]>>>,
  ): void
  /** All of it in Prometheus's text format; never fails for want of a server. */
  text(): Promise<Readonly<{ type: string; text: string }>>
}

/** Milliseconds that one reading of gauges may take. */
const READ_MS = 3_000

type Reading = () => Promise<void>

/** The metrics of one platform. Those of the process itself are added to them as they are. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const readings: Reading[] = []
  // Begun late, it would show at the first collection what nobody had measured: a shortest lag of the event loop of 292 years.
  const ofThisProcess = processMetrics()
  const unread = new Counter({
    name: 'testledger_readings_failed_total',
    help: 'Times that a gauge could not be read when metrics were collected, by one gauge of those read together',
    labelNames: ['gauge'],
    registers,
  })
  let collecting: Promise<string> | undefined

  async function collect(): Promise<string> {
    await Promise.all(readings.map((read) => read()))
    const [own, ofProcess] = await Promise.all([registry.metrics(), ofThisProcess.metrics()])
    return `${own.trimEnd()}\n\n${ofProcess}`
  }

  return {
    count(name, help, labelNames = []) {
      const counter = new Counter<string>({ name, help, labelNames: [...labelNames], registers })
      return { add: (by, labels) => counter.inc(labels, by) }
    },

    durations(name, help, buckets, labelNames = []) {
      const more = { buckets: [...buckets], labelNames: [...labelNames], registers }
      const histogram = new Histogram<string>({ name, help, ...more })
      return { observe: (seconds, labels) => histogram.observe(labels, seconds) }
    },

    gauges<N extends string>(
      meanings: Readonly<Record<N, string>>,
      read: () => Promise<Readonly<Record<N, readonly Shown[]>>>,
    ) {
      const gauges = Object.entries<string>(meanings).map(([name, help]) => new LabelledGauge(name, help, registry))
      readings.push(async () => {
        let shown: Readonly<Partial<Record<string, readonly Shown[]>>> = {}
        try {
          shown = await within(READ_MS, read())
        } catch {
          unread.inc({ gauge: gauges[0]?.name ?? '' })
        }
        for (const gauge of gauges) gauge.show(shown[gauge.name] ?? [])
      })
    },

    async text() {
      // Who asks while others do is answered with them: what is read is read once.
      collecting ??= collect().finally(() => (collecting = undefined))
      return { type: registry.contentType, text: await collecting }
    },
  }
}

/** A gauge whose labels are those of what it shows. */
class LabelledGauge {
  readonly name: string
  readonly #help: string
  readonly #registry: Registry

  constructor(name: string, help: string, registry: Registry) {
    this.name = name
    this.#help = help
    this.#registry = registry
  }

  /** Anew each time: what is not shown any more is gone, its name too where there is nothing at all. */
  show(values: readonly Shown[]): void {
    this.#registry.removeSingleMetric(this.name)
    if (values.length === 0) return
    const labelNames = Object.keys(values[0]?.labels ?? {})
    const gauge = new Gauge({ name: this.name, help: this.#help, labelNames, registers: [this.#registry] })
    for (const { value, labels = {} } of values) gauge.set(labels, value)
  }
}

let ofProcess: Registry | undefined

/**
 * Memory, CPU, event loop and garbage collection of this process: one set, however many platforms are in it, for the library begins to
 * watch and can never be told to stop.
 */
function processMetrics(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess
}
