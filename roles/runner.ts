import { join } from 'node:path'
import { parseTargetDeny } from '../services/runner/case/deny.ts'
import { createCaseFiles } from '../services/runner/case-files.ts'
import { createExecuteRun } from '../services/runner/execute.ts'
import { createPinned } from '../services/runner/pinned.ts'
import { startRunner } from '../services/runner/runner.ts'
import { createSandboxPool } from '../services/runner/sandbox/pool.ts'
import { measureQueue } from '../services/runs/counted.ts'
import type { Ground, Stops } from './ground.ts'

/** When runs under way are to be given back: `soon` after their case under way, `now` at once. */
export type Leaving = Readonly<{ soon: AbortSignal; now: AbortSignal }>

/** The role `runner`: executes runs. Answers how to give them back, which resolves when none is under way any more. */
export function startRunnerRole(ground: Ground, stops: Stops): (leaving: Leaving) => Promise<void> {
  const { config, log, messages, handle, folds, feed, leases, store, blobs, secrets, models, clock, metrics, tracing } =
    ground
  const { sandboxPool: size, timeZone } = config
  const restarts = metrics.count(
    'testledger_sandbox_restarts_total',
    'Interpreters that took the place of one that a script has taken down',
  )
  const sandboxes = createSandboxPool({
    size,
    timeZone,
    log,
    cacheDir: join(config.dataDir, 'sandbox'),
    replaced: () => restarts.add(1, {}),
  })
  stops.push(() => sandboxes.stop())
  const execute = createExecuteRun({
    store,
    handle,
    blobs,
    cipher: secrets,
    pinned: createPinned({ folds, blobs, cipher: secrets }),
    files: createCaseFiles({ models, folds, blobs }),
    sandboxes,
    targetDeny: parseTargetDeny(config.targetDeny),
    clock,
    tracing,
  })
  const concurrency = config.runConcurrency
  const waited = measureQueue(metrics)
  const runner = startRunner({ messages, handle, folds, feed, leases, execute, concurrency, waited, log })
  sandboxes.prepare()
  void sandboxes.walls.then(({ missing }) => {
    if (missing.length > 0) log.warn({ missing }, 'this host does not give every wall around scripts')
  })
  return (leaving) => runner.stop(leaving)
}
