/* What results hold, whatever the format and stride of the images. */
#include <math.h>

#include "check.h"

static persense_result* segmented(persense_image image, persense_image mask) {
  const persense_pipeline_options stages = weight_free();
  persense_pipeline* pipeline;
  persense_support* support;
  persense_result* result;
  REQUIRE_OK(persense_pipeline_create(&stages, &pipeline));
  REQUIRE_OK(persense_support_create(pipeline, &image, &mask, "disc", &support));
  persense_pipeline_free(pipeline);
  REQUIRE_OK(persense_segment(support, &image, NULL, &result));
  persense_support_free(support);
  scene_free(image);
  scene_free(mask);
  return result;
}

static int same(const persense_result* a, const persense_result* b) {
  const persense_result_info* x = persense_result_get_info(a);
  const persense_result_info* y = persense_result_get_info(b);
  size_t i;
  if (x->instance_count != y->instance_count) return 0;
  if (x->density.stride != y->density.stride || x->density.height != y->density.height ||
      memcmp(x->density.data, y->density.data, (size_t)(x->density.stride * x->density.height)) !=
          0)
    return 0;
  for (i = 0; i < x->instance_count; ++i) {
    const persense_instance *p = &x->instances[i], *q = &y->instances[i];
    if (memcmp(p, q, offsetof(persense_instance, mask)) != 0 || p->area != q->area ||
        memcmp(p->mask, q->mask, (size_t)(p->mask_width * p->mask_height)) != 0)
      return 0;
  }
  return 1;
}

static void every_format_and_stride_gives_the_same_result(void) {
  static const int paddings[] = {0, 13};
  persense_result* colour = segmented(scene_image(PERSENSE_RGB8, 0), scene_mask(6, 0));
  persense_result* grey = segmented(scene_image(PERSENSE_GRAY8, 0), scene_mask(6, 0));
  int format, i;
  CHECK(persense_result_get_info(colour)->instance_count == scene_discs);
  CHECK(persense_result_get_info(grey)->instance_count == scene_discs);
  CHECK(!same(colour, grey)); /* or the comparison sees nothing */
  for (format = PERSENSE_RGB8; format <= PERSENSE_BGRA8; ++format)
    for (i = 0; i < 2; ++i) {
      persense_result* result =
          segmented(scene_image(format, paddings[i]), scene_mask(6, paddings[1 - i]));
      CHECK(same(result, format == PERSENSE_GRAY8 ? grey : colour));
      persense_result_free(result);
    }
  persense_result_free(colour);
  persense_result_free(grey);
}

/* Decodes COCO's compressed text as pycocotools does: runs of 0, 1, 0, ... down the columns. */
static int decoded_pixel(const uint8_t* dense, int x, int y) { return dense[x * scene_height + y]; }
static int decode_rle(const char* text, uint8_t* dense) {
  long runs[1024];
  int count = 0, pixel = 0, i;
  while (*text != '\0' && count < 1024) {
    long value = 0;
    int shift = 0, more = 1;
    while (more) {
      const long c = *text++ - 48;
      value |= (c & 0x1f) << shift;
      more = (c & 0x20) != 0;
      shift += 5;
      if (!more && (c & 0x10) != 0) value -= 1L << shift;
    }
    if (count > 2) value += runs[count - 2];
    runs[count++] = value;
  }
  for (i = 0; i < count; ++i)
    while (runs[i]-- > 0 && pixel < scene_width * scene_height) dense[pixel++] = (uint8_t)(i % 2);
  return pixel;
}

