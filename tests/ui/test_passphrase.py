"""The encrypted file of keys in the window, where there is no keyring."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from mastra_desktop.paths import Paths
from mastra_desktop.store.passphrase_file import PassphraseFile
from mastra_desktop.ui.panes.passphrase_dialog import PassphraseDialog
from mastra_desktop.ui.panes.settings_key import KeyControls
from tests.fakes import ScriptedProvider
from tests.ui.desk import SERVER, Desk

WORDS = "planted heron bicycle 0042"
KEY = "sk-planted-0123456789abcdef"


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(keys=(KEY,)) as provider:
        yield provider


def shown(desk: Desk) -> PassphraseDialog:
    def found() -> PassphraseDialog | None:
        dialogs = desk.window.findChildren(PassphraseDialog)
        return next((d for d in dialogs if d.isVisible()), None)

    desk.wait(found)
    dialog = found()
    assert dialog is not None
    return dialog


def gone(desk: Desk) -> None:
    desk.wait(lambda: not any(d.isVisible() for d in desk.window.findChildren(PassphraseDialog)))


def press(parent: QWidget, name: str) -> None:
    button = next(b for b in parent.findChildren(QPushButton, name) if b.isVisible())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def key_row(desk: Desk) -> KeyControls:
    """Of the stand-in, in Settings, once it knows where keys are kept."""
    desk.window.show_page("settings")
    settings = desk.window.pages.settings
    assert settings is not None
    desk.wait(lambda: SERVER in settings.providers.provider_rows)
    settings.providers.choose(SERVER)
    desk.wait(settings.providers.server.key.store.isVisible)
    return settings.providers.server.key


def locked(home: Paths) -> None:
    """A file of keys as an earlier run left it, with the stand-in's key."""
    file = PassphraseFile(home.home / "keys.encrypted")
    file.unlock(WORDS)
    file.set(SERVER, KEY)


@pytest.mark.slow
def test_a_file_is_made_and_takes_the_keys(desk: Desk) -> None:
    """Twice the same passphrase, with a hint how strong it is; keys of this run move into the file, and the
    window says where they are. Nothing of it gets into the log."""
    desk.open()
    desk.ask_core(lambda core: core.keys.set(SERVER, KEY))
    row = key_row(desk)
    assert row.store.words.text().startswith("Keys are kept until you quit: no system keyring was found.")
    press(row, "keyFileButton")
    dialog = shown(desk)
    assert dialog.passphrase.hasFocus()
    QTest.keyClicks(dialog.passphrase, "aaaaaaaaa")
    assert dialog.passphrase.accessibleDescription().startswith("Very weak")
    dialog.passphrase.selectAll()
    QTest.keyClicks(dialog.passphrase, WORDS)
    assert dialog.passphrase.accessibleDescription() == "Strong."
    QTest.keyClicks(dialog.again, "something else")
    QTest.keyClick(dialog.again, Qt.Key.Key_Return)
    assert dialog.again.accessibleDescription() == "This is not the same."
    dialog.again.selectAll()
    QTest.keyClicks(dialog.again, WORDS)
    press(dialog, "passphraseAccept")
    gone(desk)
    desk.wait(lambda: "file encrypted under a passphrase" in row.words.text())
    desk.wait(lambda: not row.store.isVisible())
    assert PassphraseFile(desk.home.home / "keys.encrypted").exists
    desk.close()
    assert not [secret for secret in (WORDS, KEY) if secret in desk.log()]


@pytest.mark.slow
def test_the_next_start_asks_when_a_key_is_needed(desk: Desk) -> None:
    """A wrong passphrase says so and the dialog stays; the right one lets the provider answer."""
    locked(desk.home)
    desk.open("normal")
    desk.send("Hello")
    dialog = shown(desk)
    QTest.keyClicks(dialog.passphrase, "wrong")
    QTest.keyClick(dialog.passphrase, Qt.Key.Key_Return)
    desk.wait(lambda: "does not open" in dialog.passphrase.accessibleDescription())
    assert dialog.isVisible()
    QTest.keyClicks(dialog.passphrase, WORDS)  # the wrong one is selected
    QTest.keyClick(dialog.passphrase, Qt.Key.Key_Return)
    gone(desk)
    desk.wait(lambda: desk.turns)
    desk.settle()
    assert "quick" in desk.ask("Again").text
    assert desk.server.chats[-1].headers["authorization"].endswith(KEY)


@pytest.mark.slow
def test_one_can_go_on_without(desk: Desk) -> None:
    """ "Use without" closes it for this run; Settings says that the file is locked and offers to unlock it."""
    locked(desk.home)
    desk.open("normal")
    desk.send("Hello")
    press(shown(desk), "passphraseReject")
    gone(desk)
    desk.wait(lambda: desk.turns)
    desk.settle()
    row = key_row(desk)
    assert row.store.words.text().startswith("The encrypted file of keys is locked.")
    assert not any(d.isVisible() for d in desk.window.findChildren(PassphraseDialog))
    press(row, "keyFileButton")
    dialog = shown(desk)
    assert not dialog.again.isVisible()
    QTest.keyClicks(dialog.passphrase, WORDS)
    press(dialog, "passphraseAccept")
    gone(desk)
    desk.wait(lambda: row.words.text().startswith("Ends with …cdef. Kept in: file encrypted"))


def test_it_waits_while_somebody_types(desk: Desk) -> None:
    """A passphrase that is needed in the middle of a sentence is asked for after it: no letter of the one gets
    into the other."""
    locked(desk.home)
    desk.open("normal")
    desk.ask_core(lambda core: core.keys.state(SERVER))  # looks for the key
    for letter in "a sentence that is being written":
        desk.write(letter)
        QTest.qWait(30)
    assert not desk.window.findChildren(PassphraseDialog)
    assert desk.window.chat.view.composer.text() == "a sentence that is being written"
    assert shown(desk).passphrase.hasFocus()
    assert desk.window.chat.view.composer.text() == "a sentence that is being written"


def test_tab_stays_inside(desk: Desk) -> None:
    """Keys reach every part of the dialog and nothing behind it; Esc is the same as going on without."""
    locked(desk.home)
    desk.open("normal")
    desk.send("Hello")
    dialog = shown(desk)
    desk.window.chat.view.composer.setFocus()  # as the chat behind does when its conversation begins
    seen = []
    for _ in range(5):
        focused = QApplication.focusWidget()
        assert focused is not None
        seen.append(focused.objectName())
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    buttons = ["passphraseReject", "passphraseAccept"]
    assert seen == ["passphrase", "passphraseEye", *buttons, "passphrase"]
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    gone(desk)
    desk.wait(lambda: desk.turns)
    desk.settle()
