/* Every object of an image like the one masked in another, in C: usage 04_segment SUPPORT MASK
 * QUERY OVERLAY */
#include <persense.h>
#include <stdio.h>

static void print_table(const persense_result_info* found) {
  for (size_t i = 0; i < found->instance_count; ++i) {
    const persense_instance* object = &found->instances[i];
    printf("%4d %4d  %5lld pixels  score %.2f\n", object->point.x, object->point.y,
           (long long)object->area, object->score);
  }
  printf("%zu objects\n", found->instance_count);
}

int main(int count, char** arguments) {
  if (count != 5) return puts("usage: 04_segment SUPPORT MASK QUERY OVERLAY"), 2;
  persense_image_buffer *image = NULL, *mask = NULL, *query = NULL; /* free takes NULL */
  persense_pipeline* pipeline = NULL;
  persense_support* support = NULL;
  persense_result* result = NULL;

  const int done = persense_image_buffer_read(arguments[1], &image) == PERSENSE_OK &&
                   persense_image_buffer_read_mask(arguments[2], &mask) == PERSENSE_OK &&
                   persense_image_buffer_read(arguments[3], &query) == PERSENSE_OK &&
                   persense_pipeline_create(NULL, &pipeline) == PERSENSE_OK &&
                   persense_support_create(pipeline, persense_image_buffer_get_image(image),
                                           persense_image_buffer_get_image(mask), NULL,
                                           &support) == PERSENSE_OK &&
                   persense_segment(support, persense_image_buffer_get_image(query), NULL,
                                    &result) == PERSENSE_OK &&
                   persense_result_write_overlay(result, persense_image_buffer_get_image(query),
                                                 arguments[4]) == PERSENSE_OK;
  if (done)
    print_table(persense_result_get_info(result));
  else
    fprintf(stderr, "%s\n", persense_last_error());

  persense_result_free(result);
  persense_support_free(support);
  persense_pipeline_free(pipeline);
  persense_image_buffer_free(query);
  persense_image_buffer_free(mask);
  persense_image_buffer_free(image);
  return done ? 0 : 1;
}
