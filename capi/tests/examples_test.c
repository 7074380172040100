/* Marks of every kind, encoded images, several classes, filters: that they work, and what is said
 * of those that cannot. */
#include <math.h>
#include <pthread.h>

#include "check.h"

enum { pixels = scene_width * scene_height };

static const uint8_t stone_colour[3] = {70, 110, 230};

static persense_image image, mask;
static int32_t disc_numbers[pixels];
static const persense_label_image labels = {disc_numbers, scene_width, scene_height, 0};
static persense_pipeline* pipeline;
static persense_encoded* encoded;

/* Discs 5 to 8, the second line, are stones. */
static int is_stone(int disc) { return disc >= 5 && disc <= 8; }

static persense_image two_kinds(void) {
  persense_image both = scene_image(PERSENSE_RGB8, 0);
  int x, y;
  for (y = 0; y < scene_height; ++y)
    for (x = 0; x < scene_width; ++x)
      if (is_stone(scene_disc(x, y)))
        memcpy((uint8_t*)both.data + y * both.stride + 3 * x, stone_colour, 3);
  return both;
}

/* An example of the kind; disc 1 has its middle in (20, 20) and is 19 pixels wide. */
static const persense_vertex outline[] = {{11, 11}, {30, 11}, {30, 30}, {11, 30}};
static persense_example example_of(int32_t kind) {
  persense_example example;
  const persense_box box = {11, 11, 30, 30};
  const persense_point point = {20, 20};
  persense_example_init(&example, sizeof example);
  example.image = &image;
  example.kind = kind;
  example.mask = &mask;
  example.box = box;
  example.point = point;
  example.vertices = outline;
  example.vertex_count = 4;
  example.labels = &labels;
  example.label_id = 1;
  return example;
}

static persense_support* support_of(const persense_example* examples, size_t count,
                                    const char* label) {
  persense_support* support;
  REQUIRE_OK(persense_support_create_from_examples(pipeline, examples, count, label, &support));
  return support;
}

/* The support of one disc, marked with a box. */
static persense_support* support_of_disc(int disc, const char* label) {
  persense_example example = example_of(PERSENSE_MARK_BOX);
  const float dx = 40.0f * (float)((disc - 1) % 4), dy = 40.0f * (float)((disc - 1) / 4);
  example.image = NULL;
  example.encoded = encoded;
  example.box.x0 += dx, example.box.x1 += dx;
  example.box.y0 += dy, example.box.y1 += dy;
  return support_of(&example, 1, label);
}

static int same(const persense_result* a, const persense_result* b) {
  const persense_result_info* x = persense_result_get_info(a);
  const persense_result_info* y = persense_result_get_info(b);
  size_t i;
  if (x->instance_count != y->instance_count || x->estimated_count != y->estimated_count) return 0;
  for (i = 0; i < x->instance_count; ++i) {
    const persense_instance *p = &x->instances[i], *q = &y->instances[i];
    if (memcmp(p, q, offsetof(persense_instance, mask)) != 0 || p->area != q->area ||
        x->instance_classes[i] != y->instance_classes[i] ||
        memcmp(p->mask, q->mask, (size_t)(p->mask_width * p->mask_height)) != 0)
      return 0;
  }
  return 1;
}

