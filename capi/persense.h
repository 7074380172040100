/* persense.h: mark one object in one image, get every such object of another. C99 and C++.
 *
 *     persense_pipeline* pipeline;                          what finds objects, made once
 *     persense_support* support;                            example objects, for any number of
 *     persense_result* result;                              queries
 *     if (persense_pipeline_create(NULL, &pipeline) != PERSENSE_OK ||
 *         persense_support_create(pipeline, &image, &mask, NULL, &support) != PERSENSE_OK ||
 *         persense_segment(support, &query, NULL, &result) != PERSENSE_OK)
 *       fprintf(stderr, "%s\n", persense_last_error());
 *     const persense_result_info* found = persense_result_get_info(result);
 *     for (size_t i = 0; i < found->instance_count; ++i) use(&found->instances[i]);
 *
 * Rules, for every function here:
 *
 * Threads   A handle never changes after its creation, so any number of threads may use one at
 *           once; freeing it is for one thread, when the others are done with it. The last error
 *           belongs to its thread. The log callback is the one thing that all threads share.
 * Errors    A function that can fail returns a persense_status; persense_last_error() has one line
 *           that says why. Then everything it hands out is NULL or 0, and nothing has to be freed.
 *           A getter that is given NULL returns NULL or 0 and sets the last error too.
 * Memory    What `create`, `read`, `encode`, `segment` and `idm` hand out, the caller frees; free
 *           takes NULL.
 *           Handles may be freed in any order: a support keeps what it needs of its pipeline.
 *           Pointers that a getter returns, and what they point to, belong to its handle and live
 *           as long. Arguments are borrowed for the call.
 * Arrays    Whose length the caller knows beforehand are written into the caller's memory; all
 *           others belong to a handle.
 * Text      UTF-8, ends with '\0'. NULL is the default, or the empty text.
 * Structs   Those that start with `struct_size` are filled in by the caller and may get new fields
 *           at their end: set it to their sizeof, and the rest to zero bytes, which are the
 *           defaults (the _init functions do both). A library that is newer takes the defaults for
 *           fields the caller does not have; an older one refuses those it does not know, unless
 *           they are zero. In an array of such structs all have the same struct_size, which is
 *           the distance from one to the next. Structs named _info belong to the library and may
 *           get new fields at their end too: read them through the pointer. All others never
 *           change.
 * Pixels    x runs right, y runs down. Boxes are half-open: x0 <= x < x1, y0 <= y < y1.
 *
 * The library writes to no stream, handles no signal, and leaves what belongs to the process (the
 * locale, the settings of OpenCV) as it is. Only what it stands on may write a line to stderr:
 * libpng and libjpeg about a damaged file, LibTorch about a processor that it does not know.
 */
#ifndef PERSENSE_H
#define PERSENSE_H

#include "persense_base.h" /* versions, errors, log, images, options of the method */

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Pipeline --------------------------------------------------------------------------- */

/* What finds objects: an encoder, a detector, a density map generator (dmg) and a decoder, with the
 * options of the method. */
typedef struct persense_pipeline persense_pipeline;

typedef struct persense_pipeline_options {
  size_t struct_size;
  const char* models;  /* "mini" (learned: the default), "classic" (weight-free), or a folder with
                          encoder.pt, detector.pt, dmg.pt or decoder.pt, or ONNX models of these
                          names (encoder.onnx); a slot without a file is what the folder's mini.pt
                          is, a network of your own training, or "mini" */
  const char* encoder; /* these four instead of what `models` has: "mini", "classic" or an archive's
                          path */
  const char* detector;
  const char* dmg;
  const char* decoder;
  const char* device;   /* of networks: "cpu" (the default), "cuda" or "cuda:N" */
  const char* dtype;    /* of networks: "fp32" (the default), "fp16" (on a GPU) or "bf16" */
  const char* preset;   /* "paper" (the default), "plus_plus" or "reference" (released code) */
  const char* settings; /* on top of the preset, adapted to the stages: see persense_option_info */
  int32_t threads;  /* of networks on the CPU, for the whole process; 0: as OMP_NUM_THREADS or an
                       earlier pipeline has it, else all cores that the process may use */
  int32_t reserved; /* 0 */
  const char* settings_file; /* of `persense calibrate`; `settings` win over its options */
} persense_pipeline_options;

