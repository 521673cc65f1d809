"""What a connection test found: a green panel with facts, or a red one with cause and remedy."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.models import ProviderTest
from mastra_desktop.ui.errors import title_of
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import Icon, IconText, Panel, flow, label
from mastra_desktop.ui.theme import ThemeController


class ServerTestResult(Panel):
    """Hidden until there is a result."""

    def __init__(self, theme: ThemeController, icons: Icons) -> None:
        super().__init__(theme, radius=8, padding=(14, 11))
        self.setObjectName("testResult")
        self._theme_controller, self._icons = theme, icons
        self._mark = Icon("circle-check", theme, icons, "success.fg", 17)
        self._title = label("", "strong", wrap=True)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._mark)
        head.addWidget(self._title, 1)
        self._cause = label("", "secondary", wrap=True)
        self._remedy = label("", "small", wrap=True)
        self._facts: QWidget | None = None
        self.column.addLayout(head)
        self.column.addSpacing(5)
        for text in (self._cause, self._remedy):
            text.setContentsMargins(25, 0, 0, 0)
            self.column.addWidget(text)
        self.hide()

    def show_test(self, test: ProviderTest, host: str, *, with_key: bool) -> None:
        """The result of testing `host`; `with_key` when one was sent."""
        if test.error_code:
            self.show_error(ErrorInfo(test.error_code, test.error, test.hint))
            return
        self._show("success", "circle-check", self.tr("Connected to {host}").format(host=host))
        count = len(test.model_names)
        facts = [self.tr("Key accepted")] if with_key else []
        facts.append(self.tr("1 model found") if count == 1 else self.tr("{n} models found").format(n=count))
        ticks: list[QWidget] = [self._fact("check", fact) for fact in facts]
        if test.streams:
            ticks.append(self._fact("check", self.tr("Streaming works")))
        else:
            ticks.append(self._fact("info", self.tr("Answers come whole, not word by word"), good=False))
        if test.tools is not None:
            words = self.tr("Tools work") if test.tools else self.tr("Does not call tools")
            ticks.append(self._fact("check" if test.tools else "info", words, good=test.tools))
        if test.latency_ms is not None:
            several = self.tr("{model} answered in {n} ms")  # then it matters who did
            words = several if count > 1 and test.asked else self.tr("Answered in {n} ms")
            ticks.append(self._fact("clock", words.format(model=test.asked, n=f"{test.latency_ms:,.0f}")))
        self._facts = flow(ticks)
        self._facts.setContentsMargins(25, 0, 0, 0)
        self.column.addWidget(self._facts)
        self.setAccessibleDescription(", ".join(tick.text() for tick in self._facts.findChildren(IconText)))

    def show_error(self, error: ErrorInfo) -> None:
        self._show("danger", "circle-alert", title_of(error))
        self._cause.setText(error.message)
        self._remedy.setText(error.hint)
        self._cause.setVisible(bool(error.message))
        self._remedy.setVisible(bool(error.hint))
        self.setAccessibleDescription(f"{error.message} {error.hint}".strip())

    def text(self) -> str:
        """Everything that is shown, for whoever cannot see it."""
        return f"{self.accessibleName()}. {self.accessibleDescription()}"

    def _show(self, tone: str, icon: str, title: str) -> None:
        if self._facts is not None:
            self._facts.hide()
            self._facts.deleteLater()
            self._facts = None
        self.set_colors(f"{tone}.subtle", f"{tone}.border")
        self._mark.set(icon, f"{tone}.fg")
        self._title.setText(title)
        self._cause.hide()
        self._remedy.hide()
        self.setAccessibleName(title)
        self.show()

    def _fact(self, icon: str, text: str, *, good: bool = True) -> IconText:
        return IconText(
            icon, text, self._theme_controller, self._icons, tone="success" if good else "", size=13
        )
