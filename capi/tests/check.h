/* check.h: what the C tests share: a check that says where it failed, and an image of discs. */
#ifndef PERSENSE_TESTS_CHECK_H
#define PERSENSE_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persense.h"

static int failed_checks = 0;

#define CHECK(condition)                                                                    \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      ++failed_checks;                                                                      \
      fprintf(stderr, "%s:%d: not true: %s\n  the last error is: %s\n", __FILE__, __LINE__, \
              #condition, persense_last_error());                                           \
    }                                                                                       \
  } while (0)

/* The call fails with this status, and the last error holds this text in one line. */
#define CHECK_FAILS(call, expected, text)                  \
  do {                                                     \
    CHECK((call) == (expected));                           \
    CHECK(strstr(persense_last_error(), (text)) != NULL);  \
    CHECK(strpbrk(persense_last_error(), "\n\r") == NULL); \
  } while (0)

#define REQUIRE_OK(call)                                                                    \
  do {                                                                                      \
    if ((call) != PERSENSE_OK) {                                                            \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, persense_last_error()); \
      exit(1);                                                                              \
    }                                                                                       \
  } while (0)

/* The weight-free stages: what they find is known, and does not change with the learned network. */
static persense_pipeline_options weight_free(void) {
  persense_pipeline_options options;
  persense_pipeline_options_init(&options, sizeof options);
  options.models = "classic";
  return options;
}

enum { scene_width = 160, scene_height = 120, scene_discs = 12 };

static const uint8_t scene_colours[2][3] = {{40, 90, 50}, {220, 170, 60}};

/* Which disc of radius 9 holds the pixel: 1 to 12, or 0. */
static int scene_disc(int x, int y) {
  const int column = x / 40, row = y / 40;
  const int dx = x - (20 + 40 * column), dy = y - (20 + 40 * row);
  return dx * dx + dy * dy <= 81 ? 1 + 4 * row + column : 0;
}

/* The discs in any format, `padding` bytes of rubbish behind each row. The caller frees data. */
static persense_image scene_image(int format, int padding) {
  static const int channels[] = {3, 3, 1, 4, 4};
  const int n = channels[format];
  persense_image image;
  uint8_t* data;
  int x, y;
  image.width = scene_width;
  image.height = scene_height;
  image.stride = n * scene_width + padding;
  image.format = format;
  data = malloc((size_t)(image.stride * scene_height));
  if (data == NULL) exit(1);
  memset(data, 0xAB, (size_t)(image.stride * scene_height));
  for (y = 0; y < scene_height; ++y)
    for (x = 0; x < scene_width; ++x) {
      const uint8_t* colour = scene_colours[scene_disc(x, y) > 0];
      uint8_t* pixel = data + y * image.stride + n * x;
      const int backwards = format == PERSENSE_BGR8 || format == PERSENSE_BGRA8;
      if (n == 1) {
        pixel[0] = colour[0];
      } else {
        pixel[0] = colour[backwards ? 2 : 0];
        pixel[1] = colour[1];
        pixel[2] = colour[backwards ? 0 : 2];
      }
    }
  image.data = data;
  return image;
}

/* The mask of one disc; the value inside is anything but 0. */
static persense_image scene_mask(int disc, int padding) {
  persense_image mask;
  uint8_t* data;
  int x, y;
  mask.width = scene_width;
  mask.height = scene_height;
  mask.stride = scene_width + padding;
  mask.format = PERSENSE_GRAY8;
  data = malloc((size_t)(mask.stride * scene_height));
  if (data == NULL) exit(1);
  memset(data, 0xAB, (size_t)(mask.stride * scene_height));
  for (y = 0; y < scene_height; ++y)
    for (x = 0; x < scene_width; ++x)
      data[y * mask.stride + x] = (uint8_t)(scene_disc(x, y) == disc ? 1 + x % 255 : 0);
  mask.data = data;
  return mask;
}

static void scene_free(persense_image image) { free((void*)image.data); }

#endif
