"""What a configuration names as destinations, ready to be sent to."""

from random import Random

from engine.clock import Clock
from engine.invocation.destination import Destination, FunctionDestination
from engine.invocation.event import EventAcceptor
from engine.mapping.failure_destination import FailureDestination, MessageDestination
from headrace.channels import Channels
from headrace.config import Configuration
from headrace.references import resolve


class Destinations:
    """Finds destinations by name, such as `queues.failures`, or by ARN."""

    def __init__(
        self,
        configuration: Configuration,
        channels: Channels,
        acceptor: EventAcceptor,
        clock: Clock,
        chance: Random,
    ) -> None:
        self._account = configuration.account
        self._channels = channels
        self._acceptor = acceptor
        self._clock = clock
        self._chance = chance

    def of_events(self, reference: str | None) -> Destination | None:
        """Return where ended events of a function go; None for None."""
        if reference is None:
            return None
        kind, name = resolve(reference, ("functions", "queues"))
        if kind == "queues":
            return self._queue(name)
        return FunctionDestination(name, self._account.function(name), self._acceptor)

    def of_records(self, reference: str) -> FailureDestination:
        """Return where the records go that a stream's mapping gave up."""
        _, name = resolve(reference, ("queues",))
        return MessageDestination(self._queue(name))

    def _queue(self, name: str) -> Destination:
        from triggers.sqs.destination import QueueDestination

        return QueueDestination(self._channels.queues[name], self._clock, self._chance)