static void every_mark_gives_a_mask_that_can_be_seen_and_used(void) {
  static uint8_t seen[scene_height * (scene_width + 5)];
  const persense_image plain = scene_image(PERSENSE_BGR8, 3);
  int32_t kind;
  for (kind = PERSENSE_MARK_MASK; kind <= PERSENSE_MARK_LABEL; ++kind) {
    persense_example example = example_of(kind);
    persense_support* support;
    persense_result* result;
    const persense_support_info* info;
    int x, y, common = 0, either = 0;
    example.image = &plain;
    support = support_of(&example, 1, "disc");
    info = persense_support_get_info(support);
    CHECK(info->example_count == 1 && !info->examples[0]->negative);
    CHECK(info->examples[0]->image.width == scene_width);
    CHECK(info->examples[0]->image.data[0] == scene_colours[0][0]); /* RGB now */
    CHECK(info->examples[0]->box.x0 == info->box.x0 && info->examples[0]->box.y1 == info->box.y1);
    CHECK(info->examples[0]->diameter == info->diameter);
    memset(seen, 77, sizeof seen);
    REQUIRE_OK(persense_support_get_mask(support, 0, seen, sizeof seen - 5, scene_width + 5));
    for (y = 0; y < scene_height; ++y) {
      for (x = 0; x < scene_width; ++x) {
        const int inside = seen[y * (scene_width + 5) + x], disc = scene_disc(x, y) == 1;
        const persense_example_info* one = info->examples[0];
        const int mx = x - one->mask_x, my = y - one->mask_y;
        const int cropped = mx >= 0 && my >= 0 && mx < one->mask_width && my < one->mask_height &&
                            one->mask[my * one->mask_width + mx] == 1;
        common += inside == 255 && disc;
        either += inside == 255 || disc;
        if ((inside == 255) != cropped || (inside != 0 && inside != 255))
          CHECK(!"the mask over the image and the cropped one are the same");
      }
      if (y + 1 < scene_height) CHECK(seen[y * (scene_width + 5) + scene_width] == 77);
    }
    /* a pixel too many all around is a quarter; the outline is a square, pi / 4 of it are the disc
     */
    CHECK((float)common > (kind == PERSENSE_MARK_POLYGON ? 0.65f : 0.75f) * (float)either);
    REQUIRE_OK(persense_segment(support, &plain, NULL, &result));
    CHECK(persense_result_get_info(result)->instance_count == scene_discs);
    CHECK(strcmp(persense_result_get_info(result)->classes[0]->label, "disc") == 0);
    persense_result_free(result);
    persense_support_free(support);
  }
  scene_free(plain);
}

static void several_examples_and_negative_ones_are_one_support(void) {
  persense_example examples[3];
  persense_support* support;
  const persense_support_info* info;
  persense_result* result;
  size_t i;
  examples[0] = example_of(PERSENSE_MARK_BOX);
  examples[1] = example_of(PERSENSE_MARK_LABEL);
  examples[1].label_id = 12;
  examples[2] = example_of(PERSENSE_MARK_LABEL);
  examples[2].label_id = 6; /* a stone */
  examples[2].negative = 1;
  examples[2].image = NULL;
  examples[2].encoded = encoded;
  support = support_of(examples, 3, NULL);
  info = persense_support_get_info(support);
  CHECK(info->example_count == 3);
  CHECK(!info->examples[0]->negative && !info->examples[1]->negative &&
        info->examples[2]->negative);
  REQUIRE_OK(persense_segment(support, &image, NULL, &result));
  CHECK(persense_result_get_info(result)->instance_count == 8);
  for (i = 0; i < persense_result_get_info(result)->instance_count; ++i) {
    const persense_instance* one = &persense_result_get_info(result)->instances[i];
    CHECK(!is_stone(scene_disc(one->point.x, one->point.y)));
  }
  persense_result_free(result);
  persense_support_free(support);
}

static void one_encoded_query_gives_what_fresh_ones_do_in_any_order(void) {
  persense_support* supports[2];
  persense_result *fresh[2], *asked;
  int order, i;
  supports[0] = support_of_disc(1, "potato");
  supports[1] = support_of_disc(6, "stone");
  for (i = 0; i < 2; ++i) REQUIRE_OK(persense_segment(supports[i], &image, NULL, &fresh[i]));
  for (order = 0; order < 2; ++order) {
    persense_encoded* query;
    REQUIRE_OK(persense_image_encode(pipeline, &image, &query));
    for (i = 0; i < 2; ++i) {
      const persense_support* support = supports[i ^ order];
      REQUIRE_OK(persense_segment_encoded(query, &support, 1, NULL, &asked));
      CHECK(same(asked, fresh[i ^ order]));
      persense_result_free(asked);
    }
    persense_encoded_free(query);
  }
  for (i = 0; i < 2; ++i) {
    persense_result_free(fresh[i]);
    persense_support_free(supports[i]);
  }
}

enum { asked_by_each = 2 };

struct asking {
  persense_encoded* query;
  const persense_support* support;
  const persense_result* expected;
  int right;
};

