/* Preloaded into the program (LD_PRELOAD): a system call on a file that is being written below one
   folder fails, or ends the process. The environment says which:

   PERSENSE_FAULT        CALL:N:WHAT:FOR, for example write:12:28:all
     CALL   open (to write), write, close, rename, mkdir, truncate, sync
     N      which of these calls, from 1
     WHAT   the error's number; 0 kills the process (SIGKILL) there
     FOR    once, or all: every later one fails as well, as on a full disk
   PERSENSE_FAULT_BELOW  the folder, as /proc/self/fd shows it
   PERSENSE_FAULT_LOG    receives the path of the call that failed, so that one sees that it came

   A write that fails takes half of its bytes first. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static int count = 0;

static int is_below(const char* path) {
  const char* folder = getenv("PERSENSE_FAULT_BELOW");
  if (folder == NULL) return 0;
  const size_t n = strlen(folder);
  if (strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0')) return 1;
  /* relative paths of a run in the folder above */
  const char* last = strrchr(folder, '/');
  const char* name = last != NULL ? last + 1 : folder;
  const size_t m = strlen(name);
  return strncmp(path, name, m) == 0 && (path[m] == '/' || path[m] == '\0');
}

static const char* path_of(int file, char* path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t n = readlink(link, path, size - 1);
  path[n < 0 ? 0 : n] = '\0';
  const int mode = REAL(fcntl)(file, F_GETFL);
  return mode < 0 || (mode & O_ACCMODE) == O_RDONLY ? "" : path;
}

static void note(const char* path) {
  const char* log = getenv("PERSENSE_FAULT_LOG");
  if (log == NULL) return;
  const int file = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) return;
  (void)!REAL(write)(file, path, strlen(path));
  (void)!REAL(write)(file, "\n", 1);
  REAL(close)(file);
}

/* Whether this call is the one; sets errno. */
static int fails(const char* call, const char* path, int* kills) {
  const char* fault = getenv("PERSENSE_FAULT");
  char wanted[16], lasts[16];
  int n, what;
  *kills = 0;
  if (fault == NULL || !is_below(path) ||
      sscanf(fault, "%15[a-z]:%d:%d:%15s", wanted, &n, &what, lasts) != 4 ||
      strcmp(wanted, call) != 0)
    return 0;
  pthread_mutex_lock(&guard);
  ++count;
  const int hit = count == n || (count > n && strcmp(lasts, "all") == 0);
  pthread_mutex_unlock(&guard);
  if (!hit) return 0;
  note(path);
  *kills = what == 0;
  errno = what;
  return 1;
}

/* Of calls that do not write: dead before it, when that is wanted. */
static int stops(const char* call, const char* path) {
  int kills;
  if (!fails(call, path, &kills)) return 0;
  if (kills) raise(SIGKILL);
  return 1;
}

ssize_t write(int file, const void* bytes, size_t size) {
  char path[4096];
  int kills;
  if (!fails("write", path_of(file, path, sizeof path), &kills))
    return REAL(write)(file, bytes, size);
  const int reason = errno;
  (void)!REAL(write)(file, bytes, size / 2);
  if (kills) raise(SIGKILL);
  errno = reason;
  return -1;
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t at) {
  char path[4096];
  int kills;
  if (!fails("write", path_of(file, path, sizeof path), &kills))
    return REAL(pwrite64)(file, bytes, size, at);
  const int reason = errno;
  (void)!REAL(pwrite64)(file, bytes, size / 2, at);
  if (kills) raise(SIGKILL);
  errno = reason;
  return -1;
}

ssize_t pwrite(int file, const void* bytes, size_t size, off_t at) {
  return pwrite64(file, bytes, size, at);
}

ssize_t writev(int file, const struct iovec* parts, int n) {
  char path[4096];
  if (stops("write", path_of(file, path, sizeof path))) return -1;
  return REAL(writev)(file, parts, n);
}

/* Of a file without a name, which nobody will read again: closing it loses nothing. */
static int is_nameless(const char* path) {
  return path != NULL && strstr(path, " (deleted)") != NULL;
}

int close(int file) {
  char path[4096];
  const char* const name = path_of(file, path, sizeof path);
  const int stopped = !is_nameless(name) && stops("close", name);
  const int reason = errno;
  const int result = REAL(close)(file);
  if (!stopped) return result;
  errno = reason;
  return -1;
}

int fsync(int file) {
  char path[4096];
  return stops("sync", path_of(file, path, sizeof path)) ? -1 : REAL(fsync)(file);
}

int fdatasync(int file) {
  char path[4096];
  return stops("sync", path_of(file, path, sizeof path)) ? -1 : REAL(fdatasync)(file);
}

int ftruncate64(int file, off64_t size) {
  char path[4096];
  return stops("truncate", path_of(file, path, sizeof path)) ? -1 : REAL(ftruncate64)(file, size);
}

int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

int rename(const char* from, const char* to) {
  return stops("rename", to) ? -1 : REAL(rename)(from, to);
}

int mkdir(const char* path, mode_t mode) {
  struct stat there;
  if (stat(path, &there) != 0 && stops("mkdir", path)) return -1;
  return REAL(mkdir)(path, mode);
}

int open64(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  if ((flags & O_ACCMODE) != O_RDONLY && stops("open", path)) return -1;
  return REAL(open64)(path, flags, mode);
}

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  return open64(path, flags, mode);
}