/* Writes `struct_size` bytes, no more. Does nothing for NULL. */
PERSENSE_API void persense_pipeline_options_init(persense_pipeline_options* options,
                                                 size_t struct_size);

/* `options` may be NULL: all defaults. INVALID_ARGUMENT, FILE_NOT_FOUND, UNREADABLE, BAD_MODEL,
 * DEVICE_UNAVAILABLE, OUT_OF_MEMORY. */
PERSENSE_API persense_status persense_pipeline_create(const persense_pipeline_options* options,
                                                      persense_pipeline** out);

/* The value that an option has in this pipeline, as text; NULL for a key that is none. */
PERSENSE_API const char* persense_pipeline_get_option(const persense_pipeline* pipeline,
                                                      const char* key);

/* What fills each slot: "encoder mini, detector mini, dmg mini, decoder mini". */
PERSENSE_API const char* persense_pipeline_get_stages(const persense_pipeline* pipeline);
PERSENSE_API void persense_pipeline_free(persense_pipeline* pipeline);

/* ---- Encoded images --------------------------------------------------------------------- */

/* An image that a pipeline has encoded: to be asked about any number of supports, or to mark
 * examples in, without encoding it again. */
typedef struct persense_encoded persense_encoded;

/* The pixels are copied. INVALID_ARGUMENT, OUT_OF_MEMORY. */
PERSENSE_API persense_status persense_image_encode(const persense_pipeline* pipeline,
                                                   const persense_image* image,
                                                   persense_encoded** out);
PERSENSE_API void persense_encoded_free(persense_encoded* encoded);

/* ---- Support ---------------------------------------------------------------------------- */

/* Example objects of one class, prepared by a pipeline for any number of queries. */
typedef struct persense_support persense_support;

/* How an object is marked. A box or a point becomes a mask by the pipeline's own decoder. */
typedef enum persense_mark {
  PERSENSE_MARK_MASK = 0,    /* its pixels, roughly; separate parts of like size are one example
                                each */
  PERSENSE_MARK_BOX = 1,     /* around it */
  PERSENSE_MARK_POINT = 2,   /* any pixel of it, best in its middle */
  PERSENSE_MARK_POLYGON = 3, /* its outline */
  PERSENSE_MARK_LABEL = 4    /* its number in a label image */
} persense_mark;

/* One marked object. Of the marks the one that `kind` names is read. */
typedef struct persense_example {
  size_t struct_size;
  const persense_image* image;     /* in which it is; NULL where `encoded` is given */
  const persense_encoded* encoded; /* the same, encoded by the pipeline that makes the support */
  int32_t kind;                    /* persense_mark */
  int32_t negative;                /* not 0: "not these": what looks like it is not looked for */
  const persense_image* mask;      /* GRAY8 of the image's size, not zero on the object */
  persense_box box;
  persense_point point;
  const persense_vertex* vertices; /* along the outline, at least three; it closes itself */
  size_t vertex_count;
  const persense_label_image* labels; /* of the image's size */
  int32_t label_id;
  int32_t reserved; /* 0 */
} persense_example;

/* Writes `struct_size` bytes, no more. Does nothing for NULL. */
PERSENSE_API void persense_example_init(persense_example* example, size_t struct_size);

/* One example as it was taken. */
typedef struct persense_example_info {
  persense_image image; /* RGB8 */
  persense_box box;     /* around the mask */
  float diameter;       /* of the disc with the mask's area, pixels */
  int32_t negative;
  int32_t mask_x; /* where the mask's first pixel lies in the image */
  int32_t mask_y;
  int32_t mask_width; /* the mask is cropped to its box; see persense_support_get_mask */
  int32_t mask_height;
  const uint8_t* mask; /* mask_height rows of mask_width bytes, 1 in the object and 0 beside it */
} persense_example_info;

typedef struct persense_support_info {
  int32_t width; /* of the first example's image that is not negative */
  int32_t height;
  persense_box box;   /* around the first example that is not negative */
  float diameter;     /* of the disc with the mask's area, pixels; the median of several examples */
  const char* label;  /* as it was given */
  const char* phrase; /* "all potatoes" */
  size_t note_count;  /* lines that a user should know */
  const char* const* notes;
  size_t example_count;
  const persense_example_info* const* examples;
} persense_support_info;

/* `mask`: GRAY8 of the image's size, not zero on the object; of separate parts, those of like size
 * are one example each. `label`: class label, for detectors that read text. The pixels are copied.
 */
