"""Descriptor: what `thinkube.yaml` says about how a rendered project runs."""

from thinkube_catalog.domain.descriptor.agreement import agreement_problems
from thinkube_catalog.domain.descriptor.placeholders import fill_placeholders
from thinkube_catalog.domain.descriptor.reading import DescriptorInvalidError, parse_descriptor
from thinkube_catalog.domain.descriptor.sizes import BUILD_MEMORY, SIZES
from thinkube_catalog.domain.descriptor.values import (
    Container,
    ContainerTest,
    Dependency,
    Descriptor,
    Dev,
    Gpu,
    Mount,
    Provision,
    Route,
    Service,
    Variable,
    Workload,
)

__all__ = [
    "BUILD_MEMORY",
    "SIZES",
    "Container",
    "ContainerTest",
    "Dependency",
    "Descriptor",
    "DescriptorInvalidError",
    "Dev",
    "Gpu",
    "Mount",
    "Provision",
    "Route",
    "Service",
    "Variable",
    "Workload",
    "agreement_problems",
    "fill_placeholders",
    "parse_descriptor",
]
