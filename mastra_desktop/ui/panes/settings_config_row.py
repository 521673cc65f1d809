"""One key of the configuration: its field, what it does, where its value comes from, what is in the way."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mastra_desktop.ops.config_keys import KeyInfo
from mastra_desktop.services.configuration import Setting
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.model_file import ask_for_file
from mastra_desktop.ui.panes.parts import IconText, label
from mastra_desktop.ui.panes.settings_source import SourceBadge, locked_words
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.painting import Tone
from mastra_desktop.ui.widgets.value_fields import (
    ChoiceValue,
    NumberValue,
    SwitchValue,
    TextValue,
    ValueField,
)

MEGABYTE = 1024 * 1024
_TIMES = ((86_400, "d"), (3600, "h"), (60, "min"))


class ConfigControls(QWidget):
    """The field with its unit and badge in a line, sentences below. `edited` and `reset_wanted` ask; what
    came of it is told with `show_setting` and `show_problem`."""

    edited = Signal(object)
    reset_wanted = Signal()

    def __init__(self, info: KeyInfo, theme: ThemeController, icons: Icons) -> None:
        super().__init__()
        self._theme, self._icons = theme, icons
        self.info = info
        self.setAccessibleDescription(translated(info.section_title))
        self.setting: Setting | None = None
        self.field = field_for(info, theme)
        self.field.setObjectName(f"config-{info.name}")
        self.field.edited.connect(self.edited)
        if isinstance(self.field, TextValue):
            self.field.setPlaceholderText(self.tr("Empty"))
        self._unit = label("", "hint")
        self.badge = SourceBadge(theme, icons)
        self.badge.reset_button.setObjectName(f"reset-{info.name}")
        self.badge.reset_wanted.connect(self.reset_wanted)
        self.does = label("", "hint", wrap=True)
        self.problem = label("", "error", wrap=True)
        self.note: IconText | None = None  # few rows have one
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.field, 1 if isinstance(self.field, TextValue) else 0)
        line.addWidget(self._unit)
        if not isinstance(self.field, TextValue):
            line.addStretch(1)
        self.choose_button: IconButton | None = None
        if info.files:
            words = self.tr("Choose a file: {name}").format(name=translated(info.title))
            self.choose_button = IconButton("folder-open", words, theme, icons)
            self.choose_button.clicked.connect(self._ask_for_file)
            line.addWidget(self.choose_button)
        line.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignVCenter)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(line)
        column.addWidget(self.problem)
        column.addWidget(self.does)
        self.problem.hide()
        self._say(restart=False)
        if isinstance(self.field, (TextValue, NumberValue)):
            self.field.textChanged.connect(self._typed)

    def show_setting(self, setting: Setting, *, taken: bool = False) -> None:
        """How it is now. What is being typed stays, unless that is what was `taken`."""
        self.setting = setting
        if taken or not self.field.touched:
            self.show_problem("")
            self.field.show_value(setting.value)
        else:
            self.field.set_base(setting.value)
        self.field.set_locked(setting.source == "environment" or setting.info.kind == "other")
        if self.choose_button is not None:
            self.choose_button.setEnabled(setting.source != "environment")
        self._unit.setText(unit_words(self.info.unit, setting.value))
        self._unit.setVisible(bool(self._unit.text()))
        self.badge.show_setting(setting)
        if setting.waiting:
            self._show_note("clock", self.tr("Changed. It is used from the next start on."), "warn")
        else:
            self._show_note("lock", locked_words(setting), "")
        self._say(restart=setting.restart and not setting.waiting)

    def show_problem(self, problem: str) -> None:
        """Why it could not be changed; "" when all is well."""
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        self.field.set_invalid(bool(problem))
        self._describe()
        if problem and self.setting is not None and not self.field.touched:
            self.field.show_value(self.setting.value)  # a switch is back where it was

    def _show_note(self, icon: str, words: str, tone: Tone) -> None:
        """Below the rest; nothing for no words."""
        if self.note is None and words:
            self.note = IconText(icon, words, self._theme, self._icons, wrap=True)
            self._column.addWidget(self.note)
        if self.note is not None:
            self.note.set(icon, words, tone)
            self.note.setVisible(bool(words))

    def _ask_for_file(self) -> None:
        title = translated(self.info.title)
        pattern = self.tr("{name} ({patterns})").format(name=title, patterns=self.info.files)
        ask_for_file(self, title, pattern, lambda path: self.edited.emit(str(path)))

    def _typed(self) -> None:
        if self.problem.text() and not self.field.touched:
            self.show_problem("")

    def _say(self, *, restart: bool) -> None:
        words = translated(self.info.description)
        if restart:
            words = f"{words} {self.tr('A change is used from the next start on.')}"
        self.does.setText(words)
        self._describe()

    def _describe(self) -> None:
        """For who cannot see what stands around the field."""
        about = f"{self.does.text()} {self.badge.words()}"
        self.field.setAccessibleDescription(self.problem.text() or about)


def field_for(info: KeyInfo, theme: ThemeController) -> ValueField:
    """The field that fits the key's type and limits."""
    title = translated(info.title)
    if info.kind == "switch":
        return SwitchValue(title, theme)
    if info.kind == "choice":
        return ChoiceValue(title, info.choices)
    if info.kind in ("whole", "number"):
        step = MEGABYTE if info.unit == "bytes" else 1
        return NumberValue(title, info.least, info.most, step=step)
    return TextValue(title)


def unit_words(unit: str, value: object) -> str:
    """The unit, and a large number of it as one reads it: "s (1 h)", "bytes (10 MB)"."""
    if not isinstance(value, (int, float)):
        return unit
    if unit == "bytes" and value >= MEGABYTE:
        return f"{unit} ({QLocale().formattedDataSize(int(value), 1)})"
    if unit == "s":
        for seconds, name in _TIMES:
            if value >= seconds and value % seconds == 0:
                return f"{unit} ({value / seconds:g} {name})"
    return unit


def translated(words: str) -> str:
    """Names and sentences come from the schema, in English."""
    return QCoreApplication.translate("Configuration", words)
