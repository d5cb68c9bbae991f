/**
 * The walled process of a sandbox. `probe` tells what the walls left it, `snapshot` writes the memory of a fresh
 * interpreter with the code that it comes to need, `serve` runs scripts until the host ends it. It speaks through file descriptor 3 alone.
 */
import { fstatSync, readFileSync, readSync, readdirSync, writeSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportCode, importCode } from './code.mjs'
import { CHANNEL_FD, EXIT_CRASHED, EXIT_OUT_OF_MEMORY, SNAPSHOT_DIGEST_BYTES, SNAPSHOT_FD } from './contract.mjs'
import { loadInterpreter } from './interpreter.mjs'

/** @import { DeviceFs, Interpreter } from './types.ts' */

const [pyodide = '', mode, memoryLimitMb, withoutCode] = process.argv.slice(2)
const memoryLimitBytes = Number(memoryLimitMb) * 1024 * 1024
const PYTHON = fileURLToPath(new URL('../python/', import.meta.url))
/** How long the code is, behind it. */
const CODE_LENGTH_BYTES = 4
/** Where the engine's modules lie inside the interpreter while the snapshot is made. */
const ENGINE = '/lib/case_engine'
/** What scripts import most, so that no one waits for it. */
const COMMON =
  'base64, calendar, collections, copy, csv, datetime, decimal, difflib, functools, hashlib, hmac, html, itertools, ' +
  'json, math, operator, pprint, random, re, secrets, statistics, string, textwrap, time, traceback, unittest, ' +
  'unittest.mock, urllib.parse, uuid, xml.etree.ElementTree, zoneinfo'

/**
 * Blocks until all is written: the reader takes its time, and nothing else happens here.
 * @param {Uint8Array} bytes
 */
function writeAll(bytes) {
  for (let at = 0; at < bytes.length;) at += writeSync(CHANNEL_FD, bytes, at, bytes.length - at)
}

function probe() {
  const uid = process.getuid?.() ?? null
  writeAll(Buffer.from(JSON.stringify({ uid, pid: process.pid, interfaces: Object.keys(networkInterfaces()).length })))
}

/** Milliseconds that the compiler has, on its own threads, to end what the rehearsal gave it to do. */
const COMPILING_MS = 1_000

/** The memory, the code, and four bytes that tell how long the code is. */
async function makeSnapshot() {
  const { py, module } = await loadInterpreter({
    pyodide,
    memoryLimitBytes,
    snapshot: 'make',
    ended: () => process.exit(EXIT_CRASHED),
  })
  py.FS.mkdir(ENGINE)
  for (const file of readdirSync(PYTHON))
    if (file.endsWith('.py')) py.FS.writeFile(`${ENGINE}/${file}`, readFileSync(PYTHON + file, 'utf8'))
  py.runPython(`
import sys
sys.path.insert(0, '${ENGINE}')
import ${COMMON}
import serve
serve.install()
sys.path.remove('${ENGINE}')
sys.path_importer_cache.pop('${ENGINE}', None)
`)
  writeAll(py.makeMemorySnapshot())
  const code = withoutCode === undefined ? rehearsedCode(py, module) : new Uint8Array()
  writeAll(code)
  const length = Buffer.alloc(CODE_LENGTH_BYTES)
  length.writeUInt32LE(code.length)
  writeAll(length)
}

/**
 * The memory is written by now: whatever the rehearsal leaves in it goes with this process.
 * @param {Interpreter['py']} py
 * @param {object} module
 */
function rehearsedCode(py, module) {
  py.runPython(`
import sys
sys.path.insert(0, '${ENGINE}')
import rehearsal
rehearsal.rehearse()
`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, COMPILING_MS)
  const code = exportCode(module)
  // Whoever reads it starts with it: what a reader would crash of has to crash here.
  const readable = code && importCode(code, readFileSync(join(pyodide, 'pyodide.asm.wasm')))
  return code && readable ? code : new Uint8Array()
}