static void* ask(void* argument) {
  struct asking* asking = argument;
  persense_result* result;
  int i;
  for (i = 0; i < asked_by_each; ++i) {
    if (persense_segment_encoded(asking->query, &asking->support, 1, NULL, &result) != PERSENSE_OK)
      return NULL;
    asking->right += same(result, asking->expected);
    persense_result_free(result);
  }
  return NULL;
}

static void threads_ask_one_encoded_query_about_their_own_supports(void) {
  enum { count = 64 };
  pthread_t threads[count];
  struct asking asking[count];
  persense_support* supports[2];
  persense_result* fresh[2];
  persense_encoded* query;
  int i;
  REQUIRE_OK(persense_image_encode(pipeline, &image, &query));
  for (i = 0; i < 2; ++i) {
    supports[i] = support_of_disc(i == 0 ? 1 : 6, NULL);
    REQUIRE_OK(persense_segment(supports[i], &image, NULL, &fresh[i]));
  }
  for (i = 0; i < count; ++i) {
    asking[i].query = query;
    asking[i].support = supports[i % 2];
    asking[i].expected = fresh[i % 2];
    asking[i].right = 0;
    CHECK(pthread_create(&threads[i], NULL, ask, &asking[i]) == 0);
  }
  for (i = 0; i < count; ++i) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(asking[i].right == asked_by_each);
  }
  for (i = 0; i < 2; ++i) {
    persense_result_free(fresh[i]);
    persense_support_free(supports[i]);
  }
  persense_encoded_free(query);
}

static void several_supports_are_several_classes(void) {
  const persense_support* supports[2];
  persense_support *potato = support_of_disc(1, "potato"), *stone = support_of_disc(6, "stone");
  persense_result *result, *again;
  const persense_result_info* info;
  size_t i, stones = 0;
  double sum = 0;
  supports[0] = potato;
  supports[1] = stone;
  REQUIRE_OK(persense_segment_classes(supports, 2, &image, NULL, &result));
  info = persense_result_get_info(result);
  CHECK(info->class_count == 2 && info->instance_count == scene_discs);
  CHECK(strcmp(info->classes[0]->label, "potato") == 0 && info->classes[0]->instance_count == 8);
  CHECK(strcmp(info->classes[1]->label, "stone") == 0 && info->classes[1]->instance_count == 4);
  for (i = 0; i < 2; ++i) {
    sum += info->classes[i]->estimated_count;
    CHECK(info->classes[i]->density.data != NULL && info->classes[i]->ppsm_fallback >= 0);
  }
  CHECK(fabs(sum - info->estimated_count) < 1e-9 * sum);
  CHECK(info->density.data == info->classes[0]->density.data);
  for (i = 0; i < info->instance_count; ++i) {
    const int disc = scene_disc(info->instances[i].point.x, info->instances[i].point.y);
    CHECK(disc == (int)i + 1); /* in reading order */
    CHECK(info->instance_classes[i] == is_stone(disc));
    CHECK(info->instance_touches_border[i] == 0);
    stones += (size_t)info->instance_classes[i];
  }
  CHECK(stones == 4);
  REQUIRE_OK(persense_segment_encoded(encoded, supports, 2, NULL, &again));
  CHECK(same(result, again));
  REQUIRE_OK(persense_result_write_csv(result, "classes.csv"));
  REQUIRE_OK(persense_result_write_coco(result, "discs.png", NULL, "classes.json"));
  persense_result_free(again);
  persense_result_free(result);
  persense_support_free(potato);
  persense_support_free(stone);
}

static size_t count_with(const persense_support* support, const persense_run_options* options) {
  persense_result* result;
  size_t count;
  REQUIRE_OK(persense_segment_encoded(encoded, &support, 1, options, &result));
  count = persense_result_get_info(result)->instance_count;
  persense_result_free(result);
  return count;
}

