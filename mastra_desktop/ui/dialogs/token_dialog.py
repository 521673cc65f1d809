"""Make a token for the HTTP API: what it is for, what it may do, how long it lasts."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from mastra_desktop.ui.dialogs.form_dialog import FormDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.form_field import FormField


class TokenDialog(FormDialog):
    """`name`, `role` and `days` (None: it does not expire) are what was entered once it is accepted."""

    def __init__(self, window: QWidget, theme: ThemeController, icons: Icons) -> None:
        super().__init__(
            window,
            theme,
            icons,
            self.tr("New token"),
            self.tr("A program that sends it may use this app on this computer."),
            self.tr("Create"),
            self.tr("Cancel"),
        )
        self.setObjectName("tokenDialog")
        self._name = QLineEdit()
        self._name.setObjectName("tokenName")
        self._name.setMaxLength(100)
        self._name.setPlaceholderText(self.tr("My script"))
        self._role = QComboBox()
        self._role.setObjectName("tokenRole")
        for title, role in (
            (self.tr("Operator: also asks models and searches"), "operator"),
            (self.tr("Viewer: reads only"), "viewer"),
            (self.tr("Admin: everything"), "admin"),
        ):
            self._role.addItem(title, role)
        self._days = QComboBox()
        self._days.setObjectName("tokenDays")
        for title, days in (
            (self.tr("90 days"), 90),
            (self.tr("30 days"), 30),
            (self.tr("1 year"), 365),
            (self.tr("Does not expire"), 0),
        ):
            self._days.addItem(title, days)
        self.body.addWidget(FormField(self.tr("Name"), self._name, self.tr("Optional. What it is for.")))
        self.body.addWidget(FormField(self.tr("Role"), self._role))
        self.body.addWidget(FormField(self.tr("Lasts"), self._days))

    @property
    def name(self) -> str:
        return self._name.text().strip()

    @property
    def role(self) -> str:
        return str(self._role.currentData())

    @property
    def days(self) -> float | None:
        return float(self._days.currentData()) or None
