/* Progress, cancelling, the log, and threads. */
#include <pthread.h>

#include "check.h"

static persense_image image, mask;
static persense_pipeline* pipeline;
static persense_support* support;

struct run {
  int steps;       /* that on_step was called for */
  int32_t last;    /* the last of them */
  int polls;       /* calls of should_stop */
  int stop_before; /* the poll that says yes */
  int parts;       /* that on_progress was called for */
};

static void on_step(int32_t step, const char* name, void* user) {
  struct run* run = user;
  CHECK(strcmp(name, persense_step_name(step)) == 0);
  CHECK(run->steps > 0 || step == 0);
  ++run->steps;
  run->last = step;
}

static int32_t should_stop(void* user) {
  struct run* run = user;
  return ++run->polls == run->stop_before ? -1 : 0;
}

static void on_progress(int32_t step, double part, void* user) {
  struct run* run = user;
  CHECK(step == run->last && part >= 0 && part <= 1); /* within the step that on_step named */
  ++run->parts;
}

static persense_status segment_with(struct run* run, int with_progress, int with_cancel,
                                    persense_result** result) {
  persense_run_options options;
  persense_run_options_init(&options, sizeof options);
  options.on_step = with_progress ? on_step : NULL;
  options.should_stop = with_cancel ? should_stop : NULL;
  options.on_progress = with_progress ? on_progress : NULL;
  options.user = run;
  return persense_segment(support, &image, &options, result);
}

static int progress_names_every_step(void) {
  struct run run = {0, -1, 0, 0, 0};
  persense_result* result;
  REQUIRE_OK(segment_with(&run, 1, 0, &result));
  /* four steps, two passes of four, and the instances */
  CHECK(run.steps == 4 + 2 * 4 + 1);
  CHECK(run.last == 8 && run.polls == 0);
  persense_result_free(result);
  return run.steps;
}

static void cancelling_works_before_every_step(int steps) {
  persense_result* result;
  int i;
  for (i = 1; i <= steps; ++i) {
    struct run run = {0, -1, 0, 0, 0};
    run.stop_before = i;
    result = (persense_result*)(void*)&run;
    CHECK_FAILS(segment_with(&run, 1, 1, &result), PERSENSE_CANCELLED, "cancelled before ");
    CHECK(result == NULL && run.polls == i && run.steps == i - 1);
  }
  {
    struct run run = {0, -1, 0, 0, 0};
    run.stop_before = steps + 1;
    REQUIRE_OK(segment_with(&run, 0, 1, &result));
    CHECK(run.polls == steps);
    persense_result_free(result);
  }
}

/* The learned stages look at an image in tiles, and say so. */
static void long_steps_tell_their_progress_and_can_be_cancelled(void) {
  persense_pipeline* learned;
  persense_support* s;
  persense_result* result;
  persense_run_options options;
  struct run run = {0, -1, 0, 0, 0};
  int steps, parts;
  REQUIRE_OK(persense_pipeline_create(NULL, &learned));
  REQUIRE_OK(persense_support_create(learned, &image, &mask, NULL, &s));
  persense_run_options_init(&options, sizeof options);
  options.on_step = on_step;
  options.on_progress = on_progress;
  options.user = &run;
  REQUIRE_OK(persense_segment(s, &image, &options, &result));
  persense_result_free(result);
  CHECK(run.parts > 0);
  steps = run.steps, parts = run.parts;
  memset(&run, 0, sizeof run);
  run.stop_before = -1; /* never, so that the polls are counted */
  options.should_stop = should_stop;
  REQUIRE_OK(persense_segment(s, &image, &options, &result));
  persense_result_free(result);
  CHECK(run.polls == steps + parts);
  persense_support_free(s);
  persense_pipeline_free(learned);
}

struct log {
  int lines[3];
  char last[3][256];
};

static void on_log(persense_log_level level, const char* text, void* user) {
  struct log* log = user;
  ++log->lines[level];
  strncpy(log->last[level], text, sizeof log->last[level] - 1);
}