static void filters_and_regions_say_what_is_reported(void) {
  persense_support* support = support_of_disc(1, NULL);
  persense_run_options options, defaults;
  persense_image region = scene_mask(99, 0); /* nowhere */
  persense_result* result;
  persense_run_options_init(&defaults, sizeof defaults);
  CHECK(count_with(support, &defaults) == 8);
#define WITH(field, value, expected)                    \
  do {                                                  \
    options = defaults;                                 \
    options.field = (value);                            \
    CHECK(count_with(support, &options) == (expected)); \
  } while (0)
  WITH(max_instances, 3, 3);
  WITH(max_instances, -1, 8);
  WITH(min_area, 500, 0); /* a disc has 253 pixels */
  WITH(min_area, 100, 8);
  WITH(max_area, 100, 0);
  WITH(min_area_ratio, 2.0f, 0);
  WITH(min_area_ratio, 0.5f, 8);
  WITH(max_area_ratio, 0.5f, 0);
  WITH(min_score, -1.0f, 8);
  WITH(border, PERSENSE_BORDER_DROP, 8);
  WITH(region, &region, 0);
  memset((uint8_t*)region.data, 1, (size_t)(scene_width * 40)); /* the first line */
  WITH(region, &region, 4);
#undef WITH
#define REFUSED(field, value, text)                                                              \
  do {                                                                                           \
    options = defaults;                                                                          \
    options.field = (value);                                                                     \
    CHECK_FAILS(persense_segment(support, &image, &options, &result), PERSENSE_INVALID_ARGUMENT, \
                text);                                                                           \
    CHECK(result == NULL);                                                                       \
  } while (0)
  REFUSED(min_score, 2.0f, "option filter.min_score: got 2, expected 0 to 1");
  REFUSED(min_score, NAN, "option filter.min_score: got nan");
  REFUSED(border, 3, "border: got 3, expected one of persense_border (0 to 2)");
  REFUSED(reserved2, 1, "is not zero");
  region.height = 100;
  REFUSED(region, &region, "region: size 160 x 100, expected the query image's 160 x 120");
  REFUSED(region, &image, "region: format RGB8, expected GRAY8");
#undef REFUSED
  scene_free(region);
  persense_support_free(support);
}

static void write_text(const char* path, const char* text) {
  FILE* file = fopen(path, "w");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) exit(1);
}

static void options_come_from_a_settings_file_and_settings_win_over_it(void) {
  persense_pipeline_options chosen = weight_free();
  persense_pipeline* other;
  const char* const path = "capi_settings_test.json";
  write_text(path, "{\"format\": 1, \"options\": {\"idm.threshold\": 25, \"feedback.shots\": 2}}");
  chosen.settings_file = path;
  chosen.settings = "feedback.shots=3";
  REQUIRE_OK(persense_pipeline_create(&chosen, &other));
  CHECK(strcmp(persense_pipeline_get_option(other, "idm.threshold"), "25") == 0);
  CHECK(strcmp(persense_pipeline_get_option(other, "feedback.shots"), "3") == 0);
  persense_pipeline_free(other);
  write_text(path, "{\"format\": 1, \"options\": {\"idm.treshold\": 25}}");
  CHECK_FAILS(persense_pipeline_create(&chosen, &other), PERSENSE_INVALID_ARGUMENT,
              "capi_settings_test.json: option idm.treshold: unknown");
  remove(path);
  CHECK_FAILS(persense_pipeline_create(&chosen, &other), PERSENSE_FILE_NOT_FOUND, path);
}

static void a_pipelines_filter_is_the_default_of_its_queries(void) {
  persense_pipeline_options chosen = weight_free();
  persense_run_options options;
  persense_pipeline* other;
  persense_support* support;
  persense_result* result;
  chosen.settings = "filter.max_instances=2";
  REQUIRE_OK(persense_pipeline_create(&chosen, &other));
  REQUIRE_OK(persense_support_create(other, &image, &mask, NULL, &support));
  REQUIRE_OK(persense_segment(support, &image, NULL, &result));
  CHECK(persense_result_get_info(result)->instance_count == 2);
  persense_result_free(result);
  persense_run_options_init(&options, sizeof options);
  options.max_instances = -1;
  REQUIRE_OK(persense_segment(support, &image, &options, &result));
  CHECK(persense_result_get_info(result)->instance_count == 8);
  persense_result_free(result);
  persense_support_free(support);
  persense_pipeline_free(other);
}