PERSENSE_API persense_status persense_support_create(const persense_pipeline* pipeline,
                                                     const persense_image* image,
                                                     const persense_image* mask, const char* label,
                                                     persense_support** out);

/* The same of any number of marked objects, at least one of them not negative, in one image or
 * several. Examples with the same `image` pixels share its encoding. INVALID_ARGUMENT names the
 * example that marks nothing, or is negative where another one is not. */
PERSENSE_API persense_status persense_support_create_from_examples(
    const persense_pipeline* pipeline, const persense_example* examples, size_t example_count,
    const char* label, persense_support** out);
PERSENSE_API const persense_support_info* persense_support_get_info(
    const persense_support* support);

/* Writes the mask of one example into the caller's `mask`, over the whole of its image: 255 in the
 * object and 0 beside it. `byte_count`: of the whole memory. `stride`: bytes from row to row (0: no
 * bytes between them). */
PERSENSE_API persense_status persense_support_get_mask(const persense_support* support,
                                                       size_t index, uint8_t* mask,
                                                       size_t byte_count, int64_t stride);
PERSENSE_API void persense_support_free(persense_support* support);

/* ---- Class labels ----------------------------------------------------------------------- */

/* Whether this build can ask a model for a label, and whether over https: 1 or 0. */
PERSENSE_API int32_t persense_has_label_extraction(void);
PERSENSE_API int32_t persense_has_tls(void);

typedef struct persense_label_options {
  size_t struct_size;
  const char* endpoint;     /* http(s) URL of a server of OpenAI's chat interface; required */
  const char* model;        /* as the server calls it; NULL: left out */
  const char* prompt;       /* NULL: "Name the object in the image?" */
  const char* key_variable; /* the environment variable with the server's key; NULL: no key */
  const char* ca_bundle;    /* PEM file of what https trusts; NULL: what the system does */
  const char* rules;        /* "paper" (the default) or "reference" (the answer's last word) */
  double temperature;       /* up to 2; 0: the default of 0.2; negative: 0 */
  double timeout;           /* seconds, retries included; 0: 60 */
  double backoff;           /* seconds before the first retry, then twice as long; 0: 0.5 */
  int32_t retries;          /* 0: the default of 2; negative: none */
  int32_t max_tokens;       /* of the answer; 0: 512 */
  int32_t (*should_stop)(void* user); /* about twenty times a second, on the calling thread: not 0
                                         cancels; must not throw or jump out of the library */
  void* user;
} persense_label_options;

/* Writes `struct_size` bytes, no more. Does nothing for NULL. */
PERSENSE_API void persense_label_options_init(persense_label_options* options, size_t struct_size);

typedef struct persense_label persense_label;

typedef struct persense_label_info {
  const char* label;  /* "potato", for persense_support_create */
  const char* phrase; /* "all potatoes" */
  const char* answer; /* as it came: JSON, or "The object in the image is a ripe potato." */
} persense_label_info;

/* Shows a vision-language model the object (image and mask as in persense_support_create) and takes
 * the name that it answers. UNREADABLE: the server was not reached, or its answer cannot be used.
 * INVALID_ARGUMENT, CANCELLED. */
PERSENSE_API persense_status persense_label_extract(const persense_image* image,
                                                    const persense_image* mask,
                                                    const persense_label_options* options,
                                                    persense_label** out);
PERSENSE_API const persense_label_info* persense_label_get_info(const persense_label* label);
PERSENSE_API void persense_label_free(persense_label* label);

/* persense_support_create_from_examples with what the model answered: its label, and its phrase
 * where the other functions make one of the label. */
PERSENSE_API persense_status persense_support_create_named(const persense_pipeline* pipeline,
                                                           const persense_example* examples,
                                                           size_t example_count,
                                                           const persense_label* label,
                                                           persense_support** out);

/* ---- Segmentation ----------------------------------------------------------------------- */

typedef struct persense_result persense_result;

/* What becomes of instances that touch the image's border. Every instance says whether it does. */
typedef enum persense_border {
  PERSENSE_BORDER_DEFAULT = 0, /* as the pipeline's option filter.border says */
  PERSENSE_BORDER_KEEP = 1,
  PERSENSE_BORDER_DROP = 2
} persense_border;

