/* Wrong arguments: each gives a status and one line that names the culprit, never a crash. */
#include "check.h"

static persense_image image, mask;
static persense_pipeline* pipeline;
static persense_support* support;
static persense_result* result;

/* What an out parameter holds before a call that fails: it must be NULL afterwards. */
#define STALE(type) ((type*)(void*)&image)

static void the_library_introduces_itself(void) {
  CHECK(persense_abi_version() == PERSENSE_ABI_VERSION);
  CHECK(strcmp(persense_version(), EXPECTED_VERSION) == 0);
  CHECK(persense_has_archives() == EXPECTED_ARCHIVES);
  CHECK(strcmp(persense_status_name(PERSENSE_OK), "OK") == 0);
  CHECK(strcmp(persense_status_name(PERSENSE_INVALID_ARGUMENT), "InvalidArgument") == 0);
  CHECK(strcmp(persense_status_name(PERSENSE_INTERNAL), "Internal") == 0);
  CHECK(strcmp(persense_status_name((persense_status)10), "unknown status") == 0);
  CHECK(strcmp(persense_status_name((persense_status)-1), "unknown status") == 0);
  CHECK(strcmp(persense_step_name(0), "encode") == 0);
  CHECK(strcmp(persense_step_name(8), "instances") == 0);
  CHECK(persense_step_name(-1) == NULL && persense_step_name(9) == NULL);
}

static void every_option_is_listed_with_its_default_and_range(void) {
  const size_t count = persense_option_count();
  size_t i;
  int found = 0;
  CHECK(count >= 16);
  for (i = 0; i < count; ++i) {
    const persense_option_info* option = persense_option_get_info(i);
    CHECK(option != NULL && option->help[0] != '\0');
    /* the pipeline is made with the defaults */
    CHECK(strcmp(persense_pipeline_get_option(pipeline, option->key), option->default_value) == 0);
    if (strcmp(option->key, "idm.threshold") == 0) {
      ++found;
      CHECK(strcmp(option->default_value, "30") == 0);
      CHECK(strcmp(option->range, "0 to 255") == 0);
    }
    if (strcmp(option->key, "idm.rules") == 0) {
      ++found;
      CHECK(strcmp(option->range, "paper|reference") == 0);
    }
  }
  CHECK(found == 2);
  CHECK(persense_option_get_info(count) == NULL);
  CHECK(persense_option_get_info((size_t)-1) == NULL);
}

