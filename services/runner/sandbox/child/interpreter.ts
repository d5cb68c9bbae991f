/**
 * The Python interpreter of a sandbox, and two of its walls: the host functions that WebAssembly may call, and the
 * memory that it may take. The one file that loads pyodide.
 */
import { constants } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { loadPyodide as LoadPyodide } from 'pyodide'
import { importCode } from './code.ts'
import { ALLOWED_HOST_FUNCTIONS, ENDING_HOST_FUNCTIONS } from './host-functions.ts'

/** All that scripts may ever put on the in-memory disk of one interpreter. */
const DISK_BYTES = 64 * 1024 * 1024
/** errno of WASI: no space left on device. */
const ENOSPC = 51
/** What a system call that is a stub answers: ENOSYS of emscripten, negated. */
const NOT_THERE = -52

type HostFunction = ((...args: unknown[]) => unknown) & { sig?: string; isAsync?: boolean; stub?: boolean }
/** As much of the WebAssembly namespace as the walls touch; TypeScript declares it with the browser's library alone. */
interface Memory {
  readonly buffer: ArrayBuffer
}
type Imports = Record<string, Record<string, unknown>>
/** What bytes come to when they are instantiated. */
interface Instantiated {
  module: object
  instance: object
}
interface WasmNamespace {
  instantiate: (source: unknown, imports?: Imports) => Promise<unknown>
  Instance: new (module: object, imports: Imports) => object
  Memory: { prototype: { grow(this: Memory, pages: number): number } }
}
const wasm = (globalThis as unknown as { WebAssembly: WasmNamespace }).WebAssembly

export type Pyodide = Awaited<ReturnType<typeof LoadPyodide>>

export interface Interpreter {
  py: Pyodide
  /** From now on only the allowed host functions do anything. */
  lock(): void
  /** Whether memory was ever refused. */
  memoryRefused(): boolean
  /** The WebAssembly module that Python is. */
  module: object
}

export interface InterpreterOptions {
  /** The folder of the package, its real path: by its name it could be found through links that may not be read here. */
  pyodide: string
  memoryLimitBytes: number
  /** A snapshot to start from, or the wish to make one. */
  snapshot: Uint8Array | 'make'
  /** The module's code as `exportCode` gave it; it is passed over where it does not fit. */
  code?: Uint8Array
  /** Called when C ends the process. It must not return. */
  ended: () => never
}

/** Loads Python. Slow without a snapshot (over a second), a fraction of that with one. */
export async function loadInterpreter(options: InterpreterOptions): Promise<Interpreter> {
  let locked = false
  allowLoadingUnderPermissions()
  const { restore, loaded } = wrapInstantiate(() => locked, options)
  const memory = capMemory(options.memoryLimitBytes)
  const start = options.snapshot === 'make' ? { _makeSnapshot: true } : { _loadSnapshot: options.snapshot }
  const { loadPyodide } = (await import(pathToFileURL(join(options.pyodide, 'pyodide.mjs')).href)) as {
    loadPyodide: typeof LoadPyodide
  }
  const py = await loadPyodide({
    // No JavaScript object reaches Python.
    jsglobals: Object.create(null) as object,
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
function allowLoadingUnderPermissions(): void {
  Object.assign(process, {
    binding: (name: string) => {
      if (name === 'constants') return { fs: constants }
      throw new Error('not available')
    },
  })
}

/**
 * Puts a gate before every host function that the interpreter's module imports. The arity and the signature that
 * emscripten wrote on a function must stay, for it builds call thunks from them.
 */
function wrapInstantiate(
  isLocked: () => boolean,
  { ended, code }: InterpreterOptions,
): { restore: () => void; loaded: () => object } {
  const { instantiate } = wasm
  let module: object | undefined
  wasm.instantiate = async (source, imports) => {
    const env = imports?.['env']
    if (imports === undefined || env === undefined || !('JsProxy_GetAttr_js' in env))
      return instantiate(source, imports)
    gate(env, isLocked, ended)
    const known = code === undefined || code.length === 0 ? undefined : importCode(code, bytesOf(source))
    const result = known
      ? { module: known, instance: new wasm.Instance(known, imports) }
      : ((await instantiate(source, imports)) as Instantiated)
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

function bytesOf(source: unknown): Uint8Array {
  return source instanceof Uint8Array ? source : new Uint8Array(source as ArrayBuffer)
}

function gate(env: Record<string, unknown>, isLocked: () => boolean, ended: () => never): void {
  const errorValue = env['Jsv_GetError_import'] as HostFunction
  for (const [name, value] of Object.entries(env)) {
    // These two make and know the value that means "an error happened": stubs answer with it.
    if (name === 'Jsv_GetError_import' || name === 'JsvError_Check') continue
    if (typeof value !== 'function' || ALLOWED_HOST_FUNCTIONS.has(name)) continue
    const real = value as HostFunction
    const refuse = ENDING_HOST_FUNCTIONS.has(name) ? ended : refusal(name, real.sig, errorValue)
    const gatedFunction: HostFunction = function (this: unknown, ...args: unknown[]) {
      return isLocked() ? refuse() : real.apply(this, args)
    }
    Object.defineProperty(gatedFunction, 'length', { value: real.length })
    for (const mark of ['sig', 'isAsync', 'stub'] as const)
      if (real[mark] !== undefined) Object.assign(gatedFunction, { [mark]: real[mark] })
    env[name] = gatedFunction
  }
}

/** A failure in the type that the caller's signature asks for: e an external reference, i and p 32 bits, j 64 bits. */
function refusal(name: string, signature: string | undefined, errorValue: HostFunction): () => unknown {
  const answers = signature?.[0]
  if (answers === 'e') return () => errorValue()
  if (answers === 'j') return () => 0n
  if (name.startsWith('__syscall_')) return () => NOT_THERE
  return answers === 'i' ? () => -1 : () => 0
}

/** Every growth of WebAssembly memory passes here; over the cap Python sees a MemoryError. */
function capMemory(bytes: number): { refused: () => boolean } {
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

interface DiskNode {
  contents?: Uint8Array
}
interface MemoryDisk {
  expandFileStorage(node: DiskNode, capacity: number): void
  resizeFileStorage(node: DiskNode, size: number): void
}

/** Files lie outside of Python's memory: their bytes have a cap of their own, over the interpreter's whole life. */
function capDisk(py: Pyodide): void {
  const { filesystems, ErrnoError } = py.FS as unknown as {
    filesystems: { MEMFS: MemoryDisk }
    ErrnoError: new (errno: number) => Error
  }
  const disk = filesystems.MEMFS
  let taken = 0
  for (const method of ['expandFileStorage', 'resizeFileStorage'] as const) {
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
