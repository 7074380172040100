/* persense_base.h: what the rest of persense.h stands on: versions, errors, log, images, options of
 * the method. Its rules are those of persense.h, which includes it. */
#ifndef PERSENSE_BASE_H
#define PERSENSE_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PERSENSE_API __attribute__((visibility("default")))
#else
#define PERSENSE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Library ---------------------------------------------------------------------------- */

/* Grows when programs have to be compiled anew, as the library's soname does. */
#define PERSENSE_ABI_VERSION 1

/* The ABI version of the library that was loaded; compare with PERSENSE_ABI_VERSION. */
PERSENSE_API int32_t persense_abi_version(void);

/* The version of the library that was loaded, as "0.1.0". */
PERSENSE_API const char* persense_version(void);

/* Whether this build can run TorchScript archives, and "mini" on a GPU: 1 or 0. */
PERSENSE_API int32_t persense_has_archives(void);

/* ---- Errors ----------------------------------------------------------------------------- */

typedef enum persense_status {
  PERSENSE_OK = 0,
  PERSENSE_INVALID_ARGUMENT = 1,   /* an argument, option or size that the caller can correct */
  PERSENSE_FILE_NOT_FOUND = 2,     /* a path that does not exist */
  PERSENSE_UNREADABLE = 3,         /* a file that is damaged, of another type, or not permitted */
  PERSENSE_BAD_MODEL = 4,          /* a model archive that does not fit its stage */
  PERSENSE_OUT_OF_MEMORY = 5,      /* of the host or of the device */
  PERSENSE_DEVICE_UNAVAILABLE = 6, /* a device that this machine or this build does not have */
  PERSENSE_CANCELLED = 7,          /* the caller's should_stop asked for it */
  PERSENSE_UNWRITABLE = 8,         /* an output that could not be written */
  PERSENSE_INTERNAL = 9            /* a defect of the library: please report it */
} persense_status;

/* "OK", "InvalidArgument", ...; "unknown status" for any other number. Never NULL. */
PERSENSE_API const char* persense_status_name(persense_status status);

/* What the latest failing call of this thread had to say: one line, at most 1023 bytes. Never NULL;
 * "" when none has failed. Kept until the thread's next failing call. */
PERSENSE_API const char* persense_last_error(void);

/* ---- Log -------------------------------------------------------------------------------- */

typedef enum persense_log_level {
  PERSENSE_LOG_ERROR = 0,   /* a call failed: the text of persense_last_error() */
  PERSENSE_LOG_WARNING = 1, /* a note: what a user should know about a support or a result */
  PERSENSE_LOG_INFO = 2     /* what was done, in how much time */
} persense_log_level;

/* Gets one line of text, valid for the call; must not throw or jump out of the library. */
typedef void (*persense_log_callback)(persense_log_level level, const char* text, void* user);

/* Hands what the library has to say to `callback`; NULL (at first) drops it. Threads: of the whole
 * process; may be called at any time, and a callback that is running then goes on to its end. The
 * callback runs on the thread whose call has something to say, so on several at once. */
PERSENSE_API void persense_set_log_callback(persense_log_callback callback, void* user);

/* ---- Images, maps and geometry -------------------------------------------------------- */

typedef enum persense_pixel_format {
  PERSENSE_RGB8 = 0, /* 3 bytes a pixel; used where it lies, the others are converted once */
  PERSENSE_BGR8 = 1,
  PERSENSE_GRAY8 = 2, /* 1 byte a pixel */
  PERSENSE_RGBA8 = 3, /* 4 bytes a pixel; alpha is ignored */
  PERSENSE_BGRA8 = 4
} persense_pixel_format;

/* Borrowed pixels: `height` rows, `stride` bytes from one to the next (0: no bytes between them).
 * At least 1 x 1, at most 2^31 - 1 pixels. */
typedef struct persense_image {
  const uint8_t* data;
  int32_t width;
  int32_t height;
  int64_t stride;
  int32_t format; /* persense_pixel_format */
} persense_image;

