"""What is wrong with event source mappings, and with queues, beside the resources that they refer to."""

from collections.abc import Iterator, Mapping

from engine.functions.settings import FunctionSettings
from engine.mapping.settings import MappingSettings, mapping_problems
from engine.mapping.validation import Surroundings
from headrace.references import SOURCE_KINDS, resolve
from triggers.sqs.settings import QueueSettings, is_fifo_name


def problems_of_mappings(
    mappings: Mapping[int, MappingSettings],
    queues: Mapping[str, QueueSettings],
    functions: Mapping[str, FunctionSettings],
) -> Iterator[str]:
    """Yield a line for each problem, with its path; `mappings` are numbered as in the configuration.

    References that lead nowhere are passed over: they are reported as such.
    """
    first: dict[tuple[str, str, str], int] = {}
    for index, mapping in mappings.items():
        try:
            kind, source = resolve(mapping.source, SOURCE_KINDS)
            _, function = resolve(mapping.function, ("functions",))
        except ValueError:
            around = Surroundings()
            found = mapping_problems(index, mapping, None, around)
            yield from (
                each for each in found if not each.startswith(f"event_source_mappings[{index}].source:")
            )
            continue
        where = first.setdefault((kind, source, function), index)
        if where != index:
            yield (
                f"event_source_mappings[{index}]: {kind}.{source} and functions.{function} have a mapping: "
                f"event_source_mappings[{where}]"
            )
        around = Surroundings(
            visibility_timeout_seconds=queues[source].visibility_timeout
            if kind == "queues" and source in queues
            else None,
            function_timeout_seconds=functions[function].timeout if function in functions else None,
        )
        if kind == "queues":
            yield from mapping_problems(index, mapping, "sqs-fifo" if is_fifo_name(source) else "sqs", around)
        else:
            yield from mapping_problems(
                index, mapping, "kinesis" if kind == "streams" else "dynamodb", around
            )
