"""The dock widget: an image, marks and a few options in; layers, a table and counts out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from persense.errors import Error, InvalidArgument
from persense.result import Result

from .found import is_result, show_result
from .marks import marks_of
from .planes import Plane, shown_plane
from .runs import Request, Runs

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

__all__ = ["Dock"]

_HELP = (
    "Paint or outline objects in new layers that are called as what they mark: a Labels layer (a "
    "number for each object), a Shapes layer (a rectangle around it, an outline) or a Points layer. "
    'A name that begins with "not " or "-" says what is not meant.'
)


class Dock(QWidget):
    """Finds every object like the marked ones in the slice that the viewer shows.

    Runs in a thread of its own. What is wrong with the input is a line in the dock.
    """

    stepped = Signal(str, float)
    """A step's name, and how much of it is done, 0 to 1; from the thread that runs."""
    done = Signal()
    """A run ended: `message` says how, and there are layers where it found something."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._runs = Runs()
        self._running = False
        self._stop = stop = threading.Event()
        self.destroyed.connect(lambda *_: stop.set())  # its window was closed
        self._images: List[Layer] = []
        self._marks: List[Layer] = []
        self._make_inputs()
        self._make_outputs()
        self._arrange()
        self.reset_choices()
        self._set_running(False)

    # ---- what it is made of ----

    def _make_inputs(self) -> None:
        self.image = QComboBox()
        self.marks = QListWidget()
        self.marks.setToolTip(_HELP)
        self.marks.setMinimumHeight(80)
        self.marks.setMaximumHeight(160)
        self.models = QComboBox()
        self.models.addItems(["mini", "classic"])
        self.models.setToolTip("mini: the learned default; classic: stages without weights")
        self.min_score = QDoubleSpinBox()
        self.min_score.setRange(0.0, 1.0)
        self.min_score.setSingleStep(0.05)
        self.min_score.setToolTip("Instances with a lower score are left out")
        self.segment = QPushButton("Find them")
        self.segment.clicked.connect(self.start)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self.request_stop)

    def _make_outputs(self) -> None:
        self.progress = QProgressBar()
        self.stepped.connect(self._show_step)
        self._message = QLabel(_HELP)
        self._message.setWordWrap(True)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.table = QPushButton("Table")
        self.table.setToolTip("The features of the selected layer: sort, pick, save as CSV")
        self.table.clicked.connect(self.show_table)

    def _arrange(self) -> None:
        form = QFormLayout()
        form.addRow("Image", self.image)
        form.addRow("Marks", self.marks)
        form.addRow("Models", self.models)
        form.addRow("Lowest score", self.min_score)
        buttons = QHBoxLayout()
        for button in (self.segment, self.cancel, self.table):
            buttons.addWidget(button)
        layout = QVBoxLayout()
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self._message)
        layout.addStretch()
        self.setLayout(layout)

    @property
    def message(self) -> str:
        """What the dock says: how many were found of each class, notes, or what is wrong."""
        return str(self._message.text())

    # ---- layers to choose from ----

    def reset_choices(self, event: Any = None) -> None:
        """Show the layers that there are; what was chosen stays so. By this name, napari calls it
        when layers come, go or are renamed.
        """
        from napari.layers import Image, Labels, Points, Shapes

        layers = [layer for layer in self._viewer.layers if not is_result(layer)]
        chosen = self.chosen_image()
        self._images = [layer for layer in layers if isinstance(layer, Image)]
        self.image.clear()
        self.image.addItems([layer.name for layer in self._images])
        if chosen in self._images:
            self.image.setCurrentIndex(self._images.index(chosen))

        ticked = self.chosen_marks()
        left = [layer for layer in self._marks if layer not in ticked]
        self._marks = [x for x in layers if isinstance(x, (Labels, Shapes, Points))]
        self.marks.clear()
        for layer in self._marks:
            item = QListWidgetItem(layer.name, self.marks)
            off = layer in left
            item.setCheckState(Qt.CheckState.Unchecked if off else Qt.CheckState.Checked)

    def chosen_image(self) -> Optional[Layer]:
        """The image layer that is looked at."""
        index = self.image.currentIndex()
        return self._images[index] if 0 <= index < len(self._images) else None

    def chosen_marks(self) -> List[Layer]:
        """The layers of marks that are ticked."""
        states = [self.marks.item(row).checkState() for row in range(self.marks.count())]
        pairs = zip(self._marks, states)
        return [layer for layer, state in pairs if state == Qt.CheckState.Checked]

    # ---- a run ----

    def start(self) -> None:
        """Start a run in a thread; only one at a time."""
        from napari.qt.threading import create_worker

        if self._running:
            return
        try:
            plane, request = self._request()
        except Error as error:
            self._say(str(error))
            self.done.emit()
            return
        self._stop.clear()
        self._set_running(True)
        worker = create_worker(self._run, plane, request, _start_thread=False)
        worker.returned.connect(self._show_outcome)
        worker.errored.connect(self._show_defect)  # which napari reports, too
        worker.finished.connect(self._end)
        worker.start()

    def request_stop(self) -> None:
        """End the run before its next step; all layers stay as they are."""
        if self._running:
            self._stop.set()
            self._say("Cancelling ...")

    def _request(self) -> Tuple[Plane, Request]:
        image = self.chosen_image()
        if image is None:
            raise InvalidArgument("image: got none, expected an Image layer")
        plane = shown_plane(self._viewer, image)
        marks = marks_of(self._viewer, plane, self.chosen_marks())
        models, min_score = self.models.currentText(), self.min_score.value()
        return plane, Request(plane.pixels, marks, models, min_score)

    def _run(self, plane: Plane, request: Request) -> Any:
        """In the thread: (plane, result or the error that ended the run)."""
        try:
            return plane, self._runs.run(request, self._stop, self.stepped.emit)
        except Error as error:
            return plane, error

    # ---- what became of it ----

    def _show_outcome(self, outcome: Tuple[Plane, Any]) -> None:
        plane, found = outcome
        if self._stop.is_set():
            self._say("Cancelled")
        elif isinstance(found, Error):
            self._say(str(found))
        else:
            show_result(self._viewer, plane, found)
            self._say("\n".join([_counts(found), *_notes(found)]))

    def _show_defect(self, error: Exception) -> None:
        self._say(f"{type(error).__name__}: {error}")

    def _end(self) -> None:
        self._set_running(False)
        self.done.emit()

    def show_table(self) -> None:
        """Open napari's table of the selected layer's features."""
        self._viewer.window.add_plugin_dock_widget("napari", "Features table widget")

    def _show_step(self, name: str, part: float) -> None:
        self.progress.setRange(0, 100 if part > 0 else 0)  # 0 to 0: busy
        self.progress.setValue(round(100 * part))
        if not self._stop.is_set():
            self._say(f"{name} ...")

    def _set_running(self, running: bool) -> None:
        self._running = running
        self.segment.setEnabled(not running)
        self.cancel.setEnabled(running)
        self.progress.setVisible(running)

    def _say(self, text: str) -> None:
        self._message.setText(text)


def _counts(result: Result) -> str:
    """ "66 bean, 12 nut"."""
    counts = [len(result.of_class(index)) for index in range(len(result.classes))]
    return ", ".join(f"{count} {name}" for count, name in zip(counts, result.classes))


def _notes(result: Result) -> List[str]:
    """Of the supports and the result, each once."""
    notes = [note for support in result._supports for note in support.notes] + result.notes
    return list(dict.fromkeys(notes))
