import type { LongText } from './blob.ts'
import type { Event, StreamId } from './core.ts'
import type { JsonText } from './json.ts'

/** What a case sends and checks (seed 000 接口测试模块 2). The JSON fields are kept letter for letter. */
export type CaseFields = Readonly<{
  title: string
  headers: LongText<JsonText>
  request: LongText<JsonText>
  file: LongText<JsonText>
  setup_script: LongText
  teardown_script: LongText
}>

export type CaseEvent =
  | Event<'CaseCreated', CaseFields & { id: number; interface: number }>
  | Event<'CaseChanged', Partial<CaseFields & { interface: number }>>
  | Event<'CaseDeleted', Record<never, never>>

export const caseStream = (id: number): StreamId => `case-${id}`

/** What a case's `request` may hold; other keys are refused when the case is saved. */
export const REQUEST_KEYS = [
  'params',
  'data',
  'json',
  'headers',
  'cookies',
  'auth',
  'timeout',
  'allow_redirects',
  'proxies',
  'verify',
  'files',
] as const