/* A borrowed map of one float per pixel; `stride` as in persense_image, a multiple of 4. */
typedef struct persense_map {
  const float* data;
  int32_t width;
  int32_t height;
  int64_t stride;
} persense_map;

/* A borrowed label image: one number a pixel, 0 in the background; `stride` as in persense_map. */
typedef struct persense_label_image {
  const int32_t* data;
  int32_t width;
  int32_t height;
  int64_t stride;
} persense_label_image;

typedef struct persense_point {
  int32_t x;
  int32_t y;
} persense_point;

/* A corner of an outline: (0, 0) is the top left corner of the first pixel, whose centre is
 * (0.5, 0.5). */
typedef struct persense_vertex {
  float x;
  float y;
} persense_vertex;

typedef struct persense_box {
  float x0;
  float y0;
  float x1;
  float y1;
} persense_box;

/* An image that was read from a file. */
typedef struct persense_image_buffer persense_image_buffer;

/* Reads PNG, JPEG, TIFF (the first page), WebP or BMP as RGB8. EXIF orientation is applied, what is
 * transparent is seen over white. Deep pixels, integers of 16 bits and more and floating point
 * numbers, are shown through the window of their own 0.1st to 99.9th percentile.
 * FILE_NOT_FOUND, UNREADABLE. */
PERSENSE_API persense_status persense_image_buffer_read(const char* path,
                                                        persense_image_buffer** out);

/* What of a file is read, and how; see the rule about structs. */
typedef struct persense_read_options {
  size_t struct_size;
  int32_t page;       /* of a TIFF, from 1; 0: the first */
  int32_t windowed;   /* 1: deep pixels go through window_low and window_high */
  double window_low;  /* the numbers that become black */
  double window_high; /* and white; above window_low */
} persense_read_options;

/* All defaults; pass sizeof *options. */
PERSENSE_API void persense_read_options_init(persense_read_options* options, size_t struct_size);

/* What a file holds beside the pixels that were read. */
typedef struct persense_image_buffer_info {
  int32_t page_count;
  int32_t windowed; /* 1: pixels are deep and went through the window */
  double window_low;
  double window_high;
} persense_image_buffer_info;

/* The same with options; NULL: none. Frames of one series keep their relation if they are read
 * through one window: that of the first. INVALID_ARGUMENT, FILE_NOT_FOUND, UNREADABLE. */
PERSENSE_API persense_status persense_image_buffer_read_as(const char* path,
                                                           const persense_read_options* options,
                                                           persense_image_buffer** out);
PERSENSE_API const persense_image_buffer_info* persense_image_buffer_get_info(
    const persense_image_buffer* picture);

/* Reads the same as a mask, GRAY8: 255 where a colour channel is not zero (in lossy formats: above
 * half of the image's maximum), or where alpha is, if the shape is there; else 0. Objects of a
 * label image that touch are parted. INVALID_ARGUMENT: a picture instead of a mask. */
PERSENSE_API persense_status persense_image_buffer_read_mask(const char* path,
                                                             persense_image_buffer** out);

PERSENSE_API const persense_image* persense_image_buffer_get_image(
    const persense_image_buffer* picture);
PERSENSE_API void persense_image_buffer_free(persense_image_buffer* picture);

/* ---- Options of the method -------------------------------------------------------------- */

/* Every constant of the method is an option with a key. Settings are text: "key=value" pairs with
 * white space between them, as in "idm.threshold=25 feedback.shots=2". The last of a key counts. */
typedef struct persense_option_info {
  const char* key;           /* "idm.threshold" */
  const char* default_value; /* in the preset "paper" */
  const char* range;         /* "0 to 255", or "paper|reference" */
  const char* help;
} persense_option_info;

PERSENSE_API size_t persense_option_count(void);

/* The option of this index, NULL past the last. What it points to lives as long as the library. */
PERSENSE_API const persense_option_info* persense_option_get_info(size_t index);

#ifdef __cplusplus
}
#endif

#endif /* PERSENSE_BASE_H */