/* All callbacks run on the thread that called persense_segment, and must not throw or jump out of
 * the library. The steps from "similarity" on are run for each class, those from "density" on once
 * a pass.
 *
 * The fields from min_score on say which instances are reported, instead of the pipeline's options
 * of the same names (filter.min_score and so on): 0 is what the pipeline has, a negative value is
 * no limit. Areas are pixels; ratios are times the area of the support's object. */
typedef struct persense_run_options {
  size_t struct_size;
  void (*on_step)(int32_t step, const char* name, void* user); /* before each step */
  int32_t (*should_stop)(void* user); /* before each step and within long ones, before the other
                                         callbacks: not 0 cancels */
  void* user;                         /* handed to all of them */
  int32_t trace;                      /* not 0: keep what persense_result_write_figure draws */
  int32_t reserved;                   /* 0 */
  void (*on_progress)(int32_t step, double part, void* user); /* within long steps: how much of the
                                                                 step is done, 0 to 1 */
  float min_score;
  float min_area_ratio;
  float max_area_ratio;
  int32_t min_area;
  int32_t max_area;
  int32_t max_instances;        /* those with the highest scores */
  int32_t border;               /* persense_border */
  int32_t reserved2;            /* 0 */
  const persense_image* region; /* GRAY8 of the query's size, not zero where instances are wanted:
                                   those with more than half of their pixels there */
} persense_run_options;

/* Writes `struct_size` bytes, no more. Does nothing for NULL. */
PERSENSE_API void persense_run_options_init(persense_run_options* options, size_t struct_size);

/* The name of a step, "encode" to "instances"; NULL for a number that is none. */
PERSENSE_API const char* persense_step_name(int32_t step);

/* One object. 64 bytes where pointers have 64 bits. */
typedef struct persense_instance {
  persense_box box;     /* around the mask */
  persense_point point; /* the point prompt that it grew from */
  float score;          /* the decoder's: 0 to 1, or a little beyond where a network predicts it */
  int32_t id;           /* 1, 2, ...: its value in the label map and in the files */
  int32_t mask_x;       /* where the mask's first pixel lies in the image */
  int32_t mask_y;
  int32_t mask_width; /* the mask is cropped to its box */
  int32_t mask_height;
  const uint8_t* mask; /* mask_height rows of mask_width bytes, 1 in the object and 0 beside it */
  int64_t area;        /* pixels in the object */
} persense_instance;

/* What was found for one support. */
typedef struct persense_class_info {
  const char* label; /* the support's; may be "" */
  size_t instance_count;
  double estimated_count; /* the density map's sum */
  persense_map density;   /* the last one; of a size that its generator chose */
  int32_t ppsm_fallback;  /* 1: no candidate point passed PPSM, so all were kept */
} persense_class_info;

typedef struct persense_result_info {
  int32_t width; /* of the query image */
  int32_t height;
  size_t instance_count;
  const persense_instance* instances; /* in reading order: lines from top to bottom, each from left
                                         to right */
  double estimated_count;             /* of all classes */
  persense_map density;               /* of the only class, or the first */
  size_t note_count;                  /* lines that a user should know */
  const char* const* notes;
  size_t step_count; /* of step_seconds; see persense_step_name */
  const double* step_seconds;
  int32_t ppsm_fallback; /* of any class */
  int32_t has_trace;
  size_t class_count; /* one for each support, in their order */
  const persense_class_info* const* classes;
  const int32_t* instance_classes;        /* each instance's index into classes */
  const uint8_t* instance_touches_border; /* 1 where it touches the image's border: the object may
                                             go on beyond */
  double count_confidence; /* how far a class's instance_count and estimated_count agree: the
                              smaller over the larger, 0 to 1; of several classes, the least */
} persense_result_info;

/* Finds every instance of the support's object in an image. None is a result without instances, not
 * an error. `options` may be NULL: all defaults. CANCELLED, INVALID_ARGUMENT, OUT_OF_MEMORY. */
PERSENSE_API persense_status persense_segment(const persense_support* support,
                                              const persense_image* image,
                                              const persense_run_options* options,
                                              persense_result** out);

/* The same for several supports of one pipeline, which are several classes: instances say whose
 * they are, and each pixel belongs to one class. */
PERSENSE_API persense_status persense_segment_classes(const persense_support* const* supports,
                                                      size_t support_count,
                                                      const persense_image* image,
                                                      const persense_run_options* options,
                                                      persense_result** out);