static void objects_at_the_border_say_so(void) {
  /* from column 20 on: the discs of the first column are halves */
  persense_image cut = image;
  persense_support* support = support_of_disc(1, NULL);
  persense_run_options options;
  persense_result* result;
  const persense_result_info* info;
  size_t i;
  cut.data += 3 * 20;
  cut.width -= 20;
  persense_run_options_init(&options, sizeof options);
  REQUIRE_OK(persense_segment(support, &cut, &options, &result));
  info = persense_result_get_info(result);
  CHECK(info->instance_count >= 6);
  for (i = 0; i < info->instance_count; ++i)
    CHECK(info->instance_touches_border[i] == (info->instances[i].mask_x == 0));
  persense_result_free(result);
  options.border = PERSENSE_BORDER_DROP;
  REQUIRE_OK(persense_segment(support, &cut, &options, &result));
  CHECK(persense_result_get_info(result)->instance_count == 6);
  persense_result_free(result);
  persense_support_free(support);
}

static void marks_that_cannot_be_are_named(void) {
  static int32_t unaligned[4];
  persense_example e, two[2];
  persense_support* support;
  persense_label_image bad;
  persense_pipeline* other;
  persense_encoded* elsewhere;
  const persense_pipeline_options stages = weight_free();
  uint8_t small[8];
#define REFUSED(text)                                                                   \
  do {                                                                                  \
    CHECK_FAILS(persense_support_create_from_examples(pipeline, &e, 1, NULL, &support), \
                PERSENSE_INVALID_ARGUMENT, text);                                       \
    CHECK(support == NULL);                                                             \
    if (getenv("SHOW_LINES") != NULL) puts(persense_last_error());                      \
  } while (0)
  e = example_of(PERSENSE_MARK_BOX);
  e.box.x0 = 200, e.box.x1 = 220;
  REFUSED("support box: (200, 11, 220, 30) lies outside of the image of 160 x 120");
  e.box.x0 = 30, e.box.x1 = 11;
  REFUSED("support box: got (30, 11, 11, 30), expected finite x0 < x1 and y0 < y1");
  e.box.x0 = NAN;
  REFUSED("support box: got (nan");
  e = example_of(PERSENSE_MARK_POINT);
  e.point.x = 160;
  REFUSED("support point: (160, 20) lies outside of the image of 160 x 120");
  e = example_of(PERSENSE_MARK_POLYGON);
  e.vertex_count = 2;
  REFUSED("support polygon: got 2 vertices, expected at least 3");
  e.vertices = NULL;
  REFUSED("support polygon: vertices: got NULL");
  e = example_of(PERSENSE_MARK_LABEL);
  e.label_id = 13;
  REFUSED("support labels: no pixel has the id 13; the image has 1, 2, 3");
  e.label_id = 0;
  REFUSED("support labels: got id 0, which is the background");
  e.labels = NULL;
  REFUSED("support labels: got NULL");
  bad = labels;
  bad.height = 100;
  e.labels = &bad;
  e.label_id = 1;
  REFUSED("support labels: size 160 x 100");
  bad.data = (const int32_t*)(const void*)((const char*)unaligned + 1);
  REFUSED("support labels: data at an address that is not a multiple of 4");
  e = example_of(PERSENSE_MARK_MASK);
  e.mask = NULL;
  REFUSED("support mask: got NULL");
  e = example_of(5);
  REFUSED("kind: got 5, expected one of persense_mark (0 to 4)");
  e = example_of(PERSENSE_MARK_BOX);
  e.image = NULL;
  REFUSED("support image: got NULL");
  e.image = &image;
  e.encoded = encoded;
  REFUSED("image: got one beside an encoded one");
  e = example_of(PERSENSE_MARK_BOX);
  e.negative = 1;
  REFUSED("support: all examples are negative, expected one of what is looked for");
  e.reserved = 1;
  REFUSED("persense_example: the field at byte");
  REQUIRE_OK(persense_pipeline_create(&stages, &other));
  REQUIRE_OK(persense_image_encode(other, &image, &elsewhere));
  e = example_of(PERSENSE_MARK_BOX);
  e.image = NULL;
  e.encoded = elsewhere;
  REFUSED("was encoded by another");
  persense_encoded_free(elsewhere);
  persense_pipeline_free(other);
#undef REFUSED
#define REFUSED(text)                                                                    \
  do {                                                                                   \
    CHECK_FAILS(persense_support_create_from_examples(pipeline, two, 2, NULL, &support), \
                PERSENSE_INVALID_ARGUMENT, text);                                        \
    if (getenv("SHOW_LINES") != NULL) puts(persense_last_error());                       \
  } while (0)
  two[0] = two[1] = example_of(PERSENSE_MARK_BOX);
  two[1].negative = 1;
  REFUSED("negative example: covers the object at (");
  two[1].negative = 0;
  two[1].kind = 9;
  REFUSED("example 2: kind: got 9");
  two[1] = example_of(PERSENSE_MARK_LABEL);
  two[1].label_id = 99;
  REFUSED("example 2: support labels: no pixel has the id 99");
  two[1].struct_size = sizeof two[1] + 8;
  REFUSED("of example 2, expected that of the first");
#undef REFUSED
  CHECK_FAILS(persense_support_create_from_examples(pipeline, NULL, 1, NULL, &support),
              PERSENSE_INVALID_ARGUMENT, "examples: got NULL");
  CHECK_FAILS(persense_support_create_from_examples(pipeline, NULL, 0, NULL, &support),
              PERSENSE_INVALID_ARGUMENT, "support: got no example, expected at least one");
  CHECK_FAILS(persense_support_create_from_examples(NULL, &e, 1, NULL, &support),
              PERSENSE_INVALID_ARGUMENT, "pipeline: got NULL");
  CHECK_FAILS(persense_support_create_from_examples(pipeline, &e, 1, NULL, NULL),
              PERSENSE_INVALID_ARGUMENT, "out: got NULL");
  support = support_of_disc(1, NULL);
  CHECK_FAILS(persense_support_get_mask(support, 1, small, sizeof small, 0),
              PERSENSE_INVALID_ARGUMENT, "index: got 1, expected less than the 1 examples");
  CHECK_FAILS(persense_support_get_mask(support, 0, small, sizeof small, 0),
              PERSENSE_INVALID_ARGUMENT, "mask: memory of 8 bytes, expected at least 19200");
  CHECK_FAILS(persense_support_get_mask(support, 0, NULL, sizeof small, 0),
              PERSENSE_INVALID_ARGUMENT, "mask: got NULL");
  CHECK_FAILS(persense_support_get_mask(NULL, 0, small, sizeof small, 0), PERSENSE_INVALID_ARGUMENT,
              "support: got NULL");
  persense_support_free(support);
}

