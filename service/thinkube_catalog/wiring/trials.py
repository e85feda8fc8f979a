"""`tkt doctor` tries webhooks: from Gitea to this service, and from Gitea to Argo CD."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol
from urllib.parse import urlsplit

from thinkube_catalog.adapters.argocd.client import ArgoCdClient
from thinkube_catalog.adapters.argocd.clusters import without_wrapping
from thinkube_catalog.adapters.argocd.trials import Marks
from thinkube_catalog.adapters.gitea import Hook
from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.adapters.gitea.connections import HooksRefusedError
from thinkube_catalog.adapters.gitea.trials import (
    NoOrganisationError,
    Place,
    ProbeBusyError,
    Trials,
)
from thinkube_catalog.adapters.gitea.webhooks import PROBE
from thinkube_catalog.adapters.reach import NOBODY, check_signed, obstacles
from thinkube_catalog.adapters.secret_store import (
    SealingKey,
    SecretKeyInvalidError,
    keys_from,
    new_key,
)
from thinkube_catalog.adapters.sql.arrivals import SqlArrivals
from thinkube_catalog.adapters.sql.database import NEWEST, Database
from thinkube_catalog.domain.checks import Check, failed, passed, warned
from thinkube_catalog.domain.errors import CatalogError, Problem, UnavailableError
from thinkube_catalog.domain.forge import Arrivals
from thinkube_catalog.operations.trial import Outcome, Sending, try_delivery
from thinkube_catalog.settings import Settings
from thinkube_catalog.wiring.bootstrap import project_plan
from thinkube_catalog.wiring.forges import argocd_hook, service_hook
from thinkube_catalog.wiring.parts import database_url, key_file, sealing_keys

_SEND_SECONDS = 15.0
_REFRESH_SECONDS = 15.0  # how long Argo CD may take to work off what it has taken
_CALL_SECONDS = 10.0
_AGAIN = "then run tkt doctor again"


def known_keys(settings: Settings) -> tuple[SealingKey, ...]:
    """Return the installation's keys; one for this moment where no service has made any yet.

    Raises SecretKeyInvalidError.
    """
    path = key_file(settings)
    try:
        made = settings.secret_key.get_secret_value() or path.exists()
        return sealing_keys(settings) if made else keys_from(new_key())
    except OSError as error:
        mend = "run this as the user that the service runs as"
        problem = Problem(f"{path} cannot be read ({error.strerror})", mend=mend)
        raise SecretKeyInvalidError(problem) from error


class ArrivalsUnseenError(UnavailableError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"what arrives cannot be seen from here: {reason}")


class _Direction(Protocol):
    """Somebody whom Gitea tells of pushes."""

    @property
    def name(self) -> str: ...

    @property
    def hook(self) -> Hook: ...

    def choose(self, places: Sequence[Place]) -> Place | None:
        """Return one where it can be seen what arrives."""
        ...

    def attempt(self, place: Place, sending: Sending) -> list[Check]:
        """Try it. Raises CatalogError where that cannot be done."""
        ...

    def mend(self, place: Place) -> str:
        """Say what may keep deliveries from arriving."""
        ...


@dataclass(frozen=True)
class _ToService:
    hook: Hook
    arrivals: Arrivals
    name: ClassVar[str] = "gitea to service"

    def choose(self, places: Sequence[Place]) -> Place | None:
        return places[0] if places else None

    def attempt(self, place: Place, sending: Sending) -> list[Check]:
        before = self.arrivals.last(place.id)
        outcome = try_delivery(
            sending, lambda: self.arrivals.last(place.id) != before, _SEND_SECONDS
        )
        return [_judge(self, place, outcome)]

    def mend(self, place: Place) -> str:  # noqa: ARG002 (the same for all)
        return obstacles(self.hook.url)


@dataclass(frozen=True)
class _ToArgoCd:
    hook: Hook
    marks: Marks
    gitea_url: str
    name: ClassVar[str] = "gitea to argocd"

    def choose(self, places: Sequence[Place]) -> Place | None:
        there = self.marks.applications() if places else {}
        return next((it for it in places if self._cloned(it) in there), None)

    def attempt(self, place: Place, sending: Sending) -> list[Check]:
        there = self.marks.applications().get(self._cloned(place))
        if there:
            return [self._attempt_with(there, place, sending)]
        with self.marks.probing(self._cloned(place)) as made:
            told = self._attempt_with(made, place, sending)
            return [told, _judge_reading(self.marks.complaint(made), place)]

    def _attempt_with(self, application: str, place: Place, sending: Sending) -> Check:
        with self.marks.watching(application) as seen:
            outcome = try_delivery(sending, seen, _SEND_SECONDS, _REFRESH_SECONDS)
        return _judge(self, place, outcome)

    def mend(self, place: Place) -> str:
        there, cloned = _as_argocd_compares(place.page), _as_argocd_compares(self._cloned(place))
        if there == cloned:
            return obstacles(self.hook.url)
        told = f"Gitea calls itself {there.partition('/')[0]} (ROOT_URL in its app.ini)"
        reason = "Argo CD knows repositories by what they are called: make both the same"
        return f"{told}, and THINKUBE_GITEA_URL is {self.gitea_url}; {reason}"

    def _cloned(self, place: Place) -> str:
        return f"{self.gitea_url}/{place.repository}.git"


def _as_argocd_compares(url: str) -> str:
    """Return what of a repository's address has to be the same for Argo CD: no port, no scheme."""
    parts = urlsplit(url)
    return f"{parts.hostname or ''}{parts.path.removesuffix('.git')}".lower()