static void null_is_refused_by_name(void) {
  persense_pipeline* p;
  persense_support* s = STALE(persense_support);
  persense_result* r = STALE(persense_result);
  persense_points* points = STALE(persense_points);
  persense_image_buffer* picture = STALE(persense_image_buffer);
  const char* text = "stale";
  int32_t label = 0;
  size_t selected = 0, count = 7;
  const persense_point point = {0, 0};
  const float value = 1;
  const persense_map map = {&value, 1, 1, 0};

  CHECK_FAILS(persense_pipeline_create(NULL, NULL), PERSENSE_INVALID_ARGUMENT, "out: got NULL");
  REQUIRE_OK(persense_pipeline_create(NULL, &p));
  persense_pipeline_free(p);
  CHECK(persense_pipeline_get_option(NULL, "idm.threshold") == NULL);
  CHECK(strstr(persense_last_error(), "pipeline: got NULL") != NULL);
  CHECK(persense_pipeline_get_option(pipeline, NULL) == NULL);
  CHECK(strstr(persense_last_error(), "key: got NULL") != NULL);

  CHECK_FAILS(persense_support_create(NULL, &image, &mask, NULL, &s), PERSENSE_INVALID_ARGUMENT,
              "pipeline: got NULL");
  CHECK(s == NULL);
  CHECK_FAILS(persense_support_create(pipeline, NULL, &mask, NULL, &s), PERSENSE_INVALID_ARGUMENT,
              "support image: got NULL");
  CHECK_FAILS(persense_support_create(pipeline, &image, NULL, NULL, &s), PERSENSE_INVALID_ARGUMENT,
              "support mask: got NULL");
  CHECK_FAILS(persense_support_create(pipeline, &image, &mask, NULL, NULL),
              PERSENSE_INVALID_ARGUMENT, "out: got NULL");
  CHECK(persense_support_get_info(NULL) == NULL);
  CHECK(strstr(persense_last_error(), "support: got NULL") != NULL);

  CHECK_FAILS(persense_segment(NULL, &image, NULL, &r), PERSENSE_INVALID_ARGUMENT,
              "support: got NULL");
  CHECK(r == NULL);
  CHECK_FAILS(persense_segment(support, NULL, NULL, &r), PERSENSE_INVALID_ARGUMENT,
              "query image: got NULL");
  CHECK_FAILS(persense_segment(support, &image, NULL, NULL), PERSENSE_INVALID_ARGUMENT,
              "out: got NULL");
  CHECK(persense_result_get_info(NULL) == NULL);
  CHECK(strstr(persense_last_error(), "result: got NULL") != NULL);
  CHECK_FAILS(persense_result_get_rle(NULL, 0, &text), PERSENSE_INVALID_ARGUMENT,
              "result: got NULL");
  CHECK(text == NULL);
  CHECK_FAILS(persense_result_get_rle(result, 0, NULL), PERSENSE_INVALID_ARGUMENT,
              "counts: got NULL");
  CHECK_FAILS(persense_result_get_labels(NULL, &label, 4, 0), PERSENSE_INVALID_ARGUMENT,
              "result: got NULL");
  CHECK_FAILS(persense_result_get_labels(result, NULL, 1u << 20, 0), PERSENSE_INVALID_ARGUMENT,
              "labels: got NULL");

  CHECK_FAILS(persense_result_write_labels(NULL, "x.png"), PERSENSE_INVALID_ARGUMENT,
              "result: got NULL");
  CHECK_FAILS(persense_result_write_labels(result, NULL), PERSENSE_INVALID_ARGUMENT,
              "path: got NULL");
  CHECK_FAILS(persense_result_write_csv(result, ""), PERSENSE_INVALID_ARGUMENT,
              "path: got an empty");
  CHECK_FAILS(persense_result_write_coco(result, NULL, NULL, "x.json"), PERSENSE_INVALID_ARGUMENT,
              "image_name: got NULL");
  CHECK_FAILS(persense_result_write_overlay(result, NULL, "x.png"), PERSENSE_INVALID_ARGUMENT,
              "query image: got NULL");
  CHECK_FAILS(persense_result_write_figure(result, &image, NULL, &mask, "x.png"),
              PERSENSE_INVALID_ARGUMENT, "support image: got NULL");
  CHECK_FAILS(persense_result_write_figure(result, &image, &image, &mask, "x.png"),
              PERSENSE_INVALID_ARGUMENT, "trace");

  CHECK_FAILS(persense_image_buffer_read(NULL, &picture), PERSENSE_INVALID_ARGUMENT,
              "path: got NULL");
  CHECK(picture == NULL);
  CHECK_FAILS(persense_image_buffer_read("x.png", NULL), PERSENSE_INVALID_ARGUMENT,
              "out: got NULL");
  CHECK_FAILS(persense_image_buffer_read_mask(NULL, &picture), PERSENSE_INVALID_ARGUMENT, "path");
  CHECK(persense_image_buffer_get_image(NULL) == NULL);

  CHECK_FAILS(persense_idm(NULL, 0, 0, NULL, &points), PERSENSE_INVALID_ARGUMENT,
              "density map: got NULL");
  CHECK(points == NULL);
  CHECK_FAILS(persense_idm(&map, 0, 0, NULL, NULL), PERSENSE_INVALID_ARGUMENT, "out: got NULL");
  CHECK(persense_points_get_info(NULL) == NULL);
  CHECK_FAILS(persense_ppsm(NULL, 1, &map, 1, NULL, 0, NULL, &selected, &count, NULL),
              PERSENSE_INVALID_ARGUMENT, "candidates: got NULL");
  CHECK(count == 0);
  CHECK_FAILS(persense_ppsm(&point, 1, NULL, 1, NULL, 0, NULL, &selected, &count, NULL),
              PERSENSE_INVALID_ARGUMENT, "similarity map: got NULL");
  CHECK_FAILS(persense_ppsm(&point, 1, &map, 1, NULL, 1, NULL, &selected, &count, NULL),
              PERSENSE_INVALID_ARGUMENT, "boxes: got NULL");
  CHECK_FAILS(persense_ppsm(&point, 1, &map, 1, NULL, 0, NULL, NULL, &count, NULL),
              PERSENSE_INVALID_ARGUMENT, "selected: got NULL");
  CHECK_FAILS(persense_ppsm(&point, 1, &map, 1, NULL, 0, NULL, &selected, NULL, NULL),
              PERSENSE_INVALID_ARGUMENT, "selected_count: got NULL");
  CHECK(persense_ppsm(NULL, 0, &map, 1, NULL, 0, NULL, NULL, &count, NULL) == PERSENSE_OK);
  CHECK(count == 0);
}

