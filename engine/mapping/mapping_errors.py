"""What Lambda answers when an event source mapping cannot be made, found or changed."""

from engine.errors import ApiError


class MappingNotFound(ApiError):
    """There is no event source mapping with this UUID."""

    code = "ResourceNotFoundException"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("The resource you requested does not exist.")

    def body(self) -> dict[str, str]:
        """This exception spells its message with a capital M."""
        return {"Type": self.fault, "Message": str(self)}


class MappingInUse(ApiError):
    """The mapping is on its way from one state to another."""

    code = "ResourceInUseException"

    def __init__(self) -> None:
        super().__init__("Cannot update the event source mapping because it is in use.")

    def body(self) -> dict[str, str]:
        """This exception spells its message with a capital M."""
        return {"Type": self.fault, "Message": str(self)}


class MappingExists(ApiError):
    """The source and the function have a mapping already. The blanks are Lambda's."""

    code = "ResourceConflictException"
    http_status = 409

    def __init__(self, source_arn: str, function: str, uuid: str, *, is_queue: bool) -> None:
        ending = f"Please update or delete the existing mapping with UUID {uuid}"
        if is_queue:
            text = (
                f'An event source mapping with SQS arn (" {source_arn} ") and function (" {function} ") '
                f"already exists. {ending}"
            )
        else:
            text = (
                f'The event source arn (" {source_arn} ") and function (" {function} ") provided mapping '
                f"already exists. {ending}"
            )
        super().__init__(text)
        self.uuid = uuid
