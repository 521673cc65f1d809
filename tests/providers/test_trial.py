"""The connection test's question whether a model calls tools."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from mastra_desktop.domain.models import ProviderTest
from mastra_desktop.providers.streaming import HttpProvider
from tests.fakes import Script, ScriptedProvider, status_script
from tests.providers.asking import run

CALL = Script(tool_calls=(("call_1", "current_time", '{"city": "Paris"}'),))
WORDS = Script(("It ", "is ", "noon."))
BROKEN = Script(tool_calls=(("call_1", "current_time", '{"city": '),))


async def _test(provider: HttpProvider) -> ProviderTest:
    return await provider.test()


async def _quick_test(provider: HttpProvider) -> ProviderTest:
    return await provider.test(tools=False)


def told(*scripts: Script, models: Iterable[str] = ("normal",)) -> tuple[ProviderTest, list[str]]:
    """The result, and how each question put the choice."""
    with ScriptedProvider(scripts, models=tuple(models)) as server:
        found = run(server, "openai-compatible", _test)
        return found, [str(chat.body.get("tool_choice", "")) for chat in server.chats]


@pytest.mark.parametrize(
    ("answers", "tools", "choices"),
    [
        ((CALL,), True, ["required"]),
        ((WORDS,), False, ["required"]),
        ((BROKEN,), False, ["required"]),
        ((status_script(400, "no tools"), CALL), True, ["required", "auto"]),
        ((status_script(400, "no tools"),), False, ["required", "auto"]),
        ((status_script(404, "No endpoints found that support tool use"),), False, ["required", "auto"]),
        ((status_script(500, "tools param requires --jinja flag"),), False, ["required", "auto"]),
        ((status_script(503),), None, ["required"]),
        ((status_script(429, "slow down"),), None, ["required"]),
    ],
    ids=["called", "words", "unparsable", "only-auto", "400", "404", "500-about-tools", "503", "429"],
)
def test_it_tells_whether_a_tool_is_called(
    answers: tuple[Script, ...], tools: bool | None, choices: list[str]
) -> None:
    """A model that cannot is no failure; a server in trouble leaves the question open."""
    found, asked = told(WORDS, *answers)
    assert (found.error, found.tools, asked) == ("", tools, ["", *choices])


def test_it_says_which_of_several_models_it_asked() -> None:
    """The first one answers for all."""
    found, _ = told(WORDS, CALL, models=("one", "two"))
    assert (found.model_names, found.asked) == (("one", "two"), "one")


def test_a_quick_test_asks_once() -> None:
    """Where only the key or the connection matters, tools are not tried."""
    with ScriptedProvider() as server:
        found = run(server, "openai-compatible", _quick_test)
        assert (found.error, found.tools, len(server.chats)) == ("", None, 1)