/* The same for an image that the supports' pipeline encoded; one support or several. */
PERSENSE_API persense_status persense_segment_encoded(const persense_encoded* encoded,
                                                      const persense_support* const* supports,
                                                      size_t support_count,
                                                      const persense_run_options* options,
                                                      persense_result** out);
PERSENSE_API const persense_result_info* persense_result_get_info(const persense_result* result);

/* An instance's mask as COCO's compressed run-length code: the text "counts" of a segmentation
 * whose size is [height, width] of the result. Made on first use; belongs to the result. */
PERSENSE_API persense_status persense_result_get_rle(const persense_result* result, size_t index,
                                                     const char** counts);

/* Writes the instances' ids into the caller's `labels`: `height` rows of `width`, 0 where no
 * instance is; where masks overlap, the highest score wins. `byte_count`: of the whole memory.
 * `stride`: bytes from row to row (0: no bytes between them), a multiple of 4. */
PERSENSE_API persense_status persense_result_get_labels(const persense_result* result,
                                                        int32_t* labels, size_t byte_count,
                                                        int64_t stride);

/* Files: complete, or as they were before. UNWRITABLE. */

/* 16-bit PNG of the ids. INVALID_ARGUMENT for more than 65535 instances. */
PERSENSE_API persense_status persense_result_write_labels(const persense_result* result,
                                                          const char* path);

/* One line per instance: id,x,y,x0,y0,x1,y1,area,score,class,touches_border. */
PERSENSE_API persense_status persense_result_write_csv(const persense_result* result,
                                                       const char* path);

/* COCO JSON of one image. `image_name`: its file_name. `category`: of a result with one class, NULL
 * or "" for "object"; several classes are several categories, named by their labels. */
PERSENSE_API persense_status persense_result_write_coco(const persense_result* result,
                                                        const char* image_name,
                                                        const char* category, const char* path);

/* PNG of the query image with the instances drawn over it. */
PERSENSE_API persense_status persense_result_write_overlay(const persense_result* result,
                                                           const persense_image* query,
                                                           const char* path);

/* PNG of all steps side by side. INVALID_ARGUMENT for a result without a trace. */
PERSENSE_API persense_status persense_result_write_figure(const persense_result* result,
                                                          const persense_image* query,
                                                          const persense_image* support_image,
                                                          const persense_image* support_mask,
                                                          const char* path);

PERSENSE_API void persense_result_free(persense_result* result);

/* ---- IDM and PPSM alone, on maps of the caller's ---------------------------------------- */

typedef struct persense_method_options {
  size_t struct_size;
  const char* preset; /* as in persense_pipeline_options */
  const char* settings;
} persense_method_options;

/* Writes `struct_size` bytes, no more. Does nothing for NULL. */
PERSENSE_API void persense_method_options_init(persense_method_options* options,
                                               size_t struct_size);

/* Candidate points of a density map. */
typedef struct persense_points persense_points;

typedef struct persense_points_info {
  size_t point_count;
  const persense_point* points;
  double estimated_count; /* the density map's sum */
} persense_points_info;

/* The Instance Detection Module: a point for each blob of a density map (objects per pixel).
 * `image_width`, `image_height`: of the image that the map is stretched to; points are its pixels.
 * 0, 0: the map's own. `options` may be NULL. INVALID_ARGUMENT for NaN or infinity in the map. */
PERSENSE_API persense_status persense_idm(const persense_map* density, int32_t image_width,
                                          int32_t image_height,
                                          const persense_method_options* options,
                                          persense_points** out);
PERSENSE_API const persense_points_info* persense_points_get_info(const persense_points* points);
PERSENSE_API void persense_points_free(persense_points* points);

/* The Point Prompt Selection Module: which candidates are similar enough and lie in a box.
 * `similarity`: query against support, in the candidates' frame. `count`: how many objects the
 * density map estimates; the option ppsm.count_rounding is applied to it. `selected`: the caller's
 * memory for `candidate_count` indices; `*selected_count` of them are written, ascending.
 * `threshold`: gets the similarity that was asked for; may be NULL, as may `options`. */
PERSENSE_API persense_status persense_ppsm(const persense_point* candidates, size_t candidate_count,
                                           const persense_map* similarity, double count,
                                           const persense_box* boxes, size_t box_count,
                                           const persense_method_options* options, size_t* selected,
                                           size_t* selected_count, float* threshold);

#ifdef __cplusplus
}
#endif

#endif /* PERSENSE_H */