static void free_takes_null(void) {
  persense_pipeline_free(NULL);
  persense_support_free(NULL);
  persense_result_free(NULL);
  persense_points_free(NULL);
  persense_image_buffer_free(NULL);
  persense_pipeline_options_init(NULL, 8);
  persense_run_options_init(NULL, 8);
  persense_method_options_init(NULL, 8);
}

static void init_writes_struct_size_bytes_and_no_more(void) {
  unsigned char memory[sizeof(persense_pipeline_options) + 8];
  persense_pipeline_options* options = (persense_pipeline_options*)(void*)memory;
  size_t size, i;
  for (size = 0; size <= sizeof memory; size += 8) {
    memset(memory, 0xCD, sizeof memory);
    persense_pipeline_options_init(options, size);
    for (i = size; i < sizeof memory; ++i) CHECK(memory[i] == 0xCD);
    for (i = sizeof(size_t); i < size; ++i) CHECK(memory[i] == 0);
    if (size > 0) CHECK(options->struct_size == size);
  }
}

static void a_shorter_struct_has_the_defaults_for_what_is_missing(void) {
  /* what a program hands in that was compiled for a library with the first two fields alone; as
   * ASan knows, nothing is behind it */
  struct older {
    size_t struct_size;
    const char* models;
  }* older = malloc(sizeof *older);
  const persense_pipeline_options* options = (const persense_pipeline_options*)(void*)older;
  persense_pipeline* p;
  persense_method_options method;
  persense_points* points;
  const float values[2] = {0, 1};
  const persense_map map = {values, 2, 1, 0};
  if (older == NULL) exit(1);
  older->struct_size = sizeof *older;
  older->models = "classic";
  REQUIRE_OK(persense_pipeline_create(options, &p));
  persense_pipeline_free(p);
  older->models = "no such folder";
  CHECK_FAILS(persense_pipeline_create(options, &p), PERSENSE_FILE_NOT_FOUND, "no such folder");
  free(older);

  persense_method_options_init(&method, sizeof method);
  method.struct_size = offsetof(persense_method_options, settings);
  method.settings = "not read";
  REQUIRE_OK(persense_idm(&map, 0, 0, &method, &points));
  persense_points_free(points);
}

static void a_longer_struct_may_have_a_tail_of_zeros_alone(void) {
  struct {
    persense_run_options known;
    size_t newer[2];
  } longer;
  persense_result* r;
  char expected[64];
  memset(&longer, 0, sizeof longer);
  longer.known.struct_size = sizeof longer;
  REQUIRE_OK(persense_segment(support, &image, &longer.known, &r));
  persense_result_free(r);
  ((unsigned char*)longer.newer)[11] = 1;
  sprintf(expected, "persense_run_options: the field at byte %u is not zero",
          (unsigned)sizeof(persense_run_options) + 11);
  CHECK_FAILS(persense_segment(support, &image, &longer.known, &r), PERSENSE_INVALID_ARGUMENT,
              expected);
  memset(&longer, 0, sizeof longer);
  longer.known.struct_size = sizeof longer.known;
  longer.known.reserved = 1;
  sprintf(expected, "the field at byte %u is not zero",
          (unsigned)offsetof(persense_run_options, reserved));
  CHECK_FAILS(persense_segment(support, &image, &longer.known, &r), PERSENSE_INVALID_ARGUMENT,
              expected);
}

static void a_struct_size_that_no_version_has_is_refused(void) {
  static const size_t sizes[] = {0, 1, 7, 9, 12, 4104, (size_t)-8};
  persense_pipeline_options options;
  persense_pipeline* p = STALE(persense_pipeline);
  size_t i;
  persense_pipeline_options_init(&options, sizeof options);
  for (i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
    options.struct_size = sizes[i];
    CHECK_FAILS(persense_pipeline_create(&options, &p), PERSENSE_INVALID_ARGUMENT,
                "persense_pipeline_options: struct_size");
    CHECK(p == NULL);
  }
}

