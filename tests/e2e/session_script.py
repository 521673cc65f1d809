"""A session for test_kill: asks without end, and prints each step that was acknowledged, flushed.

`python -m tests.e2e.session_script HOME`. Lines: `user <id> <conversation>` when the prompt is stored,
`text <answer id> <characters so far> <monotonic seconds>` as pieces arrive, `settled <answer id>`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from mastra_desktop.domain.replies import ReplyFinished, ReplyStarted, TextDelta
from tests.cores import core_over


async def main(home: Path) -> None:
    async with core_over(home, "ask") as core:
        conversation_id = None
        for turn in range(1_000_000):
            answer_id, length = "", 0
            async for event in core.chat.reply(
                f"Question {turn}", conversation_id=conversation_id, model_id="work/normal"
            ):
                match event:
                    case ReplyStarted():
                        answer_id = event.message_id
                        conversation_id = event.conversation_id if turn % 5 else None
                        print("user", event.user_message_id, answer_id, flush=True)
                    case TextDelta(text):
                        length += len(text)
                        print("text", answer_id, length, time.monotonic(), flush=True)
                    case ReplyFinished():
                        print("settled", answer_id, length, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