static void masks_labels_and_rle_tell_the_same(persense_result* result) {
  enum { row = scene_width + 3, untouched = 77 };
  static int32_t labels[row * scene_height];
  static uint8_t dense[scene_width * scene_height];
  const persense_result_info* info = persense_result_get_info(result);
  size_t i;
  int x, y;
  for (i = 0; i < row * scene_height; ++i) labels[i] = untouched;
  REQUIRE_OK(persense_result_get_labels(result, labels, sizeof labels - 3 * sizeof *labels,
                                        row * sizeof *labels));
  for (y = 0; y < scene_height; ++y)
    for (x = scene_width; x < row; ++x) CHECK(labels[y * row + x] == untouched);

  for (i = 0; i < info->instance_count; ++i) {
    const persense_instance* instance = &info->instances[i];
    const char *counts, *again;
    int64_t area = 0;
    CHECK(instance->id == (int32_t)i + 1);
    CHECK(instance->box.x0 == (float)instance->mask_x);
    CHECK(instance->box.y1 == (float)(instance->mask_y + instance->mask_height));
    REQUIRE_OK(persense_result_get_rle(result, i, &counts));
    REQUIRE_OK(persense_result_get_rle(result, i, &again));
    CHECK(counts == again);
    CHECK(decode_rle(counts, dense) == scene_width * scene_height);
    for (y = 0; y < scene_height; ++y)
      for (x = 0; x < scene_width; ++x) {
        const int mx = x - instance->mask_x, my = y - instance->mask_y;
        const int inside = mx >= 0 && my >= 0 && mx < instance->mask_width &&
                           my < instance->mask_height &&
                           instance->mask[my * instance->mask_width + mx] == 1;
        area += inside;
        /* the discs are apart, so no mask hides another */
        if (inside != (labels[y * row + x] == instance->id) || inside != decoded_pixel(dense, x, y))
          CHECK(!"the mask, the label map and the RLE agree");
      }
    CHECK(area == instance->area && area > 0);
    CHECK(scene_disc(instance->point.x, instance->point.y) > 0);
  }
}

static void the_info_is_complete(const persense_result* result) {
  const persense_result_info* info = persense_result_get_info(result);
  double sum = 0, seconds = 0;
  size_t i;
  CHECK(info->width == scene_width && info->height == scene_height);
  CHECK(info->instance_count == scene_discs);
  CHECK(info->density.width > 0 && info->density.height > 0); /* of any size */
  CHECK(info->density.stride == info->density.width * (int64_t)sizeof(float));
  for (i = 0; i < (size_t)(info->density.width * info->density.height); ++i)
    sum += info->density.data[i];
  /* the library adds in another order, in float or double */
  CHECK(fabs(sum - info->estimated_count) < 1e-3 * info->estimated_count);
  CHECK(info->estimated_count > 6 && info->estimated_count < 24);
  CHECK(info->step_count == 9 && persense_step_name((int32_t)info->step_count) == NULL);
  for (i = 0; i < info->step_count; ++i) seconds += info->step_seconds[i];
  CHECK(seconds > 0);
  CHECK(!info->has_trace);
}

static void supports_say_what_they_are(void) {
  const persense_pipeline_options stages = weight_free();
  persense_image image = scene_image(PERSENSE_BGRA8, 5), mask = scene_mask(6, 5);
  persense_pipeline* pipeline;
  persense_support* support;
  const persense_support_info* info;
  ((uint8_t*)mask.data)[0] = 1; /* a second part */
  REQUIRE_OK(persense_pipeline_create(&stages, &pipeline));
  REQUIRE_OK(persense_support_create(pipeline, &image, &mask, "potato", &support));
  info = persense_support_get_info(support);
  CHECK(info->width == scene_width && info->height == scene_height);
  CHECK(info->box.x0 == 51 && info->box.y0 == 51 && info->box.x1 == 70 && info->box.y1 == 70);
  CHECK(info->diameter > 17.5f && info->diameter < 18.5f);
  CHECK(strcmp(info->label, "potato") == 0);
  CHECK(strstr(info->phrase, "potatoes") != NULL);
  CHECK(info->note_count == 1 && strstr(info->notes[0], "2 separate parts") != NULL);
  persense_support_free(support);
  REQUIRE_OK(persense_support_create(pipeline, &image, &mask, NULL, &support));
  CHECK(strcmp(persense_support_get_info(support)->label, "") == 0);
  persense_support_free(support);
  persense_pipeline_free(pipeline);
  scene_free(image);
  scene_free(mask);
}

