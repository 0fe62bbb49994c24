"""Measure everything and print a table; exit status 1 when a target is missed.

These figures are for people: nothing in the tests depends on the speed of a machine.
"""

import asyncio
import http.client
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench import bare, bare_drain, endpoint_load, mappings
from bench.simulator_process import SimulatorProcess, drop
from bench.stolen_time import disturbance, undisturbed

INVOKE = "/2015-03-31/functions/{}/invocations"
CLIENTS = 16
RUNS = 3  # of what is measured as a rate: the machine's own speed changes from second to second
WAITING, BACKLOG = 30_000, 1_000_000  # messages


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `at_most` says which side of the target is good."""

    name: str
    value: float
    unit: str
    target: float
    at_most: bool
    remarks: str

    @property
    def met(self) -> bool:
        return self.value <= self.target if self.at_most else self.value >= self.target

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        verdict = "ok    " if self.met else "MISSED"
        figure = f"{self.value:>9.1f} {self.unit:<5} {sign} {self.target:>7g}"
        return f"{verdict}  {self.name:<44} {figure}   {self.remarks}"


def median(measured: Callable[[], float]) -> float:
    """Return the median of several runs."""
    return statistics.median(undisturbed(measured) for _ in range(RUNS))


def file_drops(simulator: SimulatorProcess, count: int = 200) -> float:
    """Median milliseconds from the beginning of writing a file to the handler's first statement."""
    known = len(simulator.stamps())
    drop(simulator.folder / "inbox" / f"warm-up-{known}", b"x")
    simulator.wait_for_stamps(known + 1)
    before = {}
    for number in range(count):
        key = f"drop-{known}-{number}"
        before[key] = drop(simulator.folder / "inbox" / key, b"x" * 1000)
        while key not in simulator.stamps():
            time.sleep(0.0005)
        time.sleep(0.005)
    stamps = simulator.stamps()
    return statistics.median(stamps[key] - moment for key, moment in before.items()) / 1e6


def burst(simulator: SimulatorProcess, count: int = 500) -> float:
    """Events a second, from the first byte written to the last handler's start."""
    known = len(simulator.stamps())
    inbox = simulator.folder / "inbox"
    begin = min(drop(inbox / f"burst-{known}-{number}", b"x" * 1000) for number in range(count))
    stamps = simulator.wait_for_stamps(known + count)
    return count / ((max(stamps.values()) - begin) / 1e9)


def warm_invoke(simulator: SimulatorProcess, count: int = 1000) -> float:
    """Median milliseconds of a synchronous invoke over one kept connection."""
    connection = http.client.HTTPConnection(simulator.endpoint)
    taken = []
    for _ in range(count + 50):
        begin = time.perf_counter()
        connection.request("POST", INVOKE.format("noop"), b'{"key": "value"}')
        connection.getresponse().read()
        taken.append(time.perf_counter() - begin)
    connection.close()
    return statistics.median(taken[50:]) * 1000


def cold_start(simulator: SimulatorProcess, count: int = 15) -> float:
    """Median milliseconds of the first invoke after the code has changed: a new environment."""
    taken = []
    connection = http.client.HTTPConnection(simulator.endpoint)
    code = simulator.folder / "functions" / "noop" / "handler.py"
    for number in range(count):
        code.write_text(f"def handler(event, context): {number}")  # a change retires the environments
        time.sleep(0.5)
        begin = time.perf_counter()
        connection.request("POST", INVOKE.format("noop"), b"{}", {"X-Amz-Log-Type": "Tail"})
        connection.getresponse().read()
        if number:
            taken.append(time.perf_counter() - begin)
    connection.close()
    return statistics.median(taken) * 1000