def try_deliveries(settings: Settings, known: Sequence[Check]) -> list[Check]:
    """Try each webhook that the settings ask for, and say what came of it.

    `known` is what was found before: without what it stands on, a webhook is not tried. Not in a
    thread: who interrupts it has what was made for it deleted all the same.
    """
    unusable = any(it.name == "sealing key" and not it.good for it in known)
    if settings.forge != "gitea" or unusable:
        return []
    with ExitStack() as open_:
        told, to_service = _service(settings, known, open_)
        more, to_argocd = _argocd(settings, known)
        wanted = [each for each in (to_service, to_argocd) if each is not None]
        if not wanted:
            return [*told, *more]
        token = settings.gitea_token.get_secret_value()
        client = GiteaClient(settings.gitea_url, token, _CALL_SECONDS)
        open_.callback(client.close)
        return [*told, *more, *_attempt_all(Trials(client, settings.gitea_org), wanted)]


def _service(
    settings: Settings, known: Sequence[Check], open_: ExitStack
) -> tuple[list[Check], _Direction | None]:
    hook = service_hook(settings, known_keys(settings)[0])
    if hook is None:
        return [], None
    name = _ToService.name
    if any(it.name == "public address" and it.warning for it in known):
        mend = f"start the service, {_AGAIN}; should it fail: {obstacles(hook.url)}"
        return [_untried(name, f"nobody answers at {settings.public_url} yet", mend)], None
    blocked = _blocked(known, ("public address", "database", *_gitea(settings)), name)
    if blocked:
        return blocked, None
    try:
        arrivals = open_.enter_context(_arrivals(settings))
        signed = check_signed(hook.url, hook.secret(NOBODY), arrivals)
    except UnavailableError as error:
        mend = (
            f"run tkt doctor where it reads the service's database, or start the service, {_AGAIN}"
        )
        return [_untried(name, str(error), mend)], None
    good = signed.good and not signed.warning
    return [signed], _ToService(hook, arrivals) if good else None


def _argocd(settings: Settings, known: Sequence[Check]) -> tuple[list[Check], _Direction | None]:
    hook = argocd_hook(settings, known_keys(settings)[0])
    if hook is None:
        return [], None
    project = f"argocd project {settings.argocd_project}"
    needed = ("argocd", "argocd token", project, "argocd rights", "argocd cluster")
    blocked = _blocked(known, (*needed, "argocd webhooks", *_gitea(settings)), _ToArgoCd.name)
    if blocked:
        return blocked, None
    token = settings.argocd_token.get_secret_value()
    marks = Marks(
        lambda: ArgoCdClient(settings.argocd_url, token, _CALL_SECONDS),
        project_plan(settings),
        settings.gitea_read_token.get_secret_value(),
    )
    return [], _ToArgoCd(hook, marks, settings.gitea_url)


