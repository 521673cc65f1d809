"""The one owner of the window's coroutines."""

from __future__ import annotations

import asyncio

import pytest

from mastra_desktop.ui.tasks import Tasks


def test_a_key_runs_one_task_at_a_time() -> None:
    """Starting under a key cancels what ran under it, and leaves other keys alone."""

    async def main() -> list[str]:
        said: list[str] = []

        async def work(name: str) -> None:
            try:
                await asyncio.sleep(0.02)
                said.append(name)
            except asyncio.CancelledError:
                said.append(f"{name} cancelled")
                raise

        tasks = Tasks(asyncio.get_running_loop(), lambda error: said.append(str(error)))
        tasks.start(work("first"), key="list")
        tasks.start(work("other"), key="models")
        await asyncio.sleep(0)
        tasks.start(work("second"), key="list")
        await asyncio.sleep(0.1)
        assert not tasks.running("list")
        return said

    assert sorted(asyncio.run(main())) == ["first cancelled", "other", "second"]


def test_an_error_is_reported_and_a_cancel_is_not() -> None:
    """What a task raises reaches `report`; being cancelled is no error."""

    async def main() -> list[BaseException]:
        errors: list[BaseException] = []
        tasks = Tasks(asyncio.get_running_loop(), errors.append)

        async def fail() -> None:
            raise ValueError("broken")

        async def wait() -> None:
            await asyncio.sleep(9)

        tasks.start(fail())
        tasks.start(wait(), key="wait")
        await asyncio.sleep(0)
        await tasks.cancel_and_wait("wait")
        await asyncio.sleep(0)
        return errors

    (error,) = asyncio.run(main())
    assert str(error) == "broken"


def test_cancel_all_waits_for_the_clean_up() -> None:
    """Everything but the caller's own task has cleaned up when it returns."""

    async def main() -> list[str]:
        done: list[str] = []
        tasks = Tasks(asyncio.get_running_loop(), lambda error: done.append(str(error)))

        async def work() -> None:
            try:
                await asyncio.sleep(9)
            finally:
                await asyncio.sleep(0.01)
                done.append("cleaned up")

        async def close() -> None:
            await tasks.cancel_all()
            done.append("closed")

        tasks.start(work())
        tasks.start(work(), key="named")
        await asyncio.sleep(0)
        tasks.start(close(), key="close")
        await asyncio.sleep(0.1)
        return done

    assert asyncio.run(main()) == ["cleaned up", "cleaned up", "closed"]


def test_a_renamed_task_is_found_under_its_new_key() -> None:
    """A new chat's reply goes on under the id that the chat got."""

    async def main() -> tuple[bool, bool]:
        tasks = Tasks(asyncio.get_running_loop(), lambda error: pytest.fail(str(error)))

        async def wait() -> None:
            await asyncio.sleep(9)

        tasks.start(wait(), key="run:")
        tasks.rename("run:", "run:42")
        found = tasks.running("run:"), tasks.running("run:42")
        await tasks.cancel_all()
        return found

    assert asyncio.run(main()) == (False, True)