async def _asynchronous(simulator: SimulatorProcess, count: int) -> float:
    """Clients as light as can be: on two cores, what they use is missing in what is measured."""
    host, _, port = simulator.endpoint.partition(":")
    request = (
        f"POST {INVOKE.format('noop')} HTTP/1.1\r\nHost: {simulator.endpoint}\r\n"
        "X-Amz-Invocation-Type: Event\r\nContent-Length: 2\r\n\r\n{}"
    ).encode()

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(number):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 202 " in head[:15], head
        writer.close()

    begin = time.perf_counter()
    await asyncio.gather(*(client(count // CLIENTS) for _ in range(CLIENTS)))
    while (await asyncio.to_thread(simulator.status))["functions"]["noop"]["queued"]:
        await asyncio.sleep(0.1)  # to count what waits takes from what is measured
    return count / (time.perf_counter() - begin)


def asynchronous(simulator: SimulatorProcess, count: int = 4800) -> float:
    """Events a second, accepted through the endpoint and completed."""
    return asyncio.run(_asynchronous(simulator, count))


def idle_cpu(simulator: SimulatorProcess, seconds: float = 5.0) -> float:
    """Percent of one core, of the simulator and its idle environments."""
    before = simulator.cpu_seconds()
    time.sleep(seconds)
    return (simulator.cpu_seconds() - before) / seconds * 100


def start_to_ready(count: int = 7) -> float:
    """Median milliseconds from starting the process to its ready line."""
    return statistics.median(undisturbed(_one_start) for _ in range(count))


def _one_start() -> float:
    with SimulatorProcess() as simulator:
        return simulator.ready_ms


class Report:
    """The table: prints each figure as it comes."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def add(self, name: str, value: float, unit: str, target: float, at_most: bool, limit: str = "") -> None:
        remarks = ", ".join(filter(None, (limit, disturbance())))
        self.figures.append(Figure(name, value, unit, target, at_most, remarks))
        print(self.figures[-1], flush=True)


def measure() -> list[Figure]:
    """Run everything."""
    report = Report()
    measure_functions(report.add)
    measure_mappings(report.add)
    measure_endpoint(report.add)
    return report.figures


def measure_functions(add: Callable[..., None]) -> None:
    """Start, invocations, files, memory."""
    python = undisturbed(bare.python_ms)
    invoke = undisturbed(bare.invoke_ms)
    bare_invoke = f"bare listener {invoke:.2f} ms"
    bare_rate = f"bare listener {undisturbed(partial(bare.invocations_per_second, 2)):.0f}/s"
    bare_python = f"python -c pass {python:.0f} ms"
    bare_inotify = f"inotify alone {undisturbed(bare.inotify_ms):.2f} ms"
    add("start to ready", start_to_ready(), "ms", 400, True, bare_python)
    with SimulatorProcess() as simulator:
        time.sleep(1)
        idle = simulator.memory_mib
        add("memory, idle", idle, "MiB", 70, True)
        add("processor, idle", idle_cpu(simulator), "%", 1, True)
        invoked = undisturbed(partial(warm_invoke, simulator))
        add("warm synchronous invoke, p50", invoked, "ms", 1.2, True, bare_invoke)
        used = simulator.status()["functions"]["noop"]["environments"]
        add("environments for one caller", used, "", 1, True)
        asynchronous(simulator, 800)  # the bare listener's environments are warm, too
        rate = median(partial(asynchronous, simulator))
        add("asynchronous, accepted and completed", rate, "/s", 1500, False, bare_rate)
        dropped = undisturbed(partial(file_drops, simulator))
        add("file drop to handler start, p50", dropped, "ms", 5, True, bare_inotify)
        rate, written = median(partial(burst, simulator)), median(bare.files_per_second)
        add("500 files at once", rate, "/s", 800, False, f"{bare_rate}, written alone {written:.0f}/s")
        add("cold start of an empty handler, p50", cold_start(simulator), "ms", 60, True, bare_python)
        for _ in range(2):
            asynchronous(simulator)
        warm_invoke(simulator, 2000)
        add("memory after 10,000 invocations, above idle", simulator.memory_mib - idle, "MiB", 20, True)


def measure_mappings(add: Callable[..., None]) -> None:
    """What event source mappings move."""
    drains = [_drain_queues() for _ in range(RUNS)]
    limit, rate, share, slow, grown = (statistics.median(figures) for figures in zip(*drains, strict=True))
    add("SQS, batches of 10", rate, "/s", 9_000, False, f"bare store and listener {limit:.0f}/s")
    add("SQS, share of the bare limit", share * 100, "%", 50, False)
    add("SQS with 1,000,000 waiting, share of the speed", slow * 100, "%", 80, False)
    add("SQS with 1,000,000 waiting, memory above", grown, "MiB", 20, True)
    limit = undisturbed(bare_drain.records_per_second)
    rate = median(mappings.drain_stream)
    add("Kinesis, batches of 100", rate, "/s", 30_000, False, f"bare store and listener {limit:.0f}/s")
    add("SQLite table, batches of 100", undisturbed(mappings.drain_table), "/s", 5_000, False)
    add("message sent to handler start, p50", undisturbed(mappings.send_to_start), "ms", 2, True)


def _drain_queues() -> tuple[float, float, float, float, float]:
    """Return the bare limit, the rate, its share of that, that of a backlog, and the memory that takes."""
    limit = undisturbed(bare_drain.messages_per_second)
    rate, memory = undisturbed(partial(mappings.drain_queue, WAITING))
    slow, grown = undisturbed(partial(mappings.drain_queue, BACKLOG, WAITING))
    return limit, rate, rate / limit, slow / rate, grown - memory


def measure_endpoint(add: Callable[..., None]) -> None:
    """What the AWS endpoint answers, beside moto's server, which keeps everything in memory."""
    for name, ours, theirs in endpoint_load.compare():
        add(f"{name}, times moto's", ours / theirs, "x", 5, False, f"{ours:.0f}/s, moto {theirs:.0f}/s")


def main(measured: Callable[[], list[Figure]] = measure) -> int:
    """Print the table; return the exit status."""
    missed = [figure for figure in measured() if not figure.met]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