static void images_that_cannot_be_are_refused(void) {
  persense_result* r;
  persense_support* s;
  persense_image bad;
#define WITH(field, value, text)                                                             \
  do {                                                                                       \
    bad = image;                                                                             \
    bad.field = (value);                                                                     \
    CHECK_FAILS(persense_segment(support, &bad, NULL, &r), PERSENSE_INVALID_ARGUMENT, text); \
  } while (0)
  WITH(data, NULL, "query image: data: got NULL");
  WITH(width, 0, "query image: size 0 x 120, expected at least 1 x 1");
  WITH(height, 0, "query image: size 160 x 0");
  WITH(width, -5, "query image: size -5 x 120");
  WITH(height, INT32_MIN, "query image: size 160 x -2147483648");
  WITH(height, INT32_MAX, "expected at most 2^31 - 1 pixels");
  WITH(stride, 479, "query image: stride of 479 bytes, expected at least 480 for 160 pixels");
  WITH(stride, -480, "query image: stride of -480 bytes, expected at least 480");
  WITH(stride, INT64_MAX, "is more than memory");
  WITH(stride, INT64_MIN, "expected at least 480");
  WITH(format, -1, "query image: format -1, expected one of persense_pixel_format (0 to 4)");
  WITH(format, 5, "query image: format 5");
#undef WITH
  bad = mask;
  bad.format = PERSENSE_RGB8;
  bad.width = 50;
  CHECK_FAILS(persense_support_create(pipeline, &image, &bad, NULL, &s), PERSENSE_INVALID_ARGUMENT,
              "support mask: format RGB8, expected GRAY8");
  bad = mask;
  bad.height = 100;
  CHECK_FAILS(persense_support_create(pipeline, &image, &bad, NULL, &s), PERSENSE_INVALID_ARGUMENT,
              "support mask: size 160 x 100, expected the support image's 160 x 120");
  bad = scene_mask(99, 0); /* no such disc */
  CHECK_FAILS(persense_support_create(pipeline, &image, &bad, NULL, &s), PERSENSE_INVALID_ARGUMENT,
              "support mask: no pixel is set");
  scene_free(bad);
}

static void pipelines_that_cannot_be_are_refused(void) {
  persense_pipeline_options options;
  persense_pipeline* p;
#define WITH(field, value, status, text)                               \
  do {                                                                 \
    options = weight_free();                                           \
    options.field = (value);                                           \
    CHECK_FAILS(persense_pipeline_create(&options, &p), status, text); \
    CHECK(p == NULL);                                                  \
  } while (0)
  WITH(models, "no/such/folder", PERSENSE_FILE_NOT_FOUND, "models: got \"no/such/folder\"");
  WITH(encoder, "", PERSENSE_INVALID_ARGUMENT, "encoder: got an empty text");
  WITH(device, "cuda", PERSENSE_INVALID_ARGUMENT, "device cuda");
  WITH(dtype, "fp16", PERSENSE_INVALID_ARGUMENT, "dtype fp16");
  WITH(preset, "fast", PERSENSE_INVALID_ARGUMENT, "preset: got \"fast\"");
  WITH(settings, "idm.threshold", PERSENSE_INVALID_ARGUMENT,
       "settings: got \"idm.threshold\", expected key=value");
  WITH(settings, "idm.treshold=25", PERSENSE_INVALID_ARGUMENT, "option idm.treshold: unknown");
  WITH(settings, " idm.threshold=25\n feedback.shots=0 ", PERSENSE_INVALID_ARGUMENT,
       "option feedback.shots: got 0, expected 1 to 64");
  /* this file is no archive, and in a build without LibTorch archives are none at all */
  WITH(dmg, __FILE__, EXPECTED_ARCHIVES ? PERSENSE_UNREADABLE : PERSENSE_INVALID_ARGUMENT, "");
#undef WITH
}

