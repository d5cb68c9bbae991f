import type { LongText } from './blob.ts'
import type { CaseFields } from './case.ts'
import type { Event, StreamId } from './core.ts'

/** A stream as it stood when the run was asked for. */
export type Pin = Readonly<{ stream: StreamId; revision: number }>

/** An interface that is not saved, as it was sent with the case. */
export type Target = Readonly<{ url: string; method: string; name: string }>

/** One case of a run: a saved one by reference, or an unsaved one as it was sent; `id` is that of the step, or of a case that runs alone. */
export type RunCase = Readonly<{ title: string; interface: Pin | Target }> &
  (Readonly<{ id: number; case: Pin }> | Readonly<{ unsaved: CaseFields }>)

/**
 * Cases that run in order and share their temporary variables, `scene` is the one that they are of: the cases themselves, or how many the
 * run's `plan` has of it.
 */
export type Flow = Readonly<{ name: string; scene?: number }> &
  (Readonly<{ cases: readonly RunCase[] }> | Readonly<{ size: number }>)

/** What a run was asked for: a case or a scene by itself, or a task with its scenes. */
export type RunKind = 'case' | 'scene' | 'task'

/** What asked for a run: somebody who was logged in, or a machine with an API token. */
export type RunTrigger = 'manual' | 'api'

/** What was built and is tested, in CI's words. */
export type Build = Readonly<{ build?: string; branch?: string; commit?: string; url?: string }>

/** What a run has in place of its environment's: its host, and global variables that are laid over (a JSON object, encrypted). */
export type Overrides = Readonly<{ host?: LongText; variables?: LongText }>

/** Scenes that may run at the same time in one run. */
export const MOST_CONCURRENT = 32

/** The verdict of a case (seed 000 接口测试模块 2.6 `state`). */
export type Verdict = '成功' | '失败' | '错误'

/** The verdict of a run: `error` if any case is 错误, else `fail` if any is 失败. */
export type RunState = 'success' | 'fail' | 'error' | 'cancelled'

export type Counts = Readonly<{ all: number; success: number; fail: number; error: number }>

/** The documented result of one case, in the documented order of keys; from `url` to `requests_body` absent when nothing was sent. */
export type CaseResult = Readonly<{
  name: string
  log_data: readonly (readonly [level: string, text: LongText])[]
  url?: LongText
  method?: string
  status_cede?: number
  response_header?: Readonly<Record<string, string>>
  requests_header?: Readonly<Record<string, string>>
  response_body?: LongText
  requests_body?: LongText
  state: Verdict
  run_time: string
  assertions: readonly Readonly<{ method: string; expected: LongText; actual: LongText; passed: boolean }>[]
  started_at: string
  /** Of the saved case, or of the step. */
  id?: number
  /** Present when an earlier attempt at the run may have run this case already. */
  attempt?: number
}>

export type RunEvent =
  | Event<
      'RunRequested',
      {
        id: number
        kind: RunKind
        /** What was run: the scene's id, or the task's. Absent for cases. */
        scene?: number
        task?: number
        /** Scenes that run at the same time, 1 when absent. With more each begins with the first global variables and cookies of the run. */
        concurrency?: number
        overrides?: Overrides
        build?: Build
        trigger?: RunTrigger
        /** Debug runs read and write the environment's `debug_global_variable`. */
        debug: boolean
        name: string
        project: number
        environment: Pin & Readonly<{ id: number; name: string }>
        tester: string
        flows: readonly Flow[]
        /** The cases of each flow, `RunCase[][]` as JSON, where they are too many to stand in `flows`. */
        plan?: LongText
      }
    >
  | Event<'RunClaimed', { attempt: number; worker: string }>
  /** A case is begun under which an earlier attempt may have died. The cases of a first attempt are begun without a word. */
  | Event<'CaseBegun', { attempt: number; flow: number; index: number }>
  /**
   * Its runner gives it back unfinished, as a platform that stops does, or because the attempt `failed`. `interrupted`: a case was begun
   * that has no result.
   */
  | Event<'RunReleased', { attempt: number; interrupted: boolean; failed?: true }>
  | Event<
      'CaseFinished',
      {
        attempt: number
        flow: number
        index: number
        state: Verdict
        /** The result, or where many lines make it too long for an event its JSON text, by reference. */
        result: CaseResult | LongText
        /** What the case left for those after it (`services/runner/carried.ts`), encrypted. Absent when that is nothing. */
        carried?: LongText
      }
    >
  /** The run is to end before its next case. `by`: the name of the user who wants it. */
  | Event<'RunCancelRequested', { by: string }>
  | Event<'RunFinished', Counts & { attempt: number; state: RunState; reason?: string }>

/** How many cases a flow has. */
export const sizeOf = (flow: Flow): number => ('size' in flow ? flow.size : flow.cases.length)

export type RunEventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

export const runStream = (id: number): StreamId => `run-${id}`

/** The status of a run's record (seed 000 六.2.1). */
export type RecordStatus = '未执行' | '执行中' | '执行完毕'
