/**
 * The host functions that Python may still call once scripts run: clocks, random bytes, memory growth up to the cap, and
 * files of the in-memory disk. Everything else that the WebAssembly module imports is a stub from then on.
 * @type {ReadonlySet<string>}
 */
export const ALLOWED_HOST_FUNCTIONS = new Set([
  'JsvNoValue_Check',
  '_PyEM_TrampolineCall_JS',
  '_Py_CheckEmscriptenSignals_Helper',
  '__syscall_chdir',
  '__syscall_dup',
  '__syscall_faccessat',
  '__syscall_fcntl64',
  '__syscall_fstat64',
  '__syscall_ftruncate64',
  '__syscall_getcwd',
  '__syscall_getdents64',
  '__syscall_ioctl',
  '__syscall_lstat64',
  '__syscall_mkdirat',
  '__syscall_newfstatat',
  '__syscall_openat',
  '__syscall_poll',
  '__syscall_renameat',
  '__syscall_rmdir',
  '__syscall_stat64',
  '__syscall_unlinkat',
  '_gmtime_js',
  '_localtime_js',
  '_mktime_js',
  '_timegm_js',
  '_tzset_js',
  'can_run_sync_js',
  'clock_res_get',
  'clock_time_get',
  'emscripten_date_now',
  'emscripten_get_heap_max',
  'emscripten_get_now',
  'emscripten_resize_heap',
  'fd_close',
  'fd_fdstat_get',
  'fd_read',
  'fd_seek',
  'fd_write',
  'random_get',
])

/**
 * The ways in which C ends the process. A stub that returned would leave the interpreter in a state no one defined.
 * @type {ReadonlySet<string>}
 */
export const ENDING_HOST_FUNCTIONS = new Set([
  '__assert_fail',
  '_abort_js',
  'abort',
  'emscripten_force_exit',
  'exit',
  'proc_exit',
])
