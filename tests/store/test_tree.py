"""Random turns, tries and selections against a model of a few lines."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mastra_desktop.store import conversations, messages
from mastra_desktop.store.engines import make_engines
from tests.store.conftest import make_empty
from tests.store.turns import begin, new_conversation

STEPS = st.lists(
    st.tuples(st.sampled_from(["turn", "turn", "edit", "try", "select"]), st.integers(0, 1 << 16)),
    max_size=30,
)


class Model:
    """The tree as a dict from id to parent, in order of writing."""

    def __init__(self) -> None:
        self.parents: dict[str, str | None] = {}
        self.leaf: str | None = None

    def add(self, id: str, parent: str | None) -> None:
        self.parents[id] = parent
        self.leaf = id

    def path(self, id: str | None) -> list[str]:
        found = []
        while id is not None:
            found.append(id)
            id = self.parents[id]
        return found[::-1]

    def siblings(self, id: str) -> tuple[str, ...]:
        same = tuple(other for other, parent in self.parents.items() if parent == self.parents[id])
        return same if len(same) > 1 else ()

    def newest_below(self, id: str) -> str:
        return [other for other in self.parents if id in self.path(other)][-1]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.integers(1, 7))
def test_tree_behaves_like_the_model(steps: list[tuple[str, int]], page_size: int) -> None:
    """After any steps the branch in view, its pages, siblings and leaf are those of the model."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder)}/mastra.db"
        asyncio.run(make_empty(url))
        engines = make_engines(url, read_only=False)
        model = Model()
        with engines.writer.connect() as conn, conn.begin():
            new_conversation(conn)
            for n, (step, pick) in enumerate(steps):
                ids = list(model.parents)
                prompts = [id for id in ids if id.startswith("u")]
                if step == "turn" or not ids:
                    parent = model.leaf
                    begin(conn, n, parent)
                elif step == "select":
                    id = ids[pick % len(ids)]
                    model.leaf = messages.select_branch(conn, id)
                    assert model.leaf == model.newest_below(id)
                    continue
                elif step == "edit":
                    parent = model.parents[prompts[pick % len(prompts)]]
                    begin(conn, n, parent)
                else:
                    prompt = prompts[pick % len(prompts)]
                    messages.begin_try(conn, user_message_id=prompt, answer_id=f"a{n}", model_id="m", now=2.0)
                    model.add(f"a{n}", prompt)
                    continue
                model.add(f"u{n}", parent)
                model.add(f"a{n}", f"u{n}")
            expected = model.path(model.leaf)
            assert conversations.get(conn, "c").leaf_id == model.leaf
            whole = messages.path_page(conn, "c", limit=1000)
            assert [m.id for m in whole] == expected
            assert [m.sibling_ids for m in whole] == [model.siblings(id) for id in expected]
            assert [m.depth for m in whole] == list(range(len(expected)))
            for depth in range(len(expected) + 2):
                page = messages.path_page(conn, "c", before_depth=depth, limit=page_size)
                assert page == whole[:depth][-page_size:]
        engines.dispose()
