"""The bus between services and whoever shows things."""

from __future__ import annotations

from mastra_desktop.domain.events import BusEvent, ConversationChanged, ProvidersChanged
from mastra_desktop.ops.bus import Bus


def test_events_reach_subscribers_in_order() -> None:
    """Each subscriber hears each event, until it unsubscribes, which can be done twice."""
    bus = Bus()
    first: list[BusEvent] = []
    second: list[BusEvent] = []
    leave = bus.subscribe(first.append)
    bus.subscribe(second.append)
    bus.publish(ConversationChanged("a"))
    leave()
    leave()
    bus.publish(ProvidersChanged())
    assert first == [ConversationChanged("a")]
    assert second == [ConversationChanged("a"), ProvidersChanged()]


def test_a_failing_subscriber_fails_nobody_else() -> None:
    """The publisher and the other subscribers go on when one raises, or leaves while it is told."""
    bus = Bus()
    heard: list[BusEvent] = []

    def fail(event: BusEvent) -> None:
        leave()
        raise ZeroDivisionError

    leave = bus.subscribe(fail)
    bus.subscribe(heard.append)
    bus.publish(ProvidersChanged())
    bus.publish(ProvidersChanged())
    assert len(heard) == 2


def test_the_same_callback_twice() -> None:
    """Two subscriptions of one callback are two, and end one by one."""
    bus = Bus()
    heard: list[BusEvent] = []
    leave = bus.subscribe(heard.append)
    bus.subscribe(heard.append)
    leave()
    bus.publish(ProvidersChanged())
    assert len(heard) == 1