static void queries_that_cannot_be_are_named(void) {
  const persense_support* supports[2] = {NULL, NULL};
  persense_support* own = support_of_disc(1, NULL);
  persense_support* foreign;
  persense_pipeline* other;
  persense_encoded* query = NULL;
  persense_result* result = NULL;
  const persense_pipeline_options stages = weight_free();
  supports[0] = own;
  CHECK_FAILS(persense_image_encode(NULL, &image, &query), PERSENSE_INVALID_ARGUMENT,
              "pipeline: got NULL");
  CHECK_FAILS(persense_image_encode(pipeline, NULL, &query), PERSENSE_INVALID_ARGUMENT,
              "image: got NULL");
  CHECK_FAILS(persense_image_encode(pipeline, &image, NULL), PERSENSE_INVALID_ARGUMENT,
              "out: got NULL");
  CHECK_FAILS(persense_segment_encoded(NULL, supports, 1, NULL, &result), PERSENSE_INVALID_ARGUMENT,
              "encoded: got NULL");
  CHECK_FAILS(persense_segment_encoded(encoded, NULL, 1, NULL, &result), PERSENSE_INVALID_ARGUMENT,
              "supports: got NULL");
  CHECK_FAILS(persense_segment_encoded(encoded, supports, 0, NULL, &result),
              PERSENSE_INVALID_ARGUMENT, "supports: got none, expected at least one");
  CHECK_FAILS(persense_segment_encoded(encoded, supports, 2, NULL, &result),
              PERSENSE_INVALID_ARGUMENT, "supports: got NULL at index 1, expected a support");
  CHECK_FAILS(persense_segment_classes(supports, 1, NULL, NULL, &result), PERSENSE_INVALID_ARGUMENT,
              "query image: got NULL");
  CHECK_FAILS(persense_segment_classes(supports, 1, &image, NULL, NULL), PERSENSE_INVALID_ARGUMENT,
              "out: got NULL");
  REQUIRE_OK(persense_pipeline_create(&stages, &other));
  REQUIRE_OK(persense_support_create(other, &image, &mask, NULL, &foreign));
  supports[1] = foreign;
  CHECK_FAILS(persense_segment_classes(supports, 2, &image, NULL, &result),
              PERSENSE_INVALID_ARGUMENT, "support: was prepared by another");
  CHECK_FAILS(persense_segment_encoded(encoded, supports + 1, 1, NULL, &result),
              PERSENSE_INVALID_ARGUMENT, "was prepared by another");
  persense_support_free(foreign);
  persense_pipeline_free(other);
  persense_support_free(own);
  persense_encoded_free(NULL);
}

