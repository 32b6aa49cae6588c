"""The plugin's options: what each is called, what it accepts, and what it comes to.

Only the standard library is imported here: every pytest session in the environment reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from collapse_bench.errors import InvalidArgument
from collapse_bench.harness import values
from collapse_bench.harness.values import EFFECTS

__all__ = [
    "CONFORMANCE_MODELS",
    "EFFECTS",
    "OPTIONS",
    "Option",
    "Settings",
    "given_twice",
    "settings_from",
    "unknown_key",
]

# What the conformance suite checks where no model is given: SPEC -> arguments.
CONFORMANCE_MODELS: dict[str, dict[str, Any]] = {
    "categorical": {},
    "gaussian": {},
    "sklearn.mixture:GaussianMixture": {"n_components": 3},
}
PROFILES = ("smoke", "ci", "paper")
MODES = ("fixed", "sequential")
GATES = ("judge", "report")
LEAST_DRAWS = 200  # evidence is looked at after so many: collapse_bench.gates.sequential.GRID
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: ``--collapse-NAME`` on the command line, ``collapse_NAME`` in the ini file."""

    name: str
    metavar: str | None  # None: a flag
    help: str
    many: bool = False

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--collapse-{self.name}"

    @property
    def key(self) -> str:
        """Its name in the ini file, and in the parsed options."""
        return f"collapse_{self.name.replace('-', '_')}"