static void settings_reach_the_pipeline(void) {
  persense_pipeline_options options;
  persense_pipeline* p;
  options = weight_free();
  options.preset = "reference";
  options.settings = "idm.threshold=25\tidm.threshold=26\n feedback.shots=2 ";
  REQUIRE_OK(persense_pipeline_create(&options, &p));
  CHECK(strcmp(persense_pipeline_get_option(p, "idm.threshold"), "26") == 0);
  CHECK(strcmp(persense_pipeline_get_option(p, "feedback.shots"), "2") == 0);
  CHECK(strcmp(persense_pipeline_get_option(p, "location_prior"), "box_center") == 0);
  CHECK(persense_pipeline_get_option(p, "no.such.key") == NULL);
  persense_pipeline_free(p);
}

static void files_that_cannot_be_read_or_written_are_named(void) {
  persense_image_buffer* picture;
  CHECK_FAILS(persense_image_buffer_read("no/such/picture.png", &picture), PERSENSE_FILE_NOT_FOUND,
              "no/such/picture.png");
  CHECK_FAILS(persense_image_buffer_read(__FILE__, &picture), PERSENSE_UNREADABLE, __FILE__);
  CHECK_FAILS(persense_image_buffer_read_mask(".", &picture), PERSENSE_UNREADABLE, ".");
  CHECK(picture == NULL);
  CHECK_FAILS(persense_result_write_csv(result, "no/such/folder/x.csv"), PERSENSE_UNWRITABLE,
              "no/such/folder/x.csv");
  CHECK_FAILS(persense_result_write_labels(result, "no/such/folder/x.png"), PERSENSE_UNWRITABLE,
              "no/such/folder/x.png");
  CHECK_FAILS(persense_result_write_coco(result, "x", "y", "no/such/folder/x.json"),
              PERSENSE_UNWRITABLE, "no/such/folder/x.json");
  CHECK_FAILS(persense_result_write_overlay(result, &image, "no/such/folder/x.png"),
              PERSENSE_UNWRITABLE, "no/such/folder/x.png");
  CHECK_FAILS(persense_result_write_overlay(result, &mask, "no/such/folder/x.png"),
              PERSENSE_UNWRITABLE, "no/such/folder/x.png"); /* grey is as good as colour */
}

static void results_are_read_within_their_bounds(void) {
  enum { pixels = scene_width * scene_height };
  static int32_t labels[pixels + 1];
  const char* counts = "stale";
  CHECK_FAILS(persense_result_get_rle(result, scene_discs, &counts), PERSENSE_INVALID_ARGUMENT,
              "index: got 12, expected less than the 12 instances");
  CHECK(counts == NULL);
  CHECK(persense_result_get_labels(result, labels, 4 * pixels, 0) == PERSENSE_OK);
  CHECK_FAILS(persense_result_get_labels(result, labels, 4 * pixels - 1, 0),
              PERSENSE_INVALID_ARGUMENT,
              "labels: memory of 76799 bytes, expected at least 76800 for 160 x 120 pixels");
  CHECK_FAILS(persense_result_get_labels(result, labels, 4 * pixels, 644),
              PERSENSE_INVALID_ARGUMENT, "expected at least 77276");
  CHECK_FAILS(persense_result_get_labels(result, labels, sizeof labels, 641),
              PERSENSE_INVALID_ARGUMENT, "labels: stride of 641 bytes, expected a multiple of 4");
  CHECK_FAILS(persense_result_get_labels(result, labels, sizeof labels, 636),
              PERSENSE_INVALID_ARGUMENT, "labels: stride of 636 bytes, expected at least 640");
  CHECK_FAILS(
      persense_result_get_labels(result, (int32_t*)(void*)((char*)labels + 1), 4 * pixels, 0),
      PERSENSE_INVALID_ARGUMENT, "not a multiple of 4");
}

