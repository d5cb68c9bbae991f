import { styleText } from 'node:util'
import type { Outcome } from './story.ts'

/** The demo's words. `styleText` colours them on a terminal alone. */
const COLOURS = { 成功: 'green', 失败: 'yellow', 错误: 'red' } as const

export function heading(text: string): void {
  console.log(`\n${styleText('bold', text)}`)
}

export function made(kind: string, id: number, text: string): void {
  console.log(`  ${kind.padEnd(12)} ${String(id).padStart(3)}  ${text}`)
}

/** A verdict with what was sent and, of a case that did not pass, why. */
export function verdict({ name, state, method, url, status_cede, run_time, assertions, log_data }: Outcome): void {
  const sent = url === undefined ? 'nothing was sent' : `${method} ${url} -> ${status_cede}`
  console.log(`  ${styleText(COLOURS[state], state)}  ${name}`)
  console.log(`        ${styleText('dim', `${sent}, ${run_time}`)}`)
  for (const { method: comparison, expected, actual } of assertions.filter(({ passed }) => !passed)) {
    console.log(`        ${comparison}: expected ${JSON.stringify(expected)}, actual ${JSON.stringify(actual)}`)
  }
  if (state !== '错误') return
  for (const [, text] of log_data.filter(([level]) => level === 'ERROR' || level === 'EXCEPT')) {
    console.log(`        ${text.trim().replaceAll('\n', '\n        ')}`)
  }
}
