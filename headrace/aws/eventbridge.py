"""EventBridge as HTTP: buses, rules, targets, events, archives and replays.

Source: the service model events 2015-10-07; shapes and texts as recorded on AWS by LocalStack's test_events,
test_events_inputs and test_archive_and_replay.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from engine.store.database import Store
from headrace.aws.event_archives import ArchiveOperations
from headrace.aws.json_protocol import Input, JsonService, Operation
from headrace.aws.model_check import checked
from headrace.aws.paging import BadToken, page
from headrace.aws.service_model import service_model
from headrace.aws.stored_tags import StoredTags, tags_of
from triggers.eventbridge.archives import Archives
from triggers.eventbridge.buses import BUS_PROPERTIES, Bus, EventBuses
from triggers.eventbridge.entry import Entry, Refused
from triggers.eventbridge.errors import InvalidParameter, NotFound
from triggers.eventbridge.event import BusEvent
from triggers.eventbridge.permission import with_permission, without_permission
from triggers.eventbridge.rule import Rule, read_pattern
from triggers.eventbridge.rules import Rules

T = TypeVar("T")
Given = Mapping[str, Any]
Answer = Mapping[str, Any]

TARGET = "AWSEvents"
BODY_BYTES = 4 * 1024 * 1024
PAGE = 100
RULE_PROPERTIES = ("EventPattern", "ScheduleExpression", "State", "Description", "RoleArn")
EVENT_MEMBERS = ("id", "account", "source", "time", "region", "detail-type")  # that TestEventPattern asks for


class EventBridgeWire:
    """Answers for the buses and rules; archives and replays have their own file."""

    def __init__(self, buses: EventBuses, rules: Rules, archives: Archives, store: Store) -> None:
        self._buses = buses
        self._rules = rules
        self._store = store
        self._of_archives = ArchiveOperations(archives, buses)

    def service(self) -> JsonService:
        """Return what answers on the endpoint."""
        tags = StoredTags(self._store, self._tagged)
        operations: dict[str, Callable[[Given], Awaitable[Answer]]] = {
            "PutEvents": self._put_events,
            "TestEventPattern": self._test_event_pattern,
            "CreateEventBus": self._create_event_bus,
            "DescribeEventBus": self._describe_event_bus,
            "UpdateEventBus": self._update_event_bus,
            "DeleteEventBus": self._delete_event_bus,
            "ListEventBuses": self._list_event_buses,
            "PutPermission": self._put_permission,
            "RemovePermission": self._remove_permission,
            "PutRule": self._put_rule,
            "DescribeRule": self._describe_rule,
            "ListRules": self._list_rules,
            "EnableRule": self._enable_rule,
            "DisableRule": self._disable_rule,
            "DeleteRule": self._delete_rule,
            "PutTargets": self._put_targets,
            "RemoveTargets": self._remove_targets,
            "ListTargetsByRule": self._list_targets_by_rule,
            "ListRuleNamesByTarget": self._list_rule_names_by_target,
            "TagResource": tags.tag,
            "UntagResource": tags.untag,
            "ListTagsForResource": tags.list,
            **self._of_archives.operations(),
        }
        return JsonService(
            TARGET, "1.1", {name: _checked(name, each) for name, each in operations.items()}, BODY_BYTES
        )

    async def _put_events(self, given: Given) -> Answer:
        if "EndpointId" in given:
            raise InvalidParameter("Global endpoints are not simulated by Headrace.")
        entries = [
            Entry(
                source=each.get("Source"),
                detail_type=each.get("DetailType"),
                detail=each.get("Detail"),
                bus=each.get("EventBusName"),
                time=each.get("Time"),
                resources=tuple(each.get("Resources", ())),
            )
            for each in given["Entries"]
        ]
        results = await self._buses.put_events(entries)
        return {
            "FailedEntryCount": sum(isinstance(result, Refused) for result in results),
            "Entries": [
                {"ErrorCode": result.code, "ErrorMessage": result.message}
                if isinstance(result, Refused)
                else {"EventId": result}
                for result in results
            ],
        }

    async def _test_event_pattern(self, given: Given) -> Answer:
        pattern = read_pattern(given["EventPattern"])
        event = BusEvent(given["Event"].encode())
        if not event.has(*EVENT_MEMBERS):
            raise InvalidParameter("Parameter Event is not valid.")
        return {"Result": pattern.matches(event.members)}

    async def _create_event_bus(self, given: Given) -> Answer:
        if "EventSourceName" in given:
            raise InvalidParameter("Partner event sources are not simulated by Headrace.")
        properties = _only(given, BUS_PROPERTIES)
        bus = await self._buses.create_bus(given["Name"], properties, tags_of(given))
        return {"EventBusArn": bus.arn, **properties}

    async def _describe_event_bus(self, given: Given) -> Answer:
        bus = self._buses.bus(given.get("Name"))
        return {**_bus_shape(bus), **_only(bus.properties, BUS_PROPERTIES)}

    async def _update_event_bus(self, given: Given) -> Answer:
        bus = await self._buses.update_bus(given.get("Name"), _only(given, BUS_PROPERTIES))
        return {"Arn": bus.arn, "Name": bus.name, **_only(bus.properties, BUS_PROPERTIES)}

    async def _delete_event_bus(self, given: Given) -> Answer:
        await self._buses.delete_bus(given["Name"])
        return {}

    async def _list_event_buses(self, given: Given) -> Answer:
        buses = [bus for bus in self._buses.all() if bus.name.startswith(given.get("NamePrefix", ""))]
        return _page("EventBuses", buses, lambda bus: bus.name, given, _bus_shape)

    async def _put_permission(self, given: Given) -> Answer:
        bus = self._buses.bus(given.get("EventBusName"))
        policy = with_permission(bus.properties.get("Policy"), bus.arn, given)
        await self._buses.update_bus(bus.name, {"Policy": policy})
        return {}

    async def _remove_permission(self, given: Given) -> Answer:
        bus = self._buses.bus(given.get("EventBusName"))
        policy = without_permission(bus.properties.get("Policy"), given)
        await self._buses.update_bus(bus.name, {"Policy": policy})
        return {}

    async def _put_rule(self, given: Given) -> Answer:
        properties = _only(given, RULE_PROPERTIES)
        rule = await self._rules.put_rule(
            given["Name"], given.get("EventBusName"), properties, tags_of(given)
        )
        return {"RuleArn": rule.arn}

    async def _describe_rule(self, given: Given) -> Answer:
        rule = self._rules.rule(given["Name"], given.get("EventBusName"))
        return {**_rule_shape(rule), "CreatedBy": self._buses.account.account_id}

    async def _list_rules(self, given: Given) -> Answer:
        bus = self._buses.bus(given.get("EventBusName"))
        prefix = given.get("NamePrefix", "")
        rules = [bus.rules[name] for name in sorted(bus.rules) if name.startswith(prefix)]
        return _page("Rules", rules, lambda rule: rule.name, given, _rule_shape)

    async def _enable_rule(self, given: Given) -> Answer:
        await self._rules.set_state(given["Name"], given.get("EventBusName"), "ENABLED")
        return {}

    async def _disable_rule(self, given: Given) -> Answer:
        await self._rules.set_state(given["Name"], given.get("EventBusName"), "DISABLED")
        return {}

    async def _delete_rule(self, given: Given) -> Answer:
        await self._rules.delete_rule(given["Name"], given.get("EventBusName"))
        return {}

    async def _put_targets(self, given: Given) -> Answer:
        failed = await self._rules.put_targets(given["Rule"], given.get("EventBusName"), given["Targets"])
        return {"FailedEntryCount": len(failed), "FailedEntries": failed}

    async def _remove_targets(self, given: Given) -> Answer:
        failed = await self._rules.remove_targets(given["Rule"], given.get("EventBusName"), given["Ids"])
        return {"FailedEntryCount": len(failed), "FailedEntries": failed}

    async def _list_targets_by_rule(self, given: Given) -> Answer:
        rule = self._rules.rule(given["Rule"], given.get("EventBusName"))
        targets = [rule.targets[target_id].properties for target_id in sorted(rule.targets)]
        return _page("Targets", targets, lambda target: str(target["Id"]), given, dict)

    async def _list_rule_names_by_target(self, given: Given) -> Answer:
        bus = self._buses.bus(given.get("EventBusName"))
        arn = given["TargetArn"]
        names = sorted(
            rule.name
            for rule in bus.rules.values()
            if any(target.arn == arn for target in rule.targets.values())
        )
        return _page("RuleNames", names, str, given, str)

    def _tagged(self, given: Given) -> str:
        """Return the ARN of a bus or a rule. Raises NotFound."""
        arn: str = given["ResourceARN"]
        if self._buses.find(arn) is None:
            path = arn.rpartition(":rule/")[2].split("/")
            bus, rule = (path[0], path[1]) if len(path) > 1 else (None, path[0])
            if ":rule/" not in arn:
                raise NotFound(f"Resource {arn} does not exist.")
            self._rules.rule(rule, bus)
        return arn


def _checked(name: str, operation: Callable[[Given], Awaitable[Answer]]) -> Operation:
    async def check_and_operate(given: Input) -> Answer:
        model = service_model("events", "2015-10-07")
        return await operation(checked(model, name, given.members))

    return check_and_operate


def _bus_shape(bus: Bus) -> dict[str, Any]:
    shape = {
        "Name": bus.name,
        "Arn": bus.arn,
        "CreationTime": bus.created.timestamp(),
        "LastModifiedTime": bus.changed.timestamp(),
    }
    policy = bus.properties.get("Policy")
    return {**shape, **_only(bus.properties, ("Description",)), **({"Policy": policy} if policy else {})}


def _rule_shape(rule: Rule) -> dict[str, Any]:
    return {
        "Name": rule.name,
        "Arn": rule.arn,
        "State": "ENABLED",
        "EventBusName": rule.bus,
        **rule.properties,
    }


def _only(given: Given, names: Sequence[str]) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _page(
    member: str, items: Sequence[T], name_of: Callable[[T], str], given: Given, shape: Callable[[T], Any]
) -> Answer:
    try:
        found, token = page(items, name_of, given.get("NextToken"), given.get("Limit", PAGE))
    except BadToken as error:
        raise InvalidParameter(f"The NextToken {error} is not valid.") from None
    answer = {member: [shape(item) for item in found]}
    return answer if token is None else {**answer, "NextToken": token}
