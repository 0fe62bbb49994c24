"""TransactWriteItems and TransactGetItems.

Source: DynamoDB API reference, TransactWriteItems: a client's token makes a transaction idempotent for ten
minutes. Tokens are remembered as long as the simulator runs.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from engine.errors import ValidationFailed
from engine.value import dataclass
from headrace.aws.dynamodb_members import (
    CAPACITY,
    METRICS,
    ON_FAILURE,
    Expressions,
    Known,
    Members,
    capacity,
    key_of,
    known,
    read_units,
    refused,
    table_named,
    write_units,
)
from triggers.dynamodb.catalog import Catalog, Opened
from triggers.dynamodb.errors import IdempotentParameterMismatch, NotSerializable, TransactionInProgress
from triggers.dynamodb.expression.projection import project
from triggers.dynamodb.expression.tree import Parts
from triggers.dynamodb.items import item_table
from triggers.dynamodb.items.item_check import check_key
from triggers.dynamodb.items.item_table import Check, Delete, Put, Update, Write, Written
from triggers.dynamodb.items.layout import Item
from triggers.dynamodb.items.transaction import Step, transact
from triggers.dynamodb.items.value_check import checked_item, item_size

MOST_ACTIONS = 100
TOKEN_LIFETIME = timedelta(minutes=10)
LONGEST_TOKEN = 36
WRITES = known(
    "TransactItems!list ReturnConsumedCapacity:text ReturnItemCollectionMetrics:text ClientRequestToken:text",
    {"ReturnConsumedCapacity": CAPACITY, "ReturnItemCollectionMetrics": METRICS},
)
READS = known("TransactItems!list ReturnConsumedCapacity:text", {"ReturnConsumedCapacity": CAPACITY})
_ACTION = (
    "TableName!text ReturnValuesOnConditionCheckFailure:text ExpressionAttributeNames:map "
    "ExpressionAttributeValues:map"
)
_ENUMS = {"ReturnValuesOnConditionCheckFailure": ON_FAILURE}
ACTIONS: Mapping[str, Known] = {
    "Put": known(f"{_ACTION} Item!map ConditionExpression:text", _ENUMS),
    "Update": known(f"{_ACTION} Key!map UpdateExpression!text ConditionExpression:text", _ENUMS),
    "Delete": known(f"{_ACTION} Key!map ConditionExpression:text", _ENUMS),
    "ConditionCheck": known(f"{_ACTION} Key!map ConditionExpression!text", _ENUMS),
}
GET = known("TableName!text Key!map ProjectionExpression:text ExpressionAttributeNames:map")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One action of a transaction, on the table of a name."""

    table: str
    action: Write | Check


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of the transaction of a token; no answer as long as it is being executed."""

    digest: bytes
    at: datetime
    answer: Members | None


class TransactionRequests:
    """Answers requests for several items, all or none."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._tokens: dict[str, _Done] = {}

    def operations(self) -> dict[str, Callable[[Members], Awaitable[Members]]]:
        """Return the operations by name."""
        return {
            "TransactWriteItems": self._transact_write_items,
            "TransactGetItems": self._transact_get_items,
        }

    async def _transact_write_items(self, given: Members) -> Members:
        members = WRITES.read(given)
        token = members.get("ClientRequestToken")
        if token is None:
            return await self._write(members)
        if not 0 < len(token) <= LONGEST_TOKEN:
            bound = f"less than or equal to {LONGEST_TOKEN}" if token else "greater than or equal to 1"
            raise refused("clientRequestToken", token, f"have length {bound}")
        now = self._catalog.clock.now()
        self._forget_tokens(now)
        content = orjson.dumps(members["TransactItems"], option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(content).digest()
        done = self._tokens.get(token)
        if done is not None:
            if done.digest != digest:
                raise IdempotentParameterMismatch
            if done.answer is None:
                raise TransactionInProgress
            return done.answer
        self._tokens[token] = _Done(digest, now, None)
        try:
            answer = await self._write(members)
        except BaseException:
            del self._tokens[token]
            raise
        self._tokens[token] = _Done(digest, now, answer)
        return answer

    def _forget_tokens(self, now: datetime) -> None:
        """Forget the tokens of long ago, which are the first."""
        while self._tokens and now - next(iter(self._tokens.values())).at >= TOKEN_LIFETIME:
            del self._tokens[next(iter(self._tokens))]

    async def _write(self, members: Members) -> Members:
        wanted = [self._wanted(each) for each in _items(members)]

        def apply(opened: Opened) -> list[Written]:
            _refuse_twice(wanted, opened)
            return transact(
                [Step(opened[each.table][0], opened[each.table][1].layout, each.action) for each in wanted]
            )

        tables = dict.fromkeys(each.table for each in wanted)
        done = await self._catalog.run_together(tables, apply)
        for table in tables:
            self._catalog.wrote(table)
        units = dict.fromkeys(tables, 0.0)
        for each, written in zip(wanted, done, strict=True):
            units[each.table] += 2 * write_units(written.size)
        return _with_capacity({}, members, units)

    def _wanted(self, given: Any) -> _Wanted:
        found = _one_of(given, ACTIONS)
        kind, members = found[0], ACTIONS[found[0]].read(found[1])
        table = table_named(self._catalog, members["TableName"]).name
        expressions = Expressions(members)
        action: Write | Check
        match kind:
            case "Put":
                action = Put(checked_item(members["Item"]), expressions.guard())
            case "Update":
                key = key_of(members)
                action = Update(key, expressions.changes(), expressions.guard())
            case "Delete":
                action = Delete(key_of(members), expressions.guard())
            case _:
                action = Check(key_of(members), expressions.guard())
        expressions.finish()
        return _Wanted(table, action)

    async def _transact_get_items(self, given: Members) -> Members:
        members = READS.read(given)
        wanted: list[tuple[str, Item, tuple[Parts, ...] | None]] = []
        for each in _items(members):
            get = GET.read(_one_of(each, ("Get",))[1])
            expressions = Expressions(get)
            paths = expressions.projection()
            expressions.finish()
            wanted.append((table_named(self._catalog, get["TableName"]).name, key_of(get), paths))

        def look(opened: Opened) -> list[Item | None]:
            found = []
            for table, key, _ in wanted:
                connection, access = opened[table]
                found.append(item_table.get(connection, access.layout(connection), key))
            return found

        tables = dict.fromkeys(table for table, _, _ in wanted)
        items = await self._catalog.run_together(tables, look)
        units = dict.fromkeys(tables, 0.0)
        responses = []
        for (table, _, paths), item in zip(wanted, items, strict=True):
            units[table] += 2 * read_units(item_size(item or {}), consistent=True)
            shown = item if paths is None or item is None else project(item, paths)
            responses.append({} if shown is None else {"Item": shown})
        return _with_capacity({"Responses": responses}, members, units)


def _items(members: Members) -> Sequence[Any]:
    items: list[Any] = members["TransactItems"]
    if not 0 < len(items) <= MOST_ACTIONS:
        bound = f"less than or equal to {MOST_ACTIONS}" if items else "greater than or equal to 1"
        raise refused("transactItems", str(items)[:200], f"have length {bound}")
    return items


def _one_of(given: Any, kinds: Mapping[str, Any] | Sequence[str]) -> tuple[str, Members]:
    """Return the one action that an element has, by its kind."""
    if not isinstance(given, dict):
        raise NotSerializable("TransactItems must be a list of objects")
    found = [(kind, value) for kind, value in given.items() if value is not None]
    if len(found) != 1 or found[0][0] not in kinds:
        raise ValidationFailed(
            "TransactItems can only contain one of Check, Put, Update or Delete"
            if "Put" in kinds
            else "TransactItems can only contain Get"
        )
    if not isinstance(found[0][1], dict):
        raise NotSerializable(f"{found[0][0]} must be an object")
    return found[0]


def _refuse_twice(wanted: Sequence[_Wanted], opened: Opened) -> None:
    """Refuse several actions on one item, and keys that no table has."""
    seen = set()
    for each in wanted:
        connection, access = opened[each.table]
        definition = access.layout(connection).definition
        action = each.action
        if isinstance(action, Put):
            key = {a.name: action.item[a.name] for a in definition.key if a.name in action.item}
        else:
            key = action.key
            check_key(definition, key)
        seen.add((each.table, *(str(key.get(attribute.name)) for attribute in definition.key)))
    if len(seen) < len(wanted):
        raise ValidationFailed("Transaction request cannot include multiple operations on one item")


def _with_capacity(answer: dict[str, Any], members: Members, units: Mapping[str, float]) -> Members:
    shown = [capacity(members, table, each) for table, each in units.items()]
    charged = [each for each in shown if each is not None]
    return {**answer, "ConsumedCapacity": charged} if charged else answer
