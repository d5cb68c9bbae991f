/**
 * The Python interpreter of a sandbox, and two of its walls: the host functions that WebAssembly may call, and the
 * memory that it may take. The one file that loads pyodide.
 */
import { constants } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { importCode } from './code.mjs'
import { ALLOWED_HOST_FUNCTIONS, ENDING_HOST_FUNCTIONS } from './host-functions.mjs'

/** @import { CappedDisk, HostFunction, Instantiated, Interpreter, InterpreterOptions, Pyodide, WasmNamespace } from './types.ts' */

/** All that scripts may ever put on the in-memory disk of one interpreter. */
const DISK_BYTES = 64 * 1024 * 1024
/** errno of WASI: no space left on device. */
const ENOSPC = 51
/** What a system call that is a stub answers: ENOSYS of emscripten, negated. */
const NOT_THERE = -52

const wasm = /** @type {WasmNamespace} */ (/** @type {unknown} */ (Reflect.get(globalThis, 'WebAssembly')))

/**
 * Loads Python. Slow without a snapshot (over a second), a fraction of that with one.
 * @param {InterpreterOptions} options
 * @returns {Promise<Interpreter>}
 */
export async function loadInterpreter(options) {
  let locked = false
  allowLoadingUnderPermissions()
  const { restore, loaded } = wrapInstantiate(() => locked, options)
  const memory = capMemory(options.memoryLimitBytes)
  const start = options.snapshot === 'make' ? { _makeSnapshot: true } : { _loadSnapshot: options.snapshot }
  /** @type {typeof import('pyodide')} */
  const { loadPyodide } = await import(pathToFileURL(join(options.pyodide, 'pyodide.mjs')).href)
  const py = await loadPyodide({
    // No JavaScript object reaches Python.
    jsglobals: Object.create(null),
    env: { HOME: '/home/pyodide', LANG: 'C.UTF-8', _: 'python' },
    stdin: () => null,
    stdout: () => {},
    stderr: () => {},
    ...start,
  })
  restore()
  capDisk(py)
  return { py, lock: () => (locked = true), memoryRefused: memory.refused, module: loaded() }
}

/** Under `--permission` Node's `process.binding` throws, and emscripten asks it for constants alone. */
function allowLoadingUnderPermissions() {
  Object.assign(process, {
    /** @param {string} name */
    binding: (name) => {
      if (name === 'constants') return { fs: constants }
      throw new Error('not available')
    },
  })
}

/**
 * Puts a gate before every host function that the interpreter's module imports. The arity and the signature that
 * emscripten wrote on a function must stay, for it builds call thunks from them.
 * @param {() => boolean} isLocked
 * @param {InterpreterOptions} options
 * @returns {{ restore: () => void; loaded: () => object }}
 */
function wrapInstantiate(isLocked, { ended, code }) {
  const { instantiate } = wasm
  /** @type {object | undefined} */
  let module
  wasm.instantiate = async (source, imports) => {
    const env = imports?.['env']
    if (imports === undefined || env === undefined || !('JsProxy_GetAttr_js' in env))
      return instantiate(source, imports)
    gate(env, isLocked, ended)
    const known = code === undefined || code.length === 0 ? undefined : importCode(code, bytesOf(source))
    const result = known
      ? { module: known, instance: new wasm.Instance(known, imports) }
      : /** @type {Instantiated} */ (await instantiate(source, imports))
    module = result.module
    return result
  }
  return {
    restore() {
      wasm.instantiate = instantiate
    },
    loaded() {
      if (module === undefined) throw new Error('the interpreter has loaded no module')
      return module
    },
  }
}

/** @param {unknown} source */
function bytesOf(source) {
  return source instanceof Uint8Array ? source : new Uint8Array(/** @type {ArrayBuffer} */ (source))
}

/**
 * @param {Record<string, unknown>} env
 * @param {() => boolean} isLocked
 * @param {() => never} ended
 */
function gate(env, isLocked, ended) {
  const errorValue = /** @type {HostFunction} */ (env['Jsv_GetError_import'])
  for (const [name, value] of Object.entries(env)) {
    // These two make and know the value that means "an error happened": stubs answer with it.
    if (name === 'Jsv_GetError_import' || name === 'JsvError_Check') continue
    if (typeof value !== 'function' || ALLOWED_HOST_FUNCTIONS.has(name)) continue
    const real = /** @type {HostFunction} */ (value)
    const refuse = ENDING_HOST_FUNCTIONS.has(name) ? ended : refusal(name, real.sig, errorValue)
    /**
     * @this {unknown}
     * @param {unknown[]} args
     */
    const gatedFunction = function (...args) {
      return isLocked() ? refuse() : real.apply(this, args)
    }
    Object.defineProperty(gatedFunction, 'length', { value: real.length })
    for (const mark of /** @type {const} */ (['sig', 'isAsync', 'stub']))
      if (real[mark] !== undefined) Object.assign(gatedFunction, { [mark]: real[mark] })
    env[name] = gatedFunction
  }
}

/**
 * A failure in the type that the caller's signature asks for: e an external reference, i and p 32 bits, j 64 bits.
 * @param {string} name
 * @param {string | undefined} signature
 * @param {HostFunction} errorValue
 * @returns {() => unknown}
 */
function refusal(name, signature, errorValue) {
  const answers = signature?.[0]
  if (answers === 'e') return () => errorValue()
  if (answers === 'j') return () => 0n
  if (name.startsWith('__syscall_')) return () => NOT_THERE
  return answers === 'i' ? () => -1 : () => 0
}

/**
 * Every growth of WebAssembly memory passes here; over the cap Python sees a MemoryError.
 * @param {number} bytes
 */
function capMemory(bytes) {
  let refused = false
  const memory = wasm.Memory.prototype
  const { grow } = memory
  memory.grow = function (pages) {
    if (this.buffer.byteLength + pages * 65_536 <= bytes) return grow.call(this, pages)
    refused = true
    throw new RangeError('memory limit')
  }
  return { refused: () => refused }
}

/**
 * Files lie outside of Python's memory: their bytes have a cap of their own, over the interpreter's whole life.
 * @param {Pyodide} py
 */
function capDisk(py) {
  const { filesystems, ErrnoError } = /** @type {CappedDisk} */ (/** @type {unknown} */ (py.FS))
  const disk = filesystems.MEMFS
  let taken = 0
  for (const method of /** @type {const} */ (['expandFileStorage', 'resizeFileStorage'])) {
    const change = disk[method].bind(disk)
    disk[method] = (node, size) => {
      const before = node.contents?.length ?? 0
      // Emscripten doubles a growing file, so that twice the wish is the most that it takes.
      const most = method === 'resizeFileStorage' ? size : Math.max(size, Math.min(2 * before, before + DISK_BYTES))
      if (taken + most - before > DISK_BYTES) throw new ErrnoError(ENOSPC)
      change(node, size)
      taken += (node.contents?.length ?? 0) - before
    }
  }
}
