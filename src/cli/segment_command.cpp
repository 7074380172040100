#include "commands.hpp"
#include "segment.hpp"
#include "segment_flags.hpp"

#include <memory>

namespace persense::cli {

namespace {

const char* const segment_description =
    "Find every instance of one object, or of several, in crowded images\n"
    "\n"
    "Examples:\n"
    "  # all objects of photo.jpg like the one in this box of it: out/photo_overlay.png\n"
    "  persense segment photo.jpg --box 120,80,160,130 -o out\n"
    "\n"
    "  # the same, marked by a pixel of it, or by its outline\n"
    "  persense segment photo.jpg --point 140,105 -o out\n"
    "  persense segment photo.jpg --polygon 122,90,150,82,158,120,130,128 -o out\n"
    "\n"
    "  # like the one that is masked in another image, or one object of its label image\n"
    "  persense segment --support support.jpg --mask mask.png photo.jpg -o out\n"
    "  persense segment --support support.jpg --mask labels.png --mask-label 7 photo.jpg -o out\n"
    "\n"
    "  # two examples in two images, and one object that is not meant\n"
    "  persense segment --support a.jpg --box 20,30,60,70 --negative-box 90,30,130,80 \\\n"
    "    --support b.jpg --point 45,52 photo.jpg -o out\n"
    "\n"
    "  # two classes in one run: one COCO file, one label image\n"
    "  persense segment photo.jpg --class bolt --box 20,30,60,70 --class nut --point 200,90 \\\n"
    "    -o out --coco --labels --overlay\n"
    "\n"
    "  # marks made in labelme: a class for each name, \"not NAME\" for what is not meant\n"
    "  persense segment --prompts marks.json shelf/ -o out --coco\n"
    "\n"
    "  # only those of about the marked one's size, whole, in one part of the image\n"
    "  persense segment photo.jpg --box 120,80,160,130 -o out --min-area 0.5x --max-area 2x \\\n"
    "    --border drop --region 0,0,800,0,800,600,0,600\n"
    "\n"
    "  # how large they are, in millimetres\n"
    "  persense segment photo.jpg --box 120,80,160,130 -o out --pixel-size 0.12mm\n"
    "\n"
    "  # what was found, to correct it in labelme\n"
    "  persense segment photo.jpg --box 120,80,160,130 -o out --labelme\n"
    "  labelme out/photo_labelme.json\n"
    "\n"
    "  # labels to train YOLO on, which looks for those of data/images in data/labels\n"
    "  persense segment --support support.jpg --mask mask.png data/images -o data/labels --yolo\n"
    "  yolo segment train data=data/labels/data.yaml model=yolo11n-seg.pt\n"
    "\n"
    "  # a folder of images on four threads, as label images and one COCO file; --resume goes on\n"
    "  # with it after it was stopped, or after new images came into the folder\n"
    "  persense segment --support support.jpg --mask mask.png shelf/ -o out --labels --coco \\\n"
    "    --jobs 4 --resume\n"
    "\n"
    "  # with models made by python -m persense_export, on a GPU\n"
    "  persense segment --support support.jpg --mask mask.png photo.jpg -o out --models sam_vit_h "
    "\\\n"
    "    --device cuda --dtype fp16\n"
    "\n"
    "  # small objects in a large image: SAM sees it in tiles in which they are large enough\n"
    "  persense segment photo.jpg --box 120,80,160,130 -o out --models sam_vit_h --tile auto\n"
    "\n"
    "  # with the name that a vision-language model gives the object\n"
    "  persense segment --support support.jpg --mask mask.png photo.jpg -o out \\\n"
    "    --label-endpoint http://localhost:8080\n"
    "\n"
    "  # every step of the method as an image, with a lower threshold for weak density maps\n"
    "  persense segment --support support.jpg --mask mask.png 'shelf/*.jpg' -o out --trace \\\n"
    "    --set idm.threshold=20\n";

const char* const segment_footer =
    "Outputs, in the folder of -o (NAME is the query's name without its extension; longer where "
    "two\n"
    "queries share it):\n"
    "  NAME_overlay.png    the image with outlines, numbers and prompts; classes have a legend\n"
    "  NAME_labels.png     16-bit grey; 0 = background, otherwise the instance's id\n"
    "  NAME_classes.png    8-bit grey, with several classes: 1 = the first class, ...\n"
    "  NAME_instances.csv  id, point, box, area, score, class and whether it touches the border\n"
    "  NAME_measurements.csv  area, diameter, perimeter, axes, length, width, roundness, "
    "brightness\n"
    "  NAME_labelme.json   polygons for labelme, which opens the query with them; of TIFF and of\n"
    "                      16 bits the image is inside\n"
    "  NAME.txt            YOLO's labels: an outline or a box for each object\n"
    "  data.yaml           YOLO's class names, and where the queries are\n"
    "  NAME.geojson        outlines with holes, for QuPath\n"
    "  NAME_rois.zip       outlines with holes, for ImageJ and Fiji\n"
    "  NAME_trace.png      all steps of the method side by side; NAME_trace_CLASS.png with "
    "several\n"
    "  instances.json      COCO, run-length masks or polygons, all queries of the run, one "
    "category for each class\n"
    "  counts.csv          of several queries: how many objects each shows, and the density's sum\n"
    "  support_NN.png      the support images with the masks that were taken\n"
    "  .persense-run/      what --resume needs; may be deleted when the run is complete\n"
    "Ids count from 1 in reading order: lines from top to bottom, each from left to right.\n"
    "Progress goes to standard error (a bar, on a terminal) or standard output (one line per "
    "image).\n"
    "\n";

void add_outputs(Command command, SegmentRequest& request) {
  const char* const group = "Outputs (--overlay, when none is given)";
  command.add_flag("--overlay", request.overlay, "the image with the instances drawn over it")
      .group(group);
  command.add_flag("--labels", request.labels, "16-bit label image").group(group);
  command.add_flag("--coco", request.coco, "one COCO JSON file for the run").group(group);
  command
      .add_flag("--coco-polygons", request.coco_polygons,
                "the same with polygons instead of run lengths; holes are lost")
      .group(group);
  command.add_flag("--csv", request.csv, "one table row per instance").group(group);
  command
      .add_flag("--measure", request.measure,
                "sizes, shapes and brightness, one table row per instance")
      .group(group);
  command
      .add_option("--pixel-size", request.pixel_size,
                  "the same in lengths and areas: how large a pixel is, as 0.12mm")
      .type_name("LENGTH")
      .not_empty()
      .group(group);
  command
      .add_flag("--labelme", request.labelme,
                "a labelme file of polygons, to correct by hand and read back (--prompts)")
      .group(group);
  command
      .add_flag("--yolo", request.yolo,
                "labels to train YOLO on: outlines (holes are filled), and data.yaml")
      .group(group);
  command.add_flag("--yolo-boxes", request.yolo_boxes, "the same with boxes").group(group);
  command.add_flag("--geojson", request.geojson, "objects for QuPath").group(group);
  command.add_flag("--imagej", request.imagej, "ROIs for ImageJ's ROI Manager").group(group);
  command.add_flag("--trace", request.trace, "the steps of the method as one image").group(group);
  command
      .add_flag("--support-overlay", request.support_overlay,
                "the support images with the masks that were taken; --trace has them, too")
      .group(group);
}

}  // namespace

void add_segment(Command program, Task& task) {
  const Command command = program.add_subcommand("segment", segment_description);
  const auto request = std::make_shared<SegmentRequest>();
  add_segment_flags(command, *request).required();
  add_outputs(command, *request);
  command.footer(std::string(marking_help) + segment_footer + exit_code_help);
  command.callback([request, &task] { task = [request] { return segment(*request); }; });
}

}  // namespace persense::cli