def _gitea(settings: Settings) -> tuple[str, ...]:
    return ("gitea", "gitea token", f"gitea organisation {settings.gitea_org}")


def _blocked(known: Sequence[Check], needed: Sequence[str], name: str) -> list[Check]:
    """Tell what is in the way of a trial, if anything is."""
    broken = [it.name for it in known if it.name in needed and not it.good]
    why = f"{broken[0]} has to be mended first" if broken else ""
    return [_untried(name, why, f"mend it, {_AGAIN}")] if why else []


@contextmanager
def _arrivals(settings: Settings) -> Iterator[Arrivals]:
    """Give the record of what arrives, as it is. Raises UnavailableError."""
    url = database_url(settings)
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).exists():
        raise ArrivalsUnseenError(f"no service has run on the data folder {settings.data_dir}")
    with closing(Database(url, as_it_is=True)) as database:
        if database.version() < NEWEST:
            raise ArrivalsUnseenError("the database is that of an older program")
        yield SqlArrivals(database)


def _attempt_all(trials: Trials, wanted: Sequence[_Direction]) -> list[Check]:
    """Try each at a deployment's repository, and those that have none at a probe."""
    checks: list[Check] = []
    rest = []
    for each in wanted:
        try:
            place = each.choose(trials.places(each.hook))
            if place is None:
                rest.append(each)
            else:
                checks += each.attempt(place, trials.sending(place))
        except CatalogError as error:
            checks.append(_gone_wrong(each.name, error))
    return [*checks, *(_attempt_with_probe(trials, rest) if rest else ())]


def _attempt_with_probe(trials: Trials, wanted: Sequence[_Direction]) -> list[Check]:
    checks: list[Check] = []
    left = [each.name for each in wanted]
    try:
        with trials.probing([each.hook for each in wanted]) as places:
            for each, place in zip(wanted, places, strict=True):
                left.remove(each.name)
                try:
                    checks += each.attempt(place, trials.sending(place))
                except CatalogError as error:
                    checks.append(_gone_wrong(each.name, error))
    except CatalogError as error:
        checks += [_gone_wrong(name, error) for name in left]
        if not left:  # all is over but for its deletion
            mend = "delete that repository, or run tkt doctor again in two minutes"
            checks.append(warned(f"gitea {PROBE}", f"is still there: {error}", mend))
    return checks


def _judge(direction: _Direction, place: Place, outcome: Outcome) -> Check:
    url = direction.hook.url
    if outcome is Outcome.UNSENT:
        message = (
            f"Gitea took a test delivery to {url} and has not sent it in {_SEND_SECONDS:.0f} s"
        )
        mend = "look into Gitea's log for webhook_sender: its queue is full, or nobody works on it"
        return warned(direction.name, message, mend)
    if outcome is Outcome.LOST:
        message = f"Gitea sent a test delivery to {url}, and it did not arrive"
        return warned(direction.name, message, direction.mend(place))
    return passed(direction.name, f"a test delivery of {place.repository} arrived at {url}")


def _judge_reading(complaint: str | None, place: Place) -> Check:
    name = "argocd to gitea"
    if complaint is None:
        message = f"Argo CD has not looked at {place.repository}"
        return warned(name, message, "look into the log of argocd-application-controller")
    if complaint:
        message = f"Argo CD cannot read {place.repository}: {without_wrapping(complaint)}"
        mend = "run tkt bootstrap, which gives it credentials; or see that argocd-repo-server "
        return failed(name, message, f"{mend}reaches THINKUBE_GITEA_URL and trusts its certificate")
    return passed(name, f"Argo CD reads {place.repository}")


def _gone_wrong(name: str, error: CatalogError) -> Check:
    mend = f"mend that, {_AGAIN}"
    if isinstance(error, HooksRefusedError):
        mend = f"set DISABLE_WEBHOOKS = false under [webhook] in Gitea's app.ini, {_AGAIN}"
    elif isinstance(error, NoOrganisationError):
        mend = f"run tkt bootstrap, or deploy something, {_AGAIN}"
    elif isinstance(error, ProbeBusyError):
        mend = "run it again in two minutes: what an interrupted one has left is deleted then"
    return _untried(name, str(error), mend)


def _untried(name: str, why: str, mend: str) -> Check:
    return warned(name, f"not tried: {why}", mend)
