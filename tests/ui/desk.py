"""The whole window in this process: real widgets, the real engine and core, a scripted provider behind it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeVar

from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton, QWidget

from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.chat import Message
from mastra_desktop.engine import Engine
from mastra_desktop.paths import Paths
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.main_window import MainWindow
from mastra_desktop.ui.row_roles import RowRole
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.transcript import TurnView
from mastra_desktop.ui.widgets.transcript_chrome import Hot
from tests.fakes import ScriptedProvider

SERVER = "stand-in"
PATIENCE_S = 5.0
POLL_MS = 3

T = TypeVar("T")
W = TypeVar("W", bound=QWidget)


class Desk:
    """Opens windows over one data home, one after the other, and works in them as a person does."""

    def __init__(
        self,
        application: QApplication,
        loop: asyncio.AbstractEventLoop,
        home: Paths,
        server: ScriptedProvider,
    ) -> None:
        self.application, self.loop, self.home, self.server = application, loop, home, server
        self.theme = ThemeController(home.resources)
        self.icons = Icons(self.theme)
        self.theme.apply(application)
        self.window: MainWindow
        self.closed = True

    # -- opening and closing -------------------------------------------------------------------------

    def add_server(self, *models: str, extra: str = "") -> None:
        """The stand-in becomes a provider that offers these models."""
        text = f'[[providers]]\nid = "{SERVER}"\nkind = "openai-compatible"\nbase_url = "{self.server.base_url}"\n'
        self.home.config.write_text(f"{extra}\n{text}models = {json.dumps(list(models))}\n", "utf-8")

    def open(self, model: str = "", *, first_run: bool = False, started: bool = True) -> MainWindow:
        """A window that has loaded its chats; `model` of the stand-in answers."""
        if not first_run:
            self.home.database.touch()  # an empty file is an empty database, and not a first start
        self.state = QSettings(str(self.home.home / "window.ini"), QSettings.Format.IniFormat)
        self.closed = False
        self.window = MainWindow(
            self.theme, self.icons, self.state, self.home, self._engine, on_closed=self._ended, loop=self.loop
        )
        self.window.show()
        self.window.activateWindow()
        self.window.start()
        self.wait(self.window.isActiveWindow)
        if started:
            self.wait(lambda: not self.window.tasks.running("start"))
            self.wait(lambda: not self.window.tasks.running("open-conversation"))
            if model:
                self.use(model)
        return self.window

    def _engine(self) -> Engine:
        return Engine(lambda: open_core(self.home, {}, purpose="test"))

    def _ended(self) -> None:
        self.closed = True

    def close(self) -> None:
        """As with the button in the title bar; returns when everything has ended."""
        if not self.closed:
            self.window.close()
            self.wait(lambda: self.closed)
            self.window.deleteLater()
            self.pause(0)

    # -- waiting -------------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
        """Lets the window live until `condition` holds. Raises TimeoutError."""
        until = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > until:
                raise TimeoutError(f"not within {timeout_s} s; the log says:\n{self.log()}")
            QTest.qWait(POLL_MS)

    def pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        QTest.qWait(1)
        self.wait(lambda: time.monotonic() >= until)

    def ask_core(self, ask: Callable[[Core], Coroutine[object, object, T]]) -> T:
        """What the core answers, asked through the window's engine."""
        task = self.loop.create_task(self.window.call(ask))
        self.wait(task.done)
        return task.result()

    def log(self) -> str:
        """The end of what the app wrote into its log."""
        files = sorted(self.home.logs.glob("*.log"))
        return files[-1].read_text("utf-8")[-4000:] if files else ""

    # -- the composer --------------------------------------------------------------------------------

    @property
    def editor(self) -> QPlainTextEdit:
        return self.find("composer", QPlainTextEdit)

    def write(self, text: str) -> None:
        self.editor.setFocus()
        QTest.keyClicks(self.editor, text)

    def send(self, text: str) -> None:
        self.write(text)
        self.key(Qt.Key.Key_Return)

    def key(
        self,
        key: Qt.Key,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        to: QWidget | None = None,
    ) -> None:
        """A key to `to`, or to whatever has the focus."""
        QTest.keyClick(to or self.application.focusWidget() or self.window, key, modifiers)

    def use(self, model: str) -> None:
        self.window.chat.choose_model(f"{SERVER}/{model}")

    # -- the transcript ------------------------------------------------------------------------------

    @property
    def conversation(self) -> str:
        return self.window.chat.view.conversation_id

    @property
    def turns(self) -> list[TurnView]:
        return list(self.window.chat.view.transcript.turns.views)

    @property
    def last(self) -> TurnView:
        return self.turns[-1]

    def ask(self, prompt: str) -> TurnView:
        """Sends a prompt and waits for its answer to settle."""
        before = len(self.turns)
        self.send(prompt)
        self.wait(lambda: len(self.turns) == before + 2)
        return self.settle()

    def settle(self) -> TurnView:
        """The last turn once nothing runs in this conversation."""
        self.wait(lambda: not self.window.chat.view.runs.busy(self.conversation))
        self.wait(lambda: not self.last.streaming)
        return self.last

    def wait_text(self, least: int = 1) -> None:
        """Until an answer with that many characters is being written."""
        self.wait(lambda: bool(self.turns) and self.last.kind == "assistant" and len(self.last.text) >= least)

    def pressable(self, turn: TurnView) -> dict[str, Hot]:
        """What can be pressed in a turn, by its label."""
        transcript = self.window.chat.view.transcript
        areas = transcript.turns.turn(transcript.turns.index[turn.id]).hot_areas(links=True)
        return {area.label: area for area in areas}

    def press(self, turn: TurnView, label: str) -> None:
        """Clicks a button inside a turn with the mouse."""
        transcript = self.window.chat.view.transcript
        rect = self.pressable(turn)[label].rect
        top = transcript.turns.top_of(transcript.turns.index[turn.id])
        transcript.show_y(top + rect.top(), top + rect.bottom())
        at = rect.center() + QPoint(transcript.column().left(), top - transcript.scroll_y)
        QTest.mouseClick(transcript.viewport(), Qt.MouseButton.LeftButton, pos=at)

    # -- list, toasts, widgets -----------------------------------------------------------------------

    @property
    def titles(self) -> list[str]:
        """Of the rows in the list, headings left out."""
        model = self.window.chat.list.rows.model()
        indexes = [model.index(row, 0) for row in range(model.rowCount())]
        return [str(i.data()) for i in indexes if i.data(RowRole.KIND) == "row"]

    def click_row(self, title: str) -> None:
        rows = self.window.chat.list.rows
        model = rows.model()
        index = next(
            i for i in (model.index(row, 0) for row in range(model.rowCount())) if str(i.data()) == title
        )
        QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=rows.visualRect(index).center())

    def open_row(self, title: str) -> None:
        """Clicks a conversation and waits until it is shown."""
        self.click_row(title)
        self.wait(lambda: not self.window.tasks.running("open-conversation"))

    def press_toast(self, label: str) -> None:
        button = next(b for b in self.window.findChildren(QPushButton) if b.isVisible() and b.text() == label)
        button.click()

    def find(self, name: str, kind: type[W]) -> W:
        found = self.window.findChild(kind, name)
        assert found is not None, f"no {kind.__name__} is called {name}"
        return found

    def stored(self) -> Sequence[Message]:
        """The branch in view as the database has it."""
        conversation_id = self.conversation
        return self.ask_core(lambda core: core.conversations.whole(conversation_id)).messages
