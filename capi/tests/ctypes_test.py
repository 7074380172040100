"""The C ABI from Python with ctypes alone: usage ctypes_test.py LIBRARY FOLDER_WITH_00_AND_01."""

import ctypes as c
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

lib = c.CDLL(sys.argv[1])
sample = Path(sys.argv[2])


class Image(c.Structure):
    _fields_ = [("data", c.c_void_p), ("width", c.c_int32), ("height", c.c_int32),
                ("stride", c.c_int64), ("format", c.c_int32)]


class Map(c.Structure):
    _fields_ = [("data", c.POINTER(c.c_float)), ("width", c.c_int32), ("height", c.c_int32),
                ("stride", c.c_int64)]


class Instance(c.Structure):
    _fields_ = [("box", c.c_float * 4), ("point", c.c_int32 * 2), ("score", c.c_float),
                ("id", c.c_int32), ("mask_x", c.c_int32), ("mask_y", c.c_int32),
                ("mask_width", c.c_int32), ("mask_height", c.c_int32),
                ("mask", c.POINTER(c.c_uint8)), ("area", c.c_int64)]


class Vertex(c.Structure):
    _fields_ = [("x", c.c_float), ("y", c.c_float)]


class Example(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("image", c.POINTER(Image)), ("encoded", c.c_void_p),
                ("kind", c.c_int32), ("negative", c.c_int32), ("mask", c.POINTER(Image)),
                ("box", c.c_float * 4), ("point", c.c_int32 * 2), ("vertices", c.POINTER(Vertex)),
                ("vertex_count", c.c_size_t), ("labels", c.c_void_p), ("label_id", c.c_int32),
                ("reserved", c.c_int32)]


class SupportInfo(c.Structure):  # the library owns it, so its end may be left out
    _fields_ = [("width", c.c_int32), ("height", c.c_int32), ("box", c.c_float * 4)]


class ClassInfo(c.Structure):
    _fields_ = [("label", c.c_char_p), ("instance_count", c.c_size_t),
                ("estimated_count", c.c_double), ("density", Map), ("ppsm_fallback", c.c_int32)]


class ResultInfo(c.Structure):
    _fields_ = [("width", c.c_int32), ("height", c.c_int32), ("instance_count", c.c_size_t),
                ("instances", c.POINTER(Instance)), ("estimated_count", c.c_double),
                ("density", Map), ("note_count", c.c_size_t), ("notes", c.POINTER(c.c_char_p)),
                ("step_count", c.c_size_t), ("step_seconds", c.POINTER(c.c_double)),
                ("ppsm_fallback", c.c_int32), ("has_trace", c.c_int32),
                ("class_count", c.c_size_t), ("classes", c.POINTER(c.POINTER(ClassInfo))),
                ("instance_classes", c.POINTER(c.c_int32)),
                ("instance_touches_border", c.POINTER(c.c_uint8))]


class PipelineOptions(c.Structure):
    _fields_ = [("struct_size", c.c_size_t)] + [
        (name, c.c_char_p) for name in ("models", "encoder", "detector", "dmg", "decoder",
                                        "device", "dtype", "preset", "settings")
    ] + [("threads", c.c_int32), ("reserved", c.c_int32)]


OnStep = c.CFUNCTYPE(None, c.c_int32, c.c_char_p, c.c_void_p)
ShouldStop = c.CFUNCTYPE(c.c_int32, c.c_void_p)


class RunOptions(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("on_step", OnStep), ("should_stop", ShouldStop),
                ("user", c.c_void_p), ("trace", c.c_int32), ("reserved", c.c_int32)]


lib.persense_last_error.restype = c.c_char_p
lib.persense_version.restype = c.c_char_p
lib.persense_image_buffer_get_image.restype = c.POINTER(Image)
lib.persense_image_buffer_get_image.argtypes = [c.c_void_p]
lib.persense_support_get_info.restype = c.POINTER(SupportInfo)
lib.persense_support_get_info.argtypes = [c.c_void_p]
lib.persense_result_get_info.restype = c.POINTER(ResultInfo)
lib.persense_result_get_info.argtypes = [c.c_void_p]
for kind in ("image_buffer", "pipeline", "encoded", "support", "result"):
    getattr(lib, f"persense_{kind}_free").argtypes = [c.c_void_p]


class PersenseError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(lib.persense_last_error().decode())
        self.status = status


def make(function, *arguments) -> c.c_void_p:
    """Calls a function whose last argument is the handle that it makes."""
    handle = c.c_void_p()
    status = function(*arguments, c.byref(handle))
    if status != 0:
        assert handle.value is None
        raise PersenseError(status)
    return handle


def decode_rle(text: bytes) -> list[int]:
    runs: list[int] = []
    at = 0
    while at < len(text):
        value = shift = 0
        while True:
            byte = text[at] - 48
            at += 1
            value |= (byte & 31) << shift
            shift += 5
            if not byte & 32:
                break
        if byte & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return runs