OPTIONS = (
    Option(
        "model", "SPEC", "judge this model: MODULE:ATTR, hf:PATH-OR-ID or a built-in name", True
    ),
    Option("model-arg", "[MODEL:]K=V", "keyword for the model's class or factory", True),
    Option("samples", "FILE", "judge these samples; no model is needed"),
    Option("columns", "A,B", "the columns to judge"),
    Option("clusters", "COLUMN", "the unit that rows belong to: a document, a user, a prompt"),
    Option("by", "COLUMN", "judge each group of this column by itself, under one ledger"),
    Option("features", "SPEC", "judge these features of samples: MODULE:ATTR"),
    Option("reference", "SPEC", "what is judged against: a file, a directory or a built-in name"),
    Option("tolerate", "NAME=X", "largest loss of check NAME that is fine", True),
    Option("detect", "NAME=X", "smallest loss of check NAME that must not get through", True),
    Option("alpha", "A", "chance that a gate fails a model without loss (default 0.01)"),
    Option("beta", "B", "chance that a gate passes a loss as large as detect (default 0.01)"),
    Option("mode", "NAME", "draw as planned: fixed (default); or until decided: sequential"),
    Option("gate", "NAME", "judge (default); or report: the verdicts set no exit code"),
    Option("plan", None, "print what the gates would need, and run nothing"),
    Option("profile", "NAME", "sizes: smoke, ci (default) or paper"),
    Option("seed", "N", "root seed of every random stream (default 0)"),
    Option("device", "NAME", "auto (default), cpu, cuda or cuda:N"),
    Option("require-gpu", None, "stop with exit code 4 where there is no CUDA device"),
    Option("min-checks", "N", "exit with 6 if fewer checks than this were carried out"),
    Option("save-samples", "DIR", "write the judged draws here, for --collapse-samples"),
    Option("max-samples", "N", "draw no more than this from a model"),
    Option("report", "PATH", "write a report; the suffix says which: .json, .html or .md", True),
    Option("baseline", "FILE", "compare with what was measured of an accepted release"),
    Option("update-baseline", None, "accept this session into the file of --collapse-baseline"),
    Option("budget", "S", "seconds a conformance check may plan to take of a model (default 10)"),
    Option("timeout", "S", "end a conformance check that takes longer than S seconds"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options of a session come to; every value has been checked."""

    models: tuple[str, ...]
    arguments: Mapping[str, Mapping[str, Any]]  # of each model
    samples: str | None  # as it was typed: people read it
    columns: tuple[str, ...] | None
    clusters: str | None  # a column
    by: str | None  # a column
    features: str | None
    reference: str | None
    tolerate: Mapping[str, float]  # what was given, check by check
    detect: Mapping[str, float]
    alpha: float
    beta: float
    mode: str
    gate: str
    plan: bool
    profile: str
    seed: int
    device: str
    require_gpu: bool
    min_checks: int | None
    save_samples: Path | None
    max_samples: int | None
    reports: tuple[Path, ...]
    baseline: Path | None
    update_baseline: bool
    budget: float | None  # seconds
    timeout: float | None  # seconds
    typed: frozenset[str]  # options on the command line, not in the ini file

    def effects(self, metric: str) -> dict[str, float]:
        """Return the effect sizes given for ``metric``: keywords of its check."""
        given = {"tolerate": self.tolerate, "detect": self.detect}
        return {name: sizes[metric] for name, sizes in given.items() if metric in sizes}

    def asks_for_a_gate(self) -> bool:
        """Return whether the command line says who is judged, against what, by how many checks."""
        asked = ("model", "samples", "reference", "min_checks")
        return not self.typed.isdisjoint(f"collapse_{name}" for name in asked)

    def missing(self) -> str | None:
        """Return what is wrong with the judged and the reference together, if anything.

        Fixtures may be overridden, so this is asked once the tests are known.
        """
        if self.reference is None:
            if self.samples is not None:
                return "--collapse-samples needs --collapse-reference: what to judge them against"
            for spec in self.models:
                if ":" in spec:  # a built-in name alone is judged against two-gaussians
                    return (
                        f"--collapse-model {values.shown(spec)} needs --collapse-reference: "
                        "what to judge it against"
                    )
        elif not self.models and self.samples is None:
            return (
                f"--collapse-reference {values.shown(self.reference)} needs --collapse-model or "
                "--collapse-samples: what to judge"
            )
        return None


def settings_from(typed: Mapping[str, Any], ini: Mapping[str, Any], folder: Path) -> Settings:
    """Check every option and return what they come to; the command line wins over the ini file.

    Parameters
    ----------
    typed, ini
        Option key (``"collapse_alpha"``) to what was given: a string, a list of strings for a
        repeatable one, a boolean for a flag; None or an empty list where nothing was.
    folder
        Where relative paths start.

    Raises
    ------
    InvalidArgument
        With one sentence, if a value is out of its range or two options contradict each other.
    """
    read = _Reader(typed, ini, folder)
    updating = read.flag("update-baseline")
    models = read.each("model", values.model)
    settings = Settings(
        models=models,
        arguments=_arguments(read, models),
        samples=read.one("samples", values.existing),
        columns=read.one("columns", values.columns),
        clusters=read.one("clusters", values.column),
        by=read.one("by", values.column),
        features=read.one("features", values.features),
        reference=read.one("reference", values.reference),
        tolerate=dict(read.each("tolerate", values.effect)),
        detect=dict(read.each("detect", values.effect)),
        alpha=read.one("alpha", values.rate) or 0.01,
        beta=read.one("beta", values.rate) or 0.01,
        mode=read.one("mode", values.among(MODES)) or "fixed",
        gate=read.one("gate", values.among(GATES)) or "judge",
        plan=read.flag("plan"),
        profile=read.one("profile", values.among(PROFILES)) or "ci",
        seed=read.one("seed", values.whole(0)) or 0,
        device=read.one("device", values.device) or "auto",
        require_gpu=read.flag("require-gpu"),
        min_checks=read.one("min-checks", values.whole(0)),
        save_samples=read.one("save-samples", values.directory),
        max_samples=read.one("max-samples", values.whole(1)),
        reports=read.each("report", values.report),
        baseline=read.one("baseline", values.baseline(updating)),
        update_baseline=updating,
        budget=read.one("budget", values.seconds),
        timeout=read.one("timeout", values.seconds),
        typed=frozenset(key for key, value in typed.items() if value),
    )
    if settings.models and settings.samples is not None:
        raise InvalidArgument(
            "--collapse-model and --collapse-samples exclude each other: judge one of them"
        )
    if settings.require_gpu and settings.device == "cpu":
        raise InvalidArgument("--collapse-require-gpu contradicts --collapse-device cpu")
    _check_reports(settings, folder)
    if updating and settings.baseline is None:
        raise InvalidArgument("--collapse-update-baseline needs --collapse-baseline: the file")
    _check_parts(settings)
    _check_clusters(settings)
    if settings.mode == "sequential":
        _check_sequential(settings)
    for metric, (tolerate, detect) in EFFECTS.items():
        low = settings.tolerate.get(metric, tolerate)
        high = settings.detect.get(metric, detect)
        if low >= high:
            raise InvalidArgument(
                f"--collapse-tolerate {metric} must be below --collapse-detect {metric}; "
                f"got {low:g} and {high:g}"
            )
    return settings


def _check_clusters(settings: Settings) -> None:
    """Refuse clusters where no ids come with what is judged."""
    if settings.clusters is None:
        return
    if settings.samples is None:
        raise InvalidArgument(
            "--collapse-clusters needs --collapse-samples: what a model draws is of no cluster, "
            f"so give a file with the column {values.shown(settings.clusters)}"
        )
    if settings.save_samples is not None:
        raise InvalidArgument(
            "--collapse-save-samples contradicts --collapse-clusters: the file would lose the ids"
        )
    if settings.columns is not None and settings.clusters in settings.columns:
        raise InvalidArgument(
            "--collapse-clusters must be none of --collapse-columns; "
            f"got {values.shown(settings.clusters)} in both"
        )


def _check_parts(settings: Settings) -> None:
    """Refuse what has no meaning where the reference is judged part by part."""
    given = {"by": settings.by, "features": settings.features}
    named = [f"--collapse-{name}" for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InvalidArgument(
            f"{named[0]} contradicts {named[1]}: groups are rows of a table, and features are "
            "those of samples of one kind"
        )
    if named and settings.clusters is not None:
        raise InvalidArgument(
            f"--collapse-clusters contradicts {named[0]}: parts take independent rows"
        )
    if named and settings.mode == "sequential":
        raise InvalidArgument(
            f"--collapse-mode sequential contradicts {named[0]}: parts are judged at one size"
        )


def _check_sequential(settings: Settings) -> None:
    """Refuse what has no meaning where each check stops at a number of draws of its own."""
    if settings.samples is not None:
        raise InvalidArgument(
            "--collapse-mode sequential contradicts --collapse-samples: a file's samples are "
            "drawn already, and its order may not be that of drawing"
        )
    if settings.save_samples is not None:
        raise InvalidArgument(
            "--collapse-mode sequential contradicts --collapse-save-samples: each check stops at "
            "draws of its own; the same seed draws them again"
        )
    if settings.max_samples is not None and settings.max_samples < LEAST_DRAWS:
        raise InvalidArgument(
            f"--collapse-max-samples must be {LEAST_DRAWS} or more in sequential mode; "
            f"got {settings.max_samples}"
        )


def given_twice(arguments: Sequence[str]) -> str | None:
    """Return what is wrong if an option that takes one value stands twice on a command line.

    One in the ini file's ``addopts`` may be overridden, so ``arguments`` are those that were typed.
    """
    words = [str(word) for word in arguments]
    for option in OPTIONS:
        if option.many or option.metavar is None:
            continue
        places = [
            i for i, w in enumerate(words) if w == option.flag or w.startswith(f"{option.flag}=")
        ]
        if len(places) > 1:
            shown = [
                words[i].partition("=")[2] if "=" in words[i] else " ".join(words[i + 1 : i + 2])
                for i in places
            ]
            told = " and ".join(map(values.shown, shown))
            return f"{option.flag} must be given once; got {told}"
    return None


def unknown_key(keys: Iterable[str]) -> str | None:
    """Return what is wrong with a key of an ini file that looks like ours and is none of them.

    pytest only warns of it, and the gate would judge by other settings than the file says.
    """
    known = [option.key for option in OPTIONS]
    for key in keys:
        if key.startswith("collapse_") and key not in known:
            hint = values.near(key, known)
            return f"{values.shown(key)} (ini) must be the name of an option of this version{hint}"
    return None


def _check_reports(settings: Settings, folder: Path) -> None:
    """Refuse reports that would replace what is read."""
    for name in ("samples", "reference", "baseline"):
        read = getattr(settings, name)
        for report in settings.reports:
            if read is not None and (folder / Path(read)).resolve() == report.resolve():
                raise InvalidArgument(
                    f"--collapse-report must not be the file of --collapse-{name}; "
                    f"got {values.shown(str(read))} for both"
                )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Finds what was given for an option, and says where when it's refused."""

    typed: Mapping[str, Any]
    ini: Mapping[str, Any]
    folder: Path

    def one(self, name: str, check: Callable[[str, str, Path], T]) -> T | None:
        label, value = self.given(name)
        return None if value is None else check(label, str(value).strip(), self.folder)

    def each(self, name: str, check: Callable[[str, str, Path], T]) -> tuple[T, ...]:
        label, texts = self.given(name)
        found: list[T] = []
        for value in texts or ():
            item = check(label, str(value).strip(), self.folder)
            named = [known[0] if isinstance(known, tuple) else known for known in found]
            if (item[0] if isinstance(item, tuple) else item) in named:
                raise InvalidArgument(
                    f"{label} must be given once each; got {values.shown(value)} again"
                )
            found.append(item)
        return tuple(found)

    def flag(self, name: str) -> bool:
        return bool(self.given(name)[1])

    def given(self, name: str) -> tuple[str, Any]:
        option = next(option for option in OPTIONS if option.name == name)
        if self.typed.get(option.key) not in (None, []):
            return option.flag, self.typed[option.key]
        return f"{option.key} (ini)", self.ini.get(option.key)


def _arguments(read: _Reader, models: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    label, texts = read.given("model-arg")
    if not texts:
        return {model: {} for model in models}
    if not models:
        raise InvalidArgument(f"{label} needs --collapse-model; got {values.shown(texts[0])}")
    from collapse_bench.adapters import parse_arguments  # loads numpy, so only when it's needed

    return parse_arguments(texts, models, name=label)