static void callers_compiled_before_are_served(void) {
  /* persense_run_options as it was first; as ASan knows, nothing is behind it */
  const size_t first = offsetof(persense_run_options, on_progress);
  const size_t short_example = offsetof(persense_example, labels);
  persense_support* support = support_of_disc(1, NULL);
  persense_run_options as_it_is = {0};
  unsigned char* older = calloc(1, first);
  unsigned char* examples = calloc(2, short_example);
  persense_result* result;
  persense_support* s;
  persense_example e = example_of(PERSENSE_MARK_BOX);
  if (older == NULL || examples == NULL) exit(1);
  as_it_is.struct_size = first;
  as_it_is.trace = 1;
  memcpy(older, &as_it_is, first);
  REQUIRE_OK(
      persense_segment(support, &image, (const persense_run_options*)(const void*)older, &result));
  CHECK(persense_result_get_info(result)->has_trace);
  persense_result_free(result);
  /* examples whose caller has no label images */
  e.struct_size = short_example;
  memcpy(examples, &e, short_example);
  e.box.x0 += 40, e.box.x1 += 40;
  memcpy(examples + short_example, &e, short_example);
  REQUIRE_OK(persense_support_create_from_examples(
      pipeline, (const persense_example*)(const void*)examples, 2, NULL, &s));
  CHECK(persense_support_get_info(s)->example_count == 2);
  CHECK(persense_support_get_info(s)->examples[1]->box.x0 > 45);
  persense_support_free(s);
  free(examples);
  free(older);
  persense_support_free(support);
}

static void pipelines_say_what_their_stages_are(void) {
  CHECK(strcmp(persense_pipeline_get_stages(pipeline),
               "encoder classic, detector classic, dmg classic, decoder classic") == 0);
  CHECK(persense_pipeline_get_stages(NULL) == NULL);
  CHECK(strstr(persense_last_error(), "pipeline: got NULL") != NULL);
}

int main(void) {
  const persense_pipeline_options stages = weight_free();
  int x, y;
  for (y = 0; y < scene_height; ++y)
    for (x = 0; x < scene_width; ++x) disc_numbers[y * scene_width + x] = scene_disc(x, y);
  image = two_kinds();
  mask = scene_mask(1, 0);
  REQUIRE_OK(persense_pipeline_create(&stages, &pipeline));
  REQUIRE_OK(persense_image_encode(pipeline, &image, &encoded));
  every_mark_gives_a_mask_that_can_be_seen_and_used();
  several_examples_and_negative_ones_are_one_support();
  one_encoded_query_gives_what_fresh_ones_do_in_any_order();
  threads_ask_one_encoded_query_about_their_own_supports();
  several_supports_are_several_classes();
  filters_and_regions_say_what_is_reported();
  options_come_from_a_settings_file_and_settings_win_over_it();
  a_pipelines_filter_is_the_default_of_its_queries();
  objects_at_the_border_say_so();
  marks_that_cannot_be_are_named();
  queries_that_cannot_be_are_named();
  callers_compiled_before_are_served();
  pipelines_say_what_their_stages_are();
  persense_pipeline_free(pipeline); /* what it encoded keeps what it needs */
  persense_encoded_free(encoded);
  scene_free(image);
  scene_free(mask);
  return failed_checks != 0;
}
