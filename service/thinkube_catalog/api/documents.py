"""Values of the domain as the API's JSON documents, for whoever answers without the API."""

from __future__ import annotations

from typing import Any

from thinkube_catalog.api.schemas.catalog import TemplatePage, TemplatePublic
from thinkube_catalog.api.schemas.forms import FormPublic
from thinkube_catalog.api.schemas.wire import Wire
from thinkube_catalog.domain.questions import Form
from thinkube_catalog.operations.browse import Page, TemplateDetails

Json = dict[str, Any]


class Documents:
    """What the catalog's routes answer, for the same values."""

    def templates(self, page: Page) -> Json:
        """Return what `GET /templates` answers."""
        return _dumped(TemplatePage.of(page))

    def template(self, details: TemplateDetails) -> Json:
        """Return what `GET /templates/{name}` answers."""
        return _dumped(TemplatePublic.of(details))

    def form(self, form: Form) -> Json:
        """Return what `POST /templates/{name}/form` answers."""
        return _dumped(FormPublic.of(form))


def _dumped(document: Wire) -> Json:
    return document.model_dump(mode="json")
