import { readFileSync } from 'node:fs'
import { commandTask } from './command.mjs'
import { Interrupted, Refused, wordsOf } from './failures.mjs'
import { prepareFiles, saveReports } from './files.mjs'
import { listenForInterruption } from './interruption.mjs'
import { commandOf, help } from './options.mjs'
import { Platform } from './platform.mjs'
import { runTask } from './run.mjs'
import { openTerminal, plain } from './terminal.mjs'

/** How a command ends, for the machines that start it. */
const EXIT = { passed: 0, notPassed: 1, couldNotRun: 2, interrupted: 130 }

/** `testledger`: runs what the words on its command line say, and exits. */
export async function main() {
  const terminal = openTerminal({ out: process.stdout, errors: process.stderr, environment: process.env })
  process.exitCode = await codeOf(terminal)
  // Idle connections would keep the process for some seconds.
  await terminal.flushed()
  process.exit()
}

/**
 * @param {import('./terminal.mjs').Terminal} terminal
 * @returns {Promise<number>}
 */
async function codeOf(terminal) {
  try {
    const command = commandOf(process.argv.slice(2), process.env)
    if (command.command === 'run') return await run(command.options, terminal)
    terminal.say(command.command === 'help' ? help() : version())
    return EXIT.passed
  } catch (error) {
    if (error instanceof Interrupted) {
      if (error.doubtful) terminal.warn('it is not known whether the run was started')
      return EXIT.interrupted
    }
    terminal.warn(reasonOf(error))
    return EXIT.couldNotRun
  }
}

/** @param {unknown} error */
function reasonOf(error) {
  if (error instanceof Refused) return `${error.message} (${error.status || error.code})`
  return wordsOf(error)
}

/**
 * @param {import('./options.mjs').RunOptions} options
 * @param {import('./terminal.mjs').Terminal} terminal
 * @returns {Promise<number>}
 */
async function run({ server, account, order, giveUp, files, command }, terminal) {
  const began = performance.now()
  const interruption = listenForInterruption({
    leave: () => process.exit(EXIT.interrupted),
    underNpm: process.env['npm_command'] !== undefined,
  })
  const prepared = await prepareFiles(files)
  const platform = new Platform({ server, account, giveUp, interruption, say: terminal.say })
  const ended = command
    ? await commandTask(order, { ...command, giveUp }, { terminal, interruption })
    : await runTask(order, { platform, terminal, interruption })
  const passed = ended.state === 'success' && ended.success === ended.all
  terminal.say(summary(ended, { terminal, seconds: (performance.now() - began) / 1_000, passed }))
  const report = server ? `  ${server}/api/testTask/report/${ended.record}/` : ''
  terminal.say(`record ${ended.record}${report}`)
  if (ended.all === 0 && passed) terminal.warn('warning: the task has no case to run')
  await saveReports(ended.record, prepared, { platform, interruption })
  for (const { path } of files) terminal.say(`written  ${plain(path)}`)
  return passed ? EXIT.passed : EXIT.notPassed
}

/**
 * @param {import('./run.mjs').Ended} ended
 * @param {Readonly<{ terminal: import('./terminal.mjs').Terminal, seconds: number, passed: boolean }>} more
 */
function summary({ all, total, success, fail, error, state }, { terminal, seconds, passed }) {
  const verdict = state === 'cancelled' ? 'cancelled' : passed ? 'passed' : 'not passed'
  const counts = `${all}${total === undefined ? '' : ` of ${total}`} cases: ${success} 成功, ${fail} 失败, ${error} 错误`
  return `${terminal.paint(passed ? 'green' : 'red', verdict)}  ${counts}  ${seconds.toFixed(1)}s`
}

/** @returns {string} */
function version() {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return /** @type {{ version: string }} */ (JSON.parse(text)).version
}
