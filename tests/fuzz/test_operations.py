"""Every operation of every service, with random input: shaped as its model says, with hostile values in it.

`make fuzz EXAMPLES=100000` runs it for longer, with new examples each time.
"""

import os
import re

import pytest
from botocore.model import OperationModel
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from tests.fuzz.fuzzed_simulator import Fuzzed
from tests.fuzz.judgement import NOT_SIMULATED, complaints, parsed
from tests.fuzz.models import SERVICES, operations
from tests.fuzz.names import Names
from tests.fuzz.values import Values
from tests.fuzz.wire import CBOR, Request, written

MAKING = re.compile("Create|Put|Register|Start|Add|Subscribe|Publish|Send|Update")
REMOVING = re.compile("Delete|Remove|Deregister|Unsubscribe|Purge|Cancel|Abort")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4000"))
TOO_LONG = b"<Message>Got more than 65536 bytes when reading: "  # a request line: nobody reads what it is for
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
NAMES = Names()


def _order(operation: OperationModel) -> int:
    """What makes something goes first, what removes it last, so that there is something in between."""
    return 0 if MAKING.match(operation.name) else 2 if REMOVING.match(operation.name) else 1


ALL = [each for service in SERVICES for each in sorted(operations(service), key=_order)]
IDS = [f"{each.service_model.service_name}-{each.name}" for each in ALL]
IN_TURN = settings(max_examples=max(1, EXAMPLES // 2 // len(ALL)), phases=PHASES, print_blob=True)
AT_RANDOM = settings(IN_TURN, max_examples=max(1, EXAMPLES // 2 // len(SERVICES)))


@st.composite
def requests(draw: st.DrawFn, operation: OperationModel) -> Request:
    """Requests for an operation: most are nearly right, some are not at all."""
    hostile = draw(st.sampled_from([0, 0, 0, 2, 10, 40]))
    service = operation.service_model.service_name
    members = Values(draw, service, NAMES, hostile).input(operation)
    return written(operation, members, cbor=service == "kinesis" and draw(st.integers(0, 3)) == 3)


@pytest.mark.parametrize("operation", ALL, ids=IDS)
def test_every_operation(simulator: Fuzzed, operation: OperationModel) -> None:
    if ask(simulator, operation, written(operation, {})) == NOT_SIMULATED:
        return

    @IN_TURN
    @given(requests(operation))
    def asked(request: Request) -> None:
        ask(simulator, operation, request)

    asked()


@pytest.mark.parametrize("service", SERVICES)
def test_operations_in_any_order(simulator: Fuzzed, service: str) -> None:
    simulated = [
        each for each in operations(service) if ask(simulator, each, written(each, {})) != NOT_SIMULATED
    ]
    pairs = st.sampled_from(simulated).flatmap(lambda each: st.tuples(st.just(each), requests(each)))

    @AT_RANDOM
    @given(pairs)
    def asked(pair: tuple[OperationModel, Request]) -> None:
        ask(simulator, *pair)

    asked()


def ask(simulator: Fuzzed, operation: OperationModel, request: Request) -> int:
    """Send a request, judge the answer, and return its status."""
    answer = simulator.send(request)
    if answer.status == 400 and TOO_LONG in answer.body:
        return answer.status
    if found := list(complaints(operation, answer)):
        note(request.shown(3_000))
        simulator.fail(f"{operation.name}: {'; '.join(found)}\n{answer!r:.3000}")
    is_cbor = answer.headers.get("content-type") == CBOR
    if answer.status < 300 and not is_cbor and not operation.has_event_stream_output:
        NAMES.learn(parsed(operation, answer))
    return answer.status
