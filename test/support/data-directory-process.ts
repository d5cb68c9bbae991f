/**
 * A taker of a data directory in a process of its own: prints `ready`, and for each line on standard input (a data
 * directory) what came of taking it: `taken`, or the pid of the process that has it.
 */
import { createInterface } from 'node:readline'
import { DataDirectoryInUse, lockDataDirectory } from '../../platform/data-directory.ts'

console.log('ready')
for await (const dir of createInterface({ input: process.stdin })) {
  try {
    await lockDataDirectory(dir)
    console.log('taken')
  } catch (error) {
    if (!(error instanceof DataDirectoryInUse)) throw error
    console.log(error.pid)
  }
}
