"""Draw the whole interface kit on one sheet, dark and light: `python -m tests.ui.gallery OUT_DIR`.

For people who change the kit: look at the two pictures beside the design's component sheets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QRadioButton,
    QSlider,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController, ThemeMode
from mastra_desktop.ui.widgets.buttons import Button, IconButton, Variant
from mastra_desktop.ui.widgets.card import Card
from mastra_desktop.ui.widgets.chip import Chip
from mastra_desktop.ui.widgets.composer import Composer
from mastra_desktop.ui.widgets.empty_state import EmptyState
from mastra_desktop.ui.widgets.form_field import FormField
from mastra_desktop.ui.widgets.kbd import Kbd
from mastra_desktop.ui.widgets.number_field import NumberField
from mastra_desktop.ui.widgets.picker_button import PickerButton
from mastra_desktop.ui.widgets.popup_list import PopupItem
from mastra_desktop.ui.widgets.rail import Rail
from mastra_desktop.ui.widgets.search_field import SearchField
from mastra_desktop.ui.widgets.section_list import SectionList
from mastra_desktop.ui.widgets.segmented import Segmented
from mastra_desktop.ui.widgets.skeleton import Skeleton
from mastra_desktop.ui.widgets.spinner import Spinner
from mastra_desktop.ui.widgets.status_bar import DOT, StatusBar
from mastra_desktop.ui.widgets.switch import Switch
from mastra_desktop.ui.widgets.tile import Tile
from mastra_desktop.ui.widgets.toast import ToastArea
from tests.ui.kit import RESOURCES, Row, RowsModel

Place = Callable[[str, QWidget | QLayout], None]


def _block(column: QVBoxLayout) -> Place:
    def place(title: str, content: QWidget | QLayout) -> None:
        if title:
            label = QLabel(title)
            label.setProperty("role", "label")
            column.addWidget(label)
        if isinstance(content, QWidget):
            column.addWidget(content)
        else:
            column.addLayout(content)
        column.addSpacing(10)

    return place


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(12)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch()
    return row


def _focus(widget: QWidget) -> None:
    """Draw a widget as if Tab had reached it; a sheet has more than one such widget."""
    QApplication.sendEvent(widget, QFocusEvent(QFocusEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason))


def controls(theme: ThemeController, icons: Icons, place: Place) -> None:
    grid = QGridLayout()
    grid.setSpacing(8)
    variants: list[Variant] = ["primary", "secondary", "quiet", "dangerOutline", "danger"]
    for line, variant in enumerate(variants):
        plain, with_icon, off, wait = (Button("Save", theme, icons, variant) for _ in range(4))
        with_icon.set_icon("plus")
        off.setEnabled(False)
        wait.set_loading(True)
        focused = Button("Save", theme, icons, variant)
        focused.setObjectName("ringed")
        for at, button in enumerate((plain, with_icon, focused, off, wait)):
            grid.addWidget(button, line, at)
    place("Buttons: plain, icon, focus, disabled, loading", grid)
    sizes = [Button("Large", theme, icons, "primary", "large"), Button("Small", theme, icons, size="small")]
    on = IconButton("panel-right", "Details", theme, icons, "Ctrl+I")
    on.setCheckable(True)
    on.setChecked(True)
    place(
        "",
        _row(
            *sizes,
            Button("Mini", theme, icons, size="mini"),
            IconButton("search", "Search", theme, icons),
            on,
        ),
    )
    fields = QGridLayout()
    fields.setSpacing(12)
    empty, focused_line, wrong, off_line = (QLineEdit() for _ in range(4))
    empty.setPlaceholderText("For example 60")
    focused_line.setText("60")
    focused_line.setObjectName("focusedField")
    wrong.setText("6o")
    off_line.setText("Set by your team")
    off_line.setEnabled(False)
    bad = FormField("Error", wrong)
    bad.set_error("Enter a whole number from 1 to 600.")
    fields.addWidget(FormField("Default", empty), 0, 0)
    fields.addWidget(FormField("Focus", focused_line), 0, 1)
    fields.addWidget(bad, 1, 0)
    fields.addWidget(FormField("Disabled", off_line, "Ask your administrator."), 1, 1)
    combo, spin = QComboBox(), NumberField(0, 90_000, " a minute")
    combo.addItems(["Built-in model, on this computer", "Other"])
    spin.setValue(60)
    fields.addWidget(combo, 2, 0)
    fields.addWidget(spin, 2, 1)
    place("Fields", fields)
    search = SearchField("Search chats", theme, icons, "Ctrl+F")
    place("", search)
    found = SearchField("Search chats", theme, icons, "Ctrl+F")
    found.setText("ledger")
    place("", found)
    yes, no = Switch(theme, "On"), Switch(theme, "Off")
    yes.setChecked(True)
    dead = Switch(theme, "Disabled")
    dead.setEnabled(False)
    check, box, radio, other = (
        QCheckBox("Checked"),
        QCheckBox("Empty"),
        QRadioButton("Chosen"),
        QRadioButton("Other"),
    )
    check.setChecked(True)
    radio.setChecked(True)
    place("Switch, checkbox, radio, slider, segments, chips", _row(yes, no, dead))
    place("", _row(check, box, radio, other))
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setValue(40)
    bar = QProgressBar()
    bar.setTextVisible(False)
    bar.setValue(64)
    place("", slider)
    place("", bar)
    segments = Segmented([("hybrid", "Hybrid"), ("meaning", "Meaning"), ("words", "Words")], "Mode", theme)
    place("", _row(segments, Chip("Neutral", theme, icons), Chip("Accent", theme, icons, "accent")))
    place(
        "",
        _row(
            Chip("Ready", theme, icons, "success", "circle-check"),
            Chip("Test", theme, icons, "info", "info"),
            Chip("Waiting", theme, icons, "warn", "hand"),
            Chip("Failed", theme, icons, "danger", "circle-x"),
        ),
    )
    place("", _row(Kbd("Ctrl+K"), Kbd("Enter"), Kbd("#"), Spinner(theme), *(_tiles(theme, icons))))


def _tiles(theme: ThemeController, icons: Icons) -> list[QWidget]:
    return [
        Tile(theme, icons, "petrol", "cpu"),
        Tile(theme, icons, "rose", letter="R", size=28),
        Tile(theme, icons, "iris", "book-open", size=24),
    ]


def lists(theme: ThemeController, icons: Icons, place: Place) -> None:
    view = SectionList("Chats", theme, icons)
    model = RowsModel(
        [
            Row("Pinned", kind="section", icon="pin"),
            Row("Refund latency after 09:10 deploy", "a", "now", "Waiting for your approval", "hand", "warn"),
            Row("Quarterly spend by cost centre that is long", "b", "09:12", "Finance Reader", unread=True),
            Row("Today", kind="section"),
            Row("Parse VPN gateway logs", "c", "10:31", "Writing…", busy=True),
            Row(
                "Reconcile settlement file",
                "d",
                "Tue",
                "Stopped: database unreachable",
                "circle-alert",
                "danger",
            ),
            Row(
                "The ledger lock",
                "e",
                "Mon",
                "…takes the ledger lock before",
                title_marks=[(4, 6)],
                note_marks=[(11, 6)],
            ),
            Row("数据库连接超时的原因", "f", "Sun", "内置模型"),
        ]
    )
    view.setModel(model)
    view.set_selected_id("a")
    view.setCurrentIndex(view.index_of("d"))
    view.setObjectName("chatList")
    view.setFixedHeight(400)
    surface = QWidget()
    surface.setProperty("surface", "base")
    surface.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    inside = QVBoxLayout(surface)
    inside.setContentsMargins(0, 6, 0, 6)
    inside.addWidget(view)
    inside.addWidget(Skeleton(theme, 1))
    place("List rows", surface)
    pages = SectionList("Pages", theme, icons, one_line=True)
    pages.setModel(
        RowsModel(
            [
                Row("Models", kind="section"),
                Row("Providers", "p", icon="plug-zap"),
                Row("Local models", "l", icon="cpu"),
            ]
        )
    )
    pages.set_selected_id("p")
    pages.setFixedHeight(110)
    place("", pages)
    tabs = QTabBar()
    for name in ("Details", "Files", "Trace"):
        tabs.addTab(name)
    place("", tabs)
    card = Card()
    card.column.addWidget(
        EmptyState(theme, icons, "library", "No collections yet", "Drop a folder.", "New collection")
    )
    place("Empty state", card)
    area = QPlainTextEdit("Plain text\n" * 12)
    area.setFixedHeight(90)
    place("", area)


def composers(theme: ThemeController, icons: Icons, place: Place) -> None:
    idle = Composer(theme, icons, "Ask anything, or drop files here")
    model = PickerButton("Model", theme, icons, "cpu")
    model.setObjectName("modelPicker")
    model.set_items(
        [
            PopupItem(
                "local/default", "Qwen2.5 Coder 0.5B", "on this computer", "This computer", checked=True
            ),
            *(
                PopupItem(f"work/{n}", f"gpt-4.1-{n}", "Work", "Over the network")
                for n in ("mini", "nano", "base")
            ),
            PopupItem("work/off", "o4-mini", "no key yet", "Over the network", enabled=False),
            *(PopupItem(f"lab/{n}", f"claude-{n}", "Lab", "Lab") for n in range(5)),
        ]
    )
    idle.add_widget(IconButton("paperclip", "Attach", theme, icons))
    idle.add_widget(model)
    idle.add_widget(Switch(theme, "Knowledge"))
    idle.set_estimate("≈ 820 tokens")
    place("Composer: idle, written, busy with a queue", idle)
    written = Composer(theme, icons)
    written.setObjectName("writtenComposer")
    written.set_text("\n".join(f"Line {n} of a longer question" for n in range(1, 11)))
    place("", written)
    busy = Composer(theme, icons, "Type your next message while the reply is being written")
    busy.set_busy(True)
    busy.set_queued([("1", "And what about Tuesday? " * 8)])
    place("", busy)


def sheet(theme: ThemeController, icons: Icons) -> QWidget:
    """The kit without overlays."""
    window = QWidget()
    window.setProperty("surface", "content")
    window.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    window.resize(1440, 1000)
    rail = Rail(theme, icons)
    for name, label, icon in (
        ("chat", "Chat", "message-square"),
        ("agents", "Agents", "boxes"),
        ("knowledge", "Knowledge", "library"),
        ("workflows", "Workflows", "workflow"),
        ("metrics", "Metrics", "activity"),
    ):
        rail.add_item(name, label, icon, "Ctrl+1")
    rail.add_item("settings", "Settings", "settings", "Ctrl+,", bottom=True)
    rail.select("chat")
    rail.set_badge("workflows", 1, "1 approval waiting")
    status = StatusBar(theme, icons)
    for name in ("where", "model"):
        status.add_left(name)
    for name in ("wait", "cpu", "health"):
        status.add_right(name, clickable=True)
    status.set_item("where", "Private: this model runs on this computer", "shield-check", "success")
    status.set_item("model", "Qwen3 8B loaded", "cpu", detail="5.1 GB")
    status.set_item("wait", "2 approvals waiting", "hand", "warn")
    status.set_item("cpu", "CPU 34%")
    status.set_item("health", "4 of 6 healthy", DOT, "warn")
    outer = QVBoxLayout(window)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.setSpacing(0)
    body = QHBoxLayout()
    body.addWidget(rail)
    for part in (controls, lists, composers):
        column = QVBoxLayout()
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(6)
        part(theme, icons, _block(column))
        column.addStretch()
        body.addLayout(column, 1)
    outer.addLayout(body)
    outer.addWidget(status)
    return window


def draw(app: QApplication, mode: ThemeMode, out: Path, text_scale: float = 1.0) -> None:
    theme = ThemeController(RESOURCES, mode=mode, text_scale=text_scale)
    theme.apply(app)
    icons = Icons(theme)
    name = mode if text_scale == 1.0 else f"{mode}-{round(text_scale * 100)}"
    window = sheet(theme, icons)
    window.show()
    QTest.qWaitForWindowActive(window)
    for button in window.findChildren(Button, "ringed"):
        _focus(button)
    view = window.findChild(SectionList)
    assert view is not None
    view.setFocus()
    QTest.qWait(50)
    window.grab().save(str(out / f"kit-{name}.png"))

    toasts = ToastArea(window, theme, icons)
    toasts.show_toast("Agent saved", "Version 15 is in use now.", "success")
    toasts.show_toast("Chat deleted", "", "info", "Undo")
    toasts.show_toast("Could not save agent", "Disk is full: 0 MB left.", "danger", "Try again")
    picker = window.findChild(PickerButton, "modelPicker")
    assert picker is not None
    picker.open_list()
    menu = QMenu(window)
    menu.addAction(icons.icon("pin", active_color="text.onAccent"), "Unpin chat")
    menu.addAction(icons.icon("folder", active_color="text.onAccent"), "Move to folder")
    menu.addSeparator()
    menu.addAction(icons.icon("trash", "danger.fg", active_color="text.onAccent"), "Delete chat").setShortcut(
        "Del"
    )
    menu.ensurePolished()
    menu.setActiveAction(menu.actions()[0])
    menu.popup(window.mapToGlobal(QPoint(600, 500)))
    QTest.qWait(50)
    menu.grab().save(str(out / f"menu-{name}.png"))
    menu.close()
    window.activateWindow()
    QTest.qWaitForWindowActive(window)
    window.grab().save(str(out / f"popover-{name}.png"))
    if picker.popup is not None:
        picker.popup.close_popover()
    text = (
        "Six models turn off, and two agents switch to Qwen3 8B. The key is deleted from the system keyring."
    )
    dialog = ConfirmDialog(
        window, theme, icons, "Remove the OpenAI key?", text, "Remove key", "Keep key", danger=True
    )
    dialog.open()
    QTest.qWait(50)
    window.grab().save(str(out / f"dialog-{name}.png"))
    window.close()


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    app = QApplication(sys.argv[:1])
    draw(app, "dark", out)
    draw(app, "light", out)
    draw(app, "light", out, 1.5)


if __name__ == "__main__":
    main()
