/* Memory that runs out at each allocation in turn: a status, never a crash or a leak, and the next
 * call works. */
#include "check.h"
#include "failing_memory.h"

static persense_image image, mask;
static const persense_vertex outline[] = {{10, 10}, {30, 10}, {20, 30}};

/* Everything once. Returns the status of what failed first. */
static persense_status everything(void) {
  static int32_t labels[scene_width * scene_height];
  persense_pipeline_options options;
  persense_run_options run;
  persense_pipeline* pipeline = NULL;
  persense_encoded* encoded = NULL;
  persense_example example;
  persense_support *support = NULL, *marked = NULL;
  persense_result *result = NULL, *classes = NULL;
  const persense_support* both[2];
  persense_points* points = NULL;
  persense_image_buffer* picture = NULL;
  persense_status status;
  const char* counts;
  size_t selected[64], selected_count;
  const persense_box box = {0, 0, scene_width, scene_height};
  options = weight_free();
  options.settings = "feedback.iterations=1 instances.duplicate_overlap=0.5";
  persense_run_options_init(&run, sizeof run);
  run.trace = 1;
  (void)persense_option_get_info(0);
#define TRY(call)                                   \
  do {                                              \
    if ((status = (call)) != PERSENSE_OK) goto end; \
  } while (0)
  TRY(persense_image_buffer_read(SAMPLE_PICTURE, &picture));
  TRY(persense_pipeline_create(&options, &pipeline));
  TRY(persense_support_create(pipeline, &image, &mask, "a label of more than sixteen letters",
                              &support));
  TRY(persense_segment(support, &image, &run, &result));
  TRY(persense_image_encode(pipeline, &image, &encoded));
  persense_example_init(&example, sizeof example);
  example.encoded = encoded;
  example.kind = PERSENSE_MARK_POLYGON;
  example.vertices = outline;
  example.vertex_count = 3;
  TRY(persense_support_create_from_examples(pipeline, &example, 1, "another label of that length",
                                            &marked));
  both[0] = support;
  both[1] = marked;
  TRY(persense_segment_encoded(encoded, both, 2, NULL, &classes));
  TRY(persense_result_get_rle(result, 0, &counts));
  TRY(persense_result_get_labels(result, labels, sizeof labels, 0));
  TRY(persense_idm(&persense_result_get_info(result)->density, 0, 0, NULL, &points));
  TRY(persense_ppsm(persense_points_get_info(points)->points,
                    persense_points_get_info(points)->point_count,
                    &persense_result_get_info(result)->density, 1, &box, 1, NULL, selected,
                    &selected_count, NULL));
  TRY(persense_result_write_csv(result, "memory.csv"));
  TRY(persense_result_write_coco(result, "an image's name", "disc", "memory.json"));
  TRY(persense_result_write_labels(result, "memory.png"));
  TRY(persense_result_write_overlay(result, &image, "memory.png"));
end:
  CHECK(status == PERSENSE_OK || (result == NULL || persense_result_get_info(result) != NULL));
  persense_image_buffer_free(picture);
  persense_points_free(points);
  persense_result_free(result);
  persense_result_free(classes);
  persense_support_free(support);
  persense_support_free(marked);
  persense_encoded_free(encoded);
  persense_pipeline_free(pipeline);
  return status;
}

/* A call that fails without memory still says so. */
static void an_error_without_memory_is_out_of_memory(void) {
  persense_pipeline_options options;
  persense_pipeline* pipeline;
  persense_status status;
  options = weight_free();
  options.settings = "no.such.option.of.a.long.name=1";
  fail_allocation(1);
  status = persense_pipeline_create(&options, &pipeline);
  fail_allocation(0);
  CHECK(status == PERSENSE_OUT_OF_MEMORY && pipeline == NULL);
  CHECK(strcmp(persense_last_error(), "out of memory") == 0);
}

int main(void) {
  long total, n, failed = 0, survived = 0, live = 0, lost;
  image = scene_image(PERSENSE_RGB8, 0);
  mask = scene_mask(6, 0);
  CHECK(everything() == PERSENSE_OK); /* what is made once in a process is made here */
  CHECK(everything() == PERSENSE_OK);
  fail_allocation(0);
  CHECK(everything() == PERSENSE_OK);
  total = allocations_made();
  an_error_without_memory_is_out_of_memory();

  /* every one of the first, then steps that grow with what was done */
  for (n = 1; n <= total; n += 1 + (n > EVERY_UP_TO ? n / (EVERY_UP_TO / 10) : 0)) {
    persense_status status;
    fail_allocation(n);
    status = everything();
    fail_allocation(0);
    /* what can go on without the memory does: an allocation that fails need not fail the call */
    if (status == PERSENSE_OK) {
      ++survived;
    } else {
      ++failed;
      /* OpenCV's decoders only say that they could not */
      if (status != PERSENSE_UNREADABLE || strstr(persense_last_error(), SAMPLE_PICTURE) == NULL)
        CHECK(status == PERSENSE_OUT_OF_MEMORY);
    }
    if (n == 1) live = live_allocations();
  }
  CHECK(failed > 3 * survived);
  lost = live_allocations() - live;
  CHECK(lost <= leaked_by_opencv());
  CHECK(everything() == PERSENSE_OK);
  printf(
      "%ld allocations; of %ld tries %ld failed and %ld went on without; OpenCV lost %ld blocks\n",
      total, failed + survived, failed, survived, lost);
  scene_free(image);
  scene_free(mask);
  return failed_checks != 0;
}
