"""The plugin's options: what each is called, what it accepts, and what it comes to.

Only the standard library is imported here: every pytest session in the environment reads it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from collapse_bench.errors import InvalidArgument

__all__ = ["CONFORMANCE_MODELS", "EFFECTS", "OPTIONS", "Option", "Settings", "settings_from"]

# The two effect sizes of each check where nothing else is said: (tolerate, detect).
EFFECTS = {
    "tail_mass": (0.05, 0.25),
    "variance": (0.05, 0.20),
    "wasserstein": (0.02, 0.10),
    "drift": (0.05, 0.20),
}
# What the conformance suite checks where no model is given: SPEC -> arguments.
CONFORMANCE_MODELS: dict[str, dict[str, Any]] = {
    "categorical": {},
    "gaussian": {},
    "sklearn.mixture:GaussianMixture": {"n_components": 3},
}
PROFILES = ("smoke", "ci", "paper")
REPORTS = (".json",)
LARGEST = 2**53  # counts and seeds stay exact as JSON numbers
LEAST_RATE = 1e-5  # a test by permutation needs 1 / rate of them for every check of a gate
SHOWN = 60  # characters of a refused value

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
    Option("reference", "SPEC", "what is judged against: a file, a directory or a built-in name"),
    Option("tolerate", "NAME=X", "largest loss of check NAME that is fine", True),
    Option("detect", "NAME=X", "smallest loss of check NAME that must not get through", True),
    Option("alpha", "A", "chance that a gate fails a model without loss (default 0.01)"),
    Option("beta", "B", "chance that a gate passes a loss as large as detect (default 0.01)"),
    Option("profile", "NAME", "sizes: smoke, ci (default) or paper"),
    Option("seed", "N", "root seed of every random stream (default 0)"),
    Option("device", "NAME", "auto (default), cpu, cuda or cuda:N"),
    Option("require-gpu", None, "stop with exit code 4 where there is no CUDA device"),
    Option("min-checks", "N", "exit with 6 if fewer checks than this were carried out"),
    Option("save-samples", "DIR", "write the judged draws here, for --collapse-samples"),
    Option("max-samples", "N", "draw no more than this from a model"),
    Option("report", "PATH", "write a report; the suffix says which: .json", True),
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
    reference: str | None
    tolerate: Mapping[str, float]  # what was given, check by check
    detect: Mapping[str, float]
    alpha: float
    beta: float
    profile: str
    seed: int
    device: str
    require_gpu: bool
    min_checks: int | None
    save_samples: Path | None
    max_samples: int | None
    reports: tuple[Path, ...]
    budget: float | None  # seconds
    timeout: float | None  # seconds
    typed: frozenset[str]  # options on the command line, not in the ini file

    def effects(self, metric: str) -> dict[str, float]:
        """Return the effect sizes given for ``metric``: keywords of its check."""
        given = {"tolerate": self.tolerate, "detect": self.detect}
        return {name: values[metric] for name, values in given.items() if metric in values}

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
                        f"--collapse-model {_shown(spec)} needs --collapse-reference: "
                        "what to judge it against"
                    )
        elif not self.models and self.samples is None:
            return (
                f"--collapse-reference {_shown(self.reference)} needs --collapse-model or "
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
    models = read.each("model", _model)
    settings = Settings(
        models=models,
        arguments=_arguments(read, models),
        samples=read.one("samples", _existing),
        columns=read.one("columns", _columns),
        reference=read.one("reference", _reference),
        tolerate=dict(read.each("tolerate", _effect)),
        detect=dict(read.each("detect", _effect)),
        alpha=read.one("alpha", _rate) or 0.01,
        beta=read.one("beta", _rate) or 0.01,
        profile=read.one("profile", _profile) or "ci",
        seed=read.one("seed", _whole(0)) or 0,
        device=read.one("device", _device) or "auto",
        require_gpu=bool(typed.get("collapse_require_gpu") or ini.get("collapse_require_gpu")),
        min_checks=read.one("min-checks", _whole(0)),
        save_samples=read.one("save-samples", _directory),
        max_samples=read.one("max-samples", _whole(1)),
        reports=read.each("report", _report),
        budget=read.one("budget", _seconds),
        timeout=read.one("timeout", _seconds),
        typed=frozenset(key for key, value in typed.items() if value),
    )
    if settings.models and settings.samples is not None:
        raise InvalidArgument(
            "--collapse-model and --collapse-samples exclude each other: judge one of them"
        )
    if settings.require_gpu and settings.device == "cpu":
        raise InvalidArgument("--collapse-require-gpu contradicts --collapse-device cpu")
    for metric, (tolerate, detect) in EFFECTS.items():
        low = settings.tolerate.get(metric, tolerate)
        high = settings.detect.get(metric, detect)
        if low >= high:
            raise InvalidArgument(
                f"--collapse-tolerate {metric} must be below --collapse-detect {metric}; "
                f"got {low:g} and {high:g}"
            )
    return settings


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
        label, values = self.given(name)
        found: list[T] = []
        for value in values or ():
            item = check(label, str(value).strip(), self.folder)
            named = [known[0] if isinstance(known, tuple) else known for known in found]
            if (item[0] if isinstance(item, tuple) else item) in named:
                raise InvalidArgument(f"{label} must be given once each; got {_shown(value)} again")
            found.append(item)
        return tuple(found)

    def given(self, name: str) -> tuple[str, Any]:
        option = next(option for option in OPTIONS if option.name == name)
        if self.typed.get(option.key) not in (None, []):
            return option.flag, self.typed[option.key]
        return f"{option.key} (ini)", self.ini.get(option.key)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _refused(label: str, condition: str, value: object) -> InvalidArgument:
    return InvalidArgument(f"{label} must {condition}; got {_shown(value)}")


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def _rate(label: str, value: str, folder: Path) -> float:
    rate = _number(value)
    if not 0 < rate < 1:
        raise _refused(label, "be a number in (0, 1)", value)
    if rate < LEAST_RATE:
        raise _refused(label, f"be {LEAST_RATE:g} or more, which permutations can show", value)
    return rate


def _seconds(label: str, value: str, folder: Path) -> float:
    seconds = _number(value)
    if not 0 < seconds < math.inf:
        raise _refused(label, "be a positive number of seconds", value)
    return seconds


def _whole(least: int) -> Callable[[str, str, Path], int]:
    def check(label: str, value: str, folder: Path) -> int:
        digits = re.fullmatch(r"[0-9]{1,16}", value)
        if not digits or not least <= int(value) < LARGEST:
            raise _refused(label, f"be an integer in [{least}, 2**53)", value)
        return int(value)

    return check


def _model(label: str, value: str, folder: Path) -> str:
    if not value or value.startswith(":") or value.endswith(":"):
        raise _refused(label, "be MODULE:ATTR, hf:PATH-OR-ID or a built-in name", value)
    return value


def _effect(label: str, value: str, folder: Path) -> tuple[str, float]:
    name, equals, text = (part.strip() for part in value.partition("="))
    if not equals:
        raise _refused(label, "be NAME=X", value)
    if name not in EFFECTS:
        raise InvalidArgument(
            f"{label} must name one of {', '.join(EFFECTS)}; "
            f"got {_shown(name)}{_near(name, tuple(EFFECTS))}"
        )
    size = _number(text)
    if not 0 <= size < 1:
        raise _refused(label, f"be {name}=X with X in [0, 1)", value)
    return name, size


def _profile(label: str, value: str, folder: Path) -> str:
    if value not in PROFILES:
        raise InvalidArgument(
            f"{label} must be one of {', '.join(PROFILES)}; "
            f"got {_shown(value)}{_near(value, PROFILES)}"
        )
    return value


def _device(label: str, value: str, folder: Path) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", value):
        raise _refused(label, "be auto, cpu, cuda or cuda:N", value)
    return value


def _columns(label: str, value: str, folder: Path) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise _refused(label, "be different names, separated by commas", value)
    return names


def _reference(label: str, value: str, folder: Path) -> str:
    path = Path(value).expanduser()
    looks_like_a_path = path.suffix or "/" in value
    if not value or (looks_like_a_path and ":" not in value and not (folder / path).exists()):
        raise _refused(label, "be an existing file or directory, or a built-in name", value)
    return value


def _existing(label: str, value: str, folder: Path) -> str:
    if not value or not (folder / Path(value).expanduser()).exists():
        raise _refused(label, "be an existing file or directory", value)
    return value


def _directory(label: str, value: str, folder: Path) -> Path:
    path = folder / Path(value).expanduser()
    if path.exists() and not path.is_dir():
        raise _refused(label, "be a directory", value)
    return path


def _report(label: str, value: str, folder: Path) -> Path:
    path = folder / Path(value).expanduser()
    if path.suffix not in REPORTS:
        raise _refused(label, f"end in {' or '.join(REPORTS)}, which is what is written", value)
    if path.is_dir() or not path.parent.is_dir():
        raise _refused(label, "be a file in an existing directory", value)
    return path


def _arguments(read: _Reader, models: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    label, texts = read.given("model-arg")
    if not texts:
        return {model: {} for model in models}
    if not models:
        raise InvalidArgument(f"{label} needs --collapse-model; got {_shown(texts[0])}")
    from collapse_bench.adapters import parse_arguments  # loads numpy, so only when it's needed

    return parse_arguments(texts, models, name=label)
