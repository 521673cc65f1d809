"""Whether answers draw on knowledge, and on which collections: a switch and a list to tick."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.popup_list import PopupItem, PopupList
from mastra_desktop.ui.widgets.switch import Switch


class KnowledgeSwitch(QWidget):
    """Hidden while there is nothing to choose from. It shows what it is told and changes nothing itself."""

    switched = Signal(bool)  # by the person
    ticked = Signal(str)  # the id of a collection to add or take out

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons
        self._items: tuple[PopupItem, ...] = ()
        self._popup: PopupList | None = None
        self.switch = Switch(theme, self.tr("Knowledge"))
        self.switch.setObjectName("knowledgeSwitch")
        self.switch.clicked.connect(self.switched)
        self.choose = IconButton(
            "chevron-down", self.tr("Choose collections"), theme, icons, size=24, icon_size=14
        )
        self.choose.setObjectName("knowledgeCollections")
        self.choose.clicked.connect(self.open_list)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.switch)
        row.addWidget(self.choose)
        self.hide()

    @property
    def popup(self) -> PopupList | None:
        """The open list."""
        return self._popup

    def set_items(self, items: Sequence[PopupItem]) -> None:
        """The collections; the checked ones are drawn on."""
        self._items = tuple(items)
        names = ", ".join(item.title for item in items if item.checked)
        tip = self.tr("Answers draw on {names}") if names else self.tr("Answers draw on no collection")
        self.switch.setChecked(bool(names))
        self.switch.setToolTip(tip.format(names=names))
        self.switch.setAccessibleDescription(self.switch.toolTip())
        self.setVisible(bool(items))

    def open_list(self) -> None:
        """The collections with check marks; it stays open while they are ticked."""
        if self._popup is not None or not self._items:
            return
        label = self.tr("Collections")
        self._popup = PopupList(self.choose, self._items, label, self._theme, self._icons, multiple=True)
        self._popup.chosen.connect(self.ticked)
        self._popup.closed.connect(self._closed)
        self._popup.open_popover()

    def _closed(self) -> None:
        self._popup = None