async function serve() {
  const exit = process.exit.bind(process)
  /** @type {Interpreter | undefined} */
  let interpreter
  /** @returns {never} */
  const ended = () => exit(interpreter?.memoryRefused() === true ? EXIT_OUT_OF_MEMORY : EXIT_CRASHED)
  interpreter = await loadInterpreter({ pyodide, memoryLimitBytes, ...readSnapshot(), ended })
  addHostDevice(interpreter, exit)
  forgetHost()
  try {
    interpreter.py.runPython('import serve; serve.serve()')
  } finally {
    // Python gave up or crashed; whatever it was, nothing of it is trusted any more.
    ended()
  }
}

function readSnapshot() {
  const bytes = new Uint8Array(fstatSync(SNAPSHOT_FD).size - SNAPSHOT_DIGEST_BYTES)
  for (let at = 0; at < bytes.length;) {
    const count = readSync(SNAPSHOT_FD, bytes, at, bytes.length - at, at)
    if (count === 0) throw new Error('the snapshot is cut short')
    at += count
  }
  const { length } = bytes
  const codeLength = Buffer.from(bytes.buffer).readUInt32LE(length - CODE_LENGTH_BYTES)
  const end = length - CODE_LENGTH_BYTES - codeLength
  return { snapshot: bytes.subarray(0, end), code: bytes.subarray(end, end + codeLength) }
}

/**
 * `/dev/host`: what Python writes goes to the host as it is, what the host writes is read from it. Opening it locks the
 * host functions. The other devices that could reach this process are taken away.
 * @param {Interpreter} interpreter
 * @param {(code: number) => never} exit
 */
function addHostDevice(interpreter, exit) {
  const FS = /** @type {DeviceFs} */ (/** @type {unknown} */ (interpreter.py.FS))
  for (const tty of ['tty', 'tty1']) if (FS.readdir('/dev').includes(tty)) FS.unlink(`/dev/${tty}`)
  const device = FS.makedev(64, 0)
  FS.registerDevice(device, {
    /** @param {{ seekable: boolean }} stream */
    open(stream) {
      stream.seekable = false
      interpreter.lock()
    },
    close() {},
    /**
     * @param {unknown} _stream
     * @param {Int8Array} heap
     * @param {number} offset
     * @param {number} length
     */
    read(_stream, heap, offset, length) {
      const count = readSync(CHANNEL_FD, heap, offset, length, null)
      if (count === 0) exit(0)
      return count
    },
    /**
     * @param {unknown} _stream
     * @param {Int8Array} heap
     * @param {number} offset
     * @param {number} length
     */
    write(_stream, heap, offset, length) {
      writeAll(new Uint8Array(heap.buffer, heap.byteOffset + offset, length))
      return length
    },
  })
  FS.mkdev('/dev/host', 0o600, device)
  addNapDevice(FS)
}

/**
 * `/dev/nap`: eight bytes, little-endian microseconds, have been written when the time is over. Waiting takes no processor.
 * @param {DeviceFs} FS
 */
function addNapDevice(FS) {
  const never = new Int32Array(new SharedArrayBuffer(4))
  const device = FS.makedev(64, 1)
  FS.registerDevice(device, {
    open() {},
    close() {},
    /**
     * @param {unknown} _stream
     * @param {Int8Array} heap
     * @param {number} offset
     * @param {number} length
     */
    write(_stream, heap, offset, length) {
      if (length < 8) return 0
      const bytes = new DataView(heap.buffer, heap.byteOffset + offset, 8)
      Atomics.wait(never, 0, 0, Number(bytes.getBigUint64(0, true)) / 1000)
      return 8
    },
  })
  FS.mkdev('/dev/nap', 0o200, device)
}

/** Takes what JavaScript could reach the host with, should a script ever come to run some. */
function forgetHost() {
  for (const name of [
    'process',
    'Buffer',
    'fetch',
    'WebSocket',
    'EventSource',
    'Worker',
    'BroadcastChannel',
    'MessageChannel',
    'navigator',
    'require',
  ])
    Reflect.deleteProperty(globalThis, name)
}

if (mode === 'probe') probe()
else if (mode === 'snapshot') await makeSnapshot()
else await serve()