static void idm_and_ppsm_work_on_maps_of_any_stride(void) {
  enum { width = 40, height = 30, row = 43 };
  static float density[row * height], similarity[row * height];
  const persense_map map = {density, width, height, row * sizeof(float)};
  const persense_map similar = {similarity, width, height, row * sizeof(float)};
  const persense_box box = {0, 0, 39, 29};
  const persense_points_info* info;
  persense_points* points;
  size_t selected[3], count;
  float threshold;
  int x, y;
  for (y = 0; y < height; ++y)
    for (x = 0; x < row; ++x) {
      const int in = y >= 10 && y < 15 && x < width;
      /* three blobs of 25 pixels, and rubbish behind the rows */
      density[y * row + x] = x >= width ? 1e9f : in && x % 13 >= 4 && x % 13 < 9 ? 0.04f : 0;
      similarity[y * row + x] = x >= width ? 1e9f : x < 26 ? 0.9f : 0.1f;
    }
  REQUIRE_OK(persense_idm(&map, 0, 0, NULL, &points));
  info = persense_points_get_info(points);
  CHECK(info->point_count == 3);
  CHECK(fabs(info->estimated_count - 3) < 1e-5); /* 75 sums of 0.04 in float */
  for (x = 0; x < 3; ++x) CHECK(info->points[x].y == 12 && info->points[x].x % 13 == 6);
  REQUIRE_OK(persense_ppsm(info->points, info->point_count, &similar, info->estimated_count, &box,
                           1, NULL, selected, &count, &threshold));
  CHECK(count == 2);
  CHECK(info->points[selected[0]].x < 26 && info->points[selected[1]].x < 26);
  CHECK(threshold > 0.42f && threshold < 0.43f); /* 0.9 / (3 / sqrt 2) */
  REQUIRE_OK(persense_ppsm(info->points, info->point_count, &similar, 3, NULL, 0, NULL, selected,
                           &count, NULL));
  CHECK(count == 0); /* no box, no point */
  persense_points_free(points);

  REQUIRE_OK(persense_idm(&map, 80, 60, NULL, &points)); /* twice the size */
  info = persense_points_get_info(points);
  CHECK(info->point_count == 3 && info->points[0].y >= 24 && info->points[0].y <= 25);
  persense_points_free(points);
}

static void files_are_written_and_read(persense_result* result) {
  const persense_pipeline_options stages = weight_free();
  const persense_image image = scene_image(PERSENSE_BGR8, 7), mask = scene_mask(6, 0);
  persense_image_buffer* picture;
  const persense_image* read;
  persense_pipeline* pipeline;
  persense_support* support;
  persense_run_options options;
  persense_result* traced;
  REQUIRE_OK(persense_result_write_labels(result, "labels.png"));
  REQUIRE_OK(persense_image_buffer_read_mask("labels.png", &picture));
  read = persense_image_buffer_get_image(picture);
  CHECK(read->width == scene_width && read->height == scene_height);
  CHECK(read->format == PERSENSE_GRAY8);
  CHECK(read->data[60 * read->stride + 60] == 255 && read->data[0] == 0);
  persense_image_buffer_free(picture);

  REQUIRE_OK(persense_result_write_overlay(result, &image, "overlay.png"));
  REQUIRE_OK(persense_image_buffer_read("overlay.png", &picture));
  read = persense_image_buffer_get_image(picture);
  CHECK(read->width == scene_width && read->format == PERSENSE_RGB8);
  CHECK(read->data[0] == scene_colours[0][0] && read->data[2] == scene_colours[0][2]);
  persense_image_buffer_free(picture);
  REQUIRE_OK(persense_result_write_csv(result, "instances.csv"));
  REQUIRE_OK(persense_result_write_coco(result, "discs.png", "disc", "instances.json"));

  persense_run_options_init(&options, sizeof options);
  options.trace = 1;
  REQUIRE_OK(persense_pipeline_create(&stages, &pipeline));
  REQUIRE_OK(persense_support_create(pipeline, &image, &mask, NULL, &support));
  REQUIRE_OK(persense_segment(support, &image, &options, &traced));
  CHECK(persense_result_get_info(traced)->has_trace);
  CHECK(same(traced, result));
  REQUIRE_OK(persense_result_write_figure(traced, &image, &image, &mask, "figure.png"));
  REQUIRE_OK(persense_image_buffer_read("figure.png", &picture));
  CHECK(persense_image_buffer_get_image(picture)->width > scene_width);
  persense_image_buffer_free(picture);
  persense_result_free(traced);
  persense_support_free(support);
  persense_pipeline_free(pipeline);
  scene_free(image);
  scene_free(mask);
}

int main(void) {
  persense_result* result = segmented(scene_image(PERSENSE_RGB8, 0), scene_mask(6, 0));
  every_format_and_stride_gives_the_same_result();
  masks_labels_and_rle_tell_the_same(result);
  the_info_is_complete(result);
  supports_say_what_they_are();
  idm_and_ppsm_work_on_maps_of_any_stride();
  files_are_written_and_read(result);
  persense_result_free(result);
  return failed_checks != 0;
}
