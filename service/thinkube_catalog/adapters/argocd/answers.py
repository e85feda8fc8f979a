"""What Argo CD says, as far as we read it. What is empty there is left out; unknown is ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel


class _Answer(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, found: object) -> object:
        if isinstance(found, dict):
            return {key: value for key, value in found.items() if value is not None}
        return found


class Metadata(_Answer):
    name: str
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()


class Info(_Answer):
    name: str = ""
    value: str = ""


class Initiator(_Answer):
    username: str = ""
    automated: bool = False


class SyncOperation(_Answer):
    revision: str = ""


class Operation(_Answer):
    """A sync that was asked for; Argo CD keeps it until the sync has ended."""

    sync: SyncOperation = SyncOperation()
    info: tuple[Info, ...] = ()
    initiated_by: Initiator = Initiator()


class Health(_Answer):
    status: str = ""
    message: str = ""


class ResourceResult(_Answer):
    """What a sync did with one object."""

    group: str = ""
    kind: str = ""
    name: str = ""
    status: str = ""
    message: str = ""
    hook_phase: str = ""


class SyncResult(_Answer):
    revision: str = ""
    resources: tuple[ResourceResult, ...] = ()


class OperationState(_Answer):
    """A sync that is running or has ended. `finished_at` with phase Running: to be retried."""

    operation: Operation = Operation()
    phase: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    retry_count: int = 0
    sync_result: SyncResult = SyncResult()

    @property
    def revision(self) -> str:
        return self.sync_result.revision or self.operation.sync.revision


class SyncStatus(_Answer):
    status: str = ""
    revision: str = ""


class Resource(_Answer):
    """An object that the repository holds, or held."""

    group: str = ""
    version: str = ""
    kind: str
    namespace: str = ""
    name: str
    status: str = ""
    health: Health = Health()
    requires_pruning: bool = False


class Condition(_Answer):
    type: str
    message: str = ""


class Summary(_Answer):
    external_urls: tuple[str, ...] = Field(default=(), alias="externalURLs")


class Status(_Answer):
    sync: SyncStatus = SyncStatus()
    health: Health = Health()
    operation_state: OperationState | None = None
    reconciled_at: datetime | None = None
    resources: tuple[Resource, ...] = ()
    conditions: tuple[Condition, ...] = ()
    summary: Summary = Summary()


class ArgoApplication(_Answer):
    """The record that Argo CD keeps of an application. `spec` is compared, not understood."""

    metadata: Metadata
    spec: dict[str, Any] = Field(default_factory=dict)
    operation: Operation | None = None
    status: Status = Status()

    @property
    def version(self) -> int:
        """What grows with every change of the record."""
        text = self.metadata.resource_version
        return int(text) if text.isdecimal() else 0


class Listing(_Answer):
    items: tuple[ArgoApplication, ...] = ()


class Reference(_Answer):
    group: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""


class Networking(_Answer):
    labels: dict[str, str] = Field(default_factory=dict)


class Node(_Answer):
    """One object in the tree: what the repository holds, and what grew out of it."""

    group: str = ""
    version: str = ""
    kind: str
    namespace: str = ""
    name: str
    uid: str = ""
    parent_refs: tuple[Reference, ...] = ()
    info: tuple[Info, ...] = ()
    networking_info: Networking = Networking()
    health: Health = Health()
    created_at: datetime | None = None

    def told(self, name: str) -> str:
        return next((each.value for each in self.info if each.name == name), "")


class Tree(_Answer):
    nodes: tuple[Node, ...] = ()

    def of_kind(self, *kinds: str) -> list[Node]:
        return [node for node in self.nodes if node.kind in kinds]


class InvolvedObject(_Answer):
    kind: str = ""
    name: str = ""


class Event(_Answer):
    """Something that Kubernetes told about an object."""

    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 1
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    involved_object: InvolvedObject = InvolvedObject()


class Events(_Answer):
    items: tuple[Event, ...] = ()


class LogEntry(_Answer):
    content: str = ""
    time_stamp_str: str = ""
    pod_name: str = ""
    last: bool = False


class KnownRepository(_Answer):
    repo: str
    project: str = ""


class KnownRepositories(_Answer):
    items: tuple[KnownRepository, ...] = ()