class FromPython(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.pictures = [make(lib.persense_image_buffer_read, bytes(sample / "00.jpg")),
                        make(lib.persense_image_buffer_read_mask, bytes(sample / "00.png")),
                        make(lib.persense_image_buffer_read, bytes(sample / "01.jpg"))]
        cls.image, cls.mask, cls.query = map(lib.persense_image_buffer_get_image, cls.pictures)
        weight_free = PipelineOptions(struct_size=c.sizeof(PipelineOptions), models=b"classic")
        cls.pipeline = make(lib.persense_pipeline_create, c.byref(weight_free))
        cls.support = make(lib.persense_support_create, cls.pipeline, cls.image, cls.mask, b"bean")

    @classmethod
    def tearDownClass(cls) -> None:
        lib.persense_support_free(cls.support)
        lib.persense_pipeline_free(cls.pipeline)
        for picture in cls.pictures:
            lib.persense_image_buffer_free(picture)

    def test_result_reads_without_a_copy_and_agrees_with_its_labels_and_rle(self) -> None:
        result = make(lib.persense_segment, self.support, self.query, None)
        info = lib.persense_result_get_info(result).contents
        self.assertEqual((info.width, info.height), (640, 480))
        self.assertGreater(info.instance_count, 50)
        labels = (c.c_int32 * (640 * 480))()
        status = lib.persense_result_get_labels(result, labels, c.c_size_t(c.sizeof(labels)),
                                                c.c_int64(0))
        self.assertEqual(status, 0)
        for i in range(info.instance_count):
            one = info.instances[i]
            mask = one.mask[:one.mask_width * one.mask_height]
            self.assertEqual(one.id, i + 1)
            self.assertEqual(sum(mask), one.area)
            x0, y0, x1, y1 = one.box
            self.assertEqual((x0, y0, x1 - x0, y1 - y0),
                             (one.mask_x, one.mask_y, one.mask_width, one.mask_height))
            counts = c.c_char_p()
            status = lib.persense_result_get_rle(result, c.c_size_t(i), c.byref(counts))
            self.assertEqual(status, 0)
            runs = decode_rle(counts.value)
            self.assertEqual(sum(runs), 640 * 480)
            self.assertEqual(sum(runs[1::2]), one.area)
        painted = sum(1 for label in labels if label)
        areas = sum(info.instances[i].area for i in range(info.instance_count))
        self.assertTrue(0 < painted <= areas)
        lib.persense_result_free(result)

    def test_a_box_and_a_mask_in_an_encoded_image_are_two_classes(self) -> None:
        encoded = make(lib.persense_image_encode, self.pipeline, self.image)
        box = Example(struct_size=c.sizeof(Example), encoded=encoded, kind=1,
                      box=lib.persense_support_get_info(self.support).contents.box)
        other = make(lib.persense_support_create_from_examples, self.pipeline, c.byref(box),
                     c.c_size_t(1), b"the same")
        supports = (c.c_void_p * 2)(self.support, other)
        result = make(lib.persense_segment_encoded, encoded, supports, c.c_size_t(2), None)
        info = lib.persense_result_get_info(result).contents
        names = [info.classes[k].contents.label for k in range(info.class_count)]
        self.assertEqual(names, [b"bean", b"the same"])
        indices = info.instance_classes[:info.instance_count]
        for k in range(2):
            self.assertEqual(info.classes[k].contents.instance_count, indices.count(k))
        for i in range(info.instance_count):
            one = info.instances[i]
            at_border = (one.mask_x == 0 or one.mask_y == 0 or
                         one.mask_x + one.mask_width == info.width or
                         one.mask_y + one.mask_height == info.height)
            self.assertEqual(info.instance_touches_border[i], at_border)
        lib.persense_result_free(result)
        lib.persense_support_free(other)
        lib.persense_encoded_free(encoded)

    def test_python_functions_are_callbacks(self) -> None:
        steps: list[str] = []
        options = RunOptions(struct_size=c.sizeof(RunOptions),
                             on_step=OnStep(lambda step, name, user: steps.append(name.decode())),
                             should_stop=ShouldStop(lambda user: int(len(steps) == 3)))
        with self.assertRaises(PersenseError) as caught:
            make(lib.persense_segment, self.support, self.query, c.byref(options))
        self.assertEqual(caught.exception.status, 7)
        self.assertEqual(str(caught.exception), "cancelled before exemplar")
        self.assertEqual(steps, ["encode", "similarity", "detect"])

    def test_errors_are_status_and_line(self) -> None:
        options = PipelineOptions(struct_size=c.sizeof(PipelineOptions), preset=b"fast")
        with self.assertRaises(PersenseError) as caught:
            make(lib.persense_pipeline_create, c.byref(options))
        self.assertEqual(caught.exception.status, 1)
        self.assertIn('preset: got "fast"', str(caught.exception))

    def test_another_programs_archive_is_a_bad_model(self) -> None:
        if not lib.persense_has_archives():
            self.skipTest("this build reads no archives")
        with tempfile.NamedTemporaryFile(suffix=".pt") as file:
            with zipfile.ZipFile(file.name, "w") as archive:
                archive.writestr("archive/data.pkl", b"")
                archive.writestr("archive/constants.pkl", b"")
            options = PipelineOptions(struct_size=c.sizeof(PipelineOptions),
                                      dmg=file.name.encode())
            with self.assertRaises(PersenseError) as caught:
                make(lib.persense_pipeline_create, c.byref(options))
            self.assertEqual(caught.exception.status, 4, str(caught.exception))
            self.assertIn(file.name, str(caught.exception))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