static void the_log_tells_errors_notes_and_results(void) {
  static struct log log;
  persense_support* s;
  persense_result* result;
  const persense_image one = scene_mask(6, 0);
  ((uint8_t*)one.data)[0] = 1; /* a second part */
  persense_set_log_callback(on_log, &log);
  REQUIRE_OK(persense_support_create(pipeline, &image, &one, NULL, &s));
  CHECK(log.lines[PERSENSE_LOG_WARNING] == 1);
  CHECK(strstr(log.last[PERSENSE_LOG_WARNING], "2 separate parts") != NULL);
  REQUIRE_OK(persense_segment(s, &image, NULL, &result));
  CHECK(log.lines[PERSENSE_LOG_WARNING] == 1); /* the support's note is not told again */
  CHECK(log.lines[PERSENSE_LOG_INFO] == 1);
  CHECK(strstr(log.last[PERSENSE_LOG_INFO], "segmented 160 x 120") != NULL);
  CHECK(strstr(log.last[PERSENSE_LOG_INFO], "12 instances") != NULL);
  persense_result_free(result);
  CHECK(persense_segment(NULL, &image, NULL, &result) != PERSENSE_OK);
  CHECK(log.lines[PERSENSE_LOG_ERROR] == 1);
  CHECK(strcmp(log.last[PERSENSE_LOG_ERROR], persense_last_error()) == 0);
  persense_set_log_callback(NULL, NULL);
  CHECK(persense_segment(NULL, &image, NULL, &result) != PERSENSE_OK);
  CHECK(log.lines[PERSENSE_LOG_ERROR] == 1);
  persense_support_free(s);
  scene_free(one);
}

static persense_result* shared;

static void* segment_on_a_thread(void* argument) {
  const char *text, *mine = argument;
  persense_image_buffer* picture;
  persense_support* s;
  persense_result* result;
  size_t i;
  if (strcmp(persense_last_error(), "") != 0) return NULL;
  if (persense_image_buffer_read(mine, &picture) != PERSENSE_FILE_NOT_FOUND) return NULL;
  if (persense_support_create(pipeline, &image, &mask, NULL, &s) != PERSENSE_OK) return NULL;
  if (persense_segment(support, &image, NULL, &result) != PERSENSE_OK) return NULL;
  if (persense_result_get_info(result)->instance_count != scene_discs) return NULL;
  for (i = 0; i < scene_discs; ++i)
    if (persense_result_get_rle(shared, i, &text) != PERSENSE_OK) return NULL;
  persense_result_free(result);
  persense_support_free(s);
  /* what the other threads did in between left it alone */
  return strstr(persense_last_error(), mine) != NULL ? argument : NULL;
}

static void threads_share_handles_and_have_their_own_errors(void) {
  static char names[4][16] = {"no image a", "no image b", "no image c", "no image d"};
  pthread_t threads[4];
  void* ok;
  int i;
  REQUIRE_OK(persense_segment(support, &image, NULL, &shared));
  for (i = 0; i < 4; ++i)
    CHECK(pthread_create(&threads[i], NULL, segment_on_a_thread, names[i]) == 0);
  for (i = 0; i < 4; ++i) {
    CHECK(pthread_join(threads[i], &ok) == 0);
    CHECK(ok == names[i]);
  }
  persense_result_free(shared);
}

int main(void) {
  const persense_pipeline_options options = weight_free();
  image = scene_image(PERSENSE_RGB8, 0);
  mask = scene_mask(6, 0);
  REQUIRE_OK(persense_pipeline_create(&options, &pipeline));
  REQUIRE_OK(persense_support_create(pipeline, &image, &mask, NULL, &support));
  cancelling_works_before_every_step(progress_names_every_step());
  long_steps_tell_their_progress_and_can_be_cancelled();
  the_log_tells_errors_notes_and_results();
  threads_share_handles_and_have_their_own_errors();
  persense_support_free(support);
  persense_pipeline_free(pipeline);
  scene_free(image);
  scene_free(mask);
  return failed_checks != 0;
}