static void maps_that_cannot_be_are_refused(void) {
  float values[6] = {0, 1, 0, 0, 1, 0};
  persense_map map = {values, 3, 2, 0};
  const persense_point outside = {3, 0};
  persense_method_options method;
  persense_points* points;
  size_t selected[1], count;
  CHECK_FAILS(persense_idm(&map, 0, 5, NULL, &points), PERSENSE_INVALID_ARGUMENT,
              "image: size 0 x 5, expected at least 1 x 1");
  CHECK_FAILS(persense_idm(&map, -1, -1, NULL, &points), PERSENSE_INVALID_ARGUMENT, "image: size");
  map.stride = 10;
  CHECK_FAILS(persense_idm(&map, 0, 0, NULL, &points), PERSENSE_INVALID_ARGUMENT,
              "density map: stride of 10 bytes, expected at least 12");
  map.stride = 14;
  CHECK_FAILS(persense_idm(&map, 0, 0, NULL, &points), PERSENSE_INVALID_ARGUMENT,
              "density map: stride of 14 bytes, expected a multiple of 4");
  map.stride = 0;
  map.data = (const float*)(const void*)((const char*)values + 1);
  CHECK_FAILS(persense_idm(&map, 0, 0, NULL, &points), PERSENSE_INVALID_ARGUMENT,
              "density map: data at an address that is not a multiple of 4");
  map.data = values;
  map.height = 0;
  CHECK_FAILS(persense_idm(&map, 0, 0, NULL, &points), PERSENSE_INVALID_ARGUMENT,
              "density map: size 3 x 0");
  map.height = 2;
  values[4] = values[1] / values[0]; /* infinity */
  CHECK_FAILS(persense_idm(&map, 0, 0, NULL, &points), PERSENSE_INVALID_ARGUMENT,
              "density map: value inf at x=1, y=1");
  values[4] = 1;
  CHECK_FAILS(persense_ppsm(&outside, 1, &map, 1, NULL, 0, NULL, selected, &count, NULL),
              PERSENSE_INVALID_ARGUMENT, "candidate at x=3, y=0");
  persense_method_options_init(&method, sizeof method);
  method.settings = "idm.threshold=300";
  CHECK_FAILS(persense_idm(&map, 0, 0, &method, &points), PERSENSE_INVALID_ARGUMENT,
              "option idm.threshold: got 300");
}

static void a_long_error_is_cut_between_characters(void) {
  /* 2000 times a letter of two bytes, after one or two letters of one byte */
  char name[4003];
  persense_image_buffer* picture;
  int i, shift;
  for (shift = 0; shift < 2; ++shift) {
    size_t length;
    memset(name, 'a', sizeof name);
    for (i = 0; i < 2000; ++i) memcpy(name + 1 + shift + 2 * i, "\xC3\xA9", 2);
    name[1 + shift + 4000] = '\0';
    CHECK(persense_image_buffer_read(name, &picture) != PERSENSE_OK);
    length = strlen(persense_last_error());
    CHECK(length == 1023 || length == 1022);
    CHECK(strcmp(persense_last_error() + length - 3, "...") == 0);
    CHECK(memcmp(persense_last_error() + length - 5, "\xC3\xA9", 2) == 0);
  }
}

int main(void) {
  const persense_pipeline_options options = weight_free();
  CHECK(strcmp(persense_last_error(), "") == 0);
  image = scene_image(PERSENSE_RGB8, 0);
  mask = scene_mask(6, 0);
  REQUIRE_OK(persense_pipeline_create(&options, &pipeline));
  REQUIRE_OK(persense_support_create(pipeline, &image, &mask, NULL, &support));
  REQUIRE_OK(persense_segment(support, &image, NULL, &result));
  CHECK(strcmp(persense_last_error(), "") == 0);
  CHECK(persense_result_get_info(result)->instance_count == scene_discs);

  the_library_introduces_itself();
  every_option_is_listed_with_its_default_and_range();
  null_is_refused_by_name();
  free_takes_null();
  init_writes_struct_size_bytes_and_no_more();
  a_shorter_struct_has_the_defaults_for_what_is_missing();
  a_longer_struct_may_have_a_tail_of_zeros_alone();
  a_struct_size_that_no_version_has_is_refused();
  images_that_cannot_be_are_refused();
  pipelines_that_cannot_be_are_refused();
  settings_reach_the_pipeline();
  files_that_cannot_be_read_or_written_are_named();
  results_are_read_within_their_bounds();
  maps_that_cannot_be_are_refused();
  a_long_error_is_cut_between_characters();

  /* after all that, the handles are as they were */
  CHECK(persense_result_get_info(result)->instance_count == scene_discs);
  persense_pipeline_free(pipeline); /* the support keeps what it needs */
  persense_result_free(result);
  REQUIRE_OK(persense_segment(support, &image, NULL, &result));
  CHECK(persense_result_get_info(result)->instance_count == scene_discs);
  persense_support_free(support);
  CHECK(persense_result_get_info(result)->instances[scene_discs - 1].mask[0] <= 1);
  persense_result_free(result);
  scene_free(image);
  scene_free(mask);
  return failed_checks != 0;
}
