"""Prompts written while a reply runs: shown above the composer, sent one after another."""

from __future__ import annotations

from itertools import count

from PySide6.QtCore import QObject, Signal

from mastra_desktop.ui.widgets.composer import Composer


class PromptQueue(QObject):
    """One queue per conversation; the composer shows that of the conversation in view."""

    send_wanted = Signal(str)  # send this text now, stopping what runs

    def __init__(self, composer: Composer) -> None:
        super().__init__(composer)
        self._composer = composer
        self._waiting: dict[str, list[tuple[str, str]]] = {}
        self._ids = count(1)
        self._in_view = ""
        composer.queued_send.connect(lambda queued_id: self.send_wanted.emit(self._take(queued_id)))
        composer.queued_edit.connect(self._edit)
        composer.queued_remove.connect(self._take)

    def show(self, conversation_id: str) -> None:
        """This conversation is in view now."""
        self._in_view = conversation_id
        self._composer.set_queued(self._waiting.get(conversation_id, []))

    def add(self, conversation_id: str, text: str) -> None:
        self._waiting.setdefault(conversation_id, []).append((f"queued-{next(self._ids)}", text))
        self.show(self._in_view)

    def next(self, conversation_id: str) -> str:
        """Takes the oldest prompt out; "" when none waits."""
        waiting = self._waiting.get(conversation_id)
        text = waiting.pop(0)[1] if waiting else ""
        self.show(self._in_view)
        return text

    def move(self, old_id: str, new_id: str) -> None:
        """A new chat got its id."""
        if old_id in self._waiting:
            self._waiting[new_id] = self._waiting.pop(old_id)

    def forget(self, conversation_id: str) -> None:
        self._waiting.pop(conversation_id, None)

    def _take(self, queued_id: str) -> str:
        waiting = self._waiting.get(self._in_view, [])
        text = next((text for key, text in waiting if key == queued_id), "")
        self._waiting[self._in_view] = [item for item in waiting if item[0] != queued_id]
        self.show(self._in_view)
        return text

    def _edit(self, queued_id: str) -> None:
        self._composer.set_text(self._take(queued_id))
        self._composer.setFocus()
