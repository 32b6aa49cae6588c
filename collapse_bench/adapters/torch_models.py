"""torch distributions, modules that sample, and flows in the style of zuko as models."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.adapters.adapted import Library, Moments
from collapse_bench.adapters.isolation import seed_of
from collapse_bench.adapters.origin import made_by
from collapse_bench.errors import InvalidSpec, ModelError
from collapse_bench.streams import torch_generator

if TYPE_CHECKING:
    import torch

__all__ = ["recognize"]

# Laws whose `variance` is no variance of what they draw: VonMises gives the circular one, and in
# single precision ContinuousBernoulli's is off by its own size next to probs = 0.5.
WITHOUT_MOMENTS = ("ContinuousBernoulli", "VonMises")

# How a parameter is annotated that takes the shape of what is drawn.
SHAPES = {"Size", "_size", "Tuple", "tuple"}


def recognize(obj: Any, name: str) -> Library | None:
    """Return how ``obj`` is used if torch made it or its base class, else None."""
    if made_by(obj, "torch", "Distribution"):
        _demand_event(name, obj, InvalidSpec)
        return CODES if _discrete(obj) and not obj.event_shape else NUMBERS
    if not made_by(obj, "torch", "Module"):
        return None
    if callable(getattr(obj, "sample", None)):
        _how_sampled(name, obj)
        return MODULE if callable(getattr(obj, "log_prob", None)) else MODULE_WITHOUT_DENSITY
    try:
        inspect.signature(obj.forward).bind()
    except TypeError:  # it maps something to something
        return None
    return FLOW


# --- distributions --------------------------------------------------------------------------------


def _demand_event(name: str, law: Any, error: type[Exception]) -> None:
    if law.batch_shape:
        raise error(
            f"{name} must be a single distribution; got {type(law).__name__} with "
            f"batch_shape={tuple(law.batch_shape)}: wrap it in torch.distributions.Independent if "
            "they are the columns of a sample"
        )
    if len(law.event_shape) > 1:
        raise error(
            f"{name} must draw single numbers or rows; got {type(law).__name__} with "
            f"event_shape={tuple(law.event_shape)}"
        )


def _discrete(law: Any) -> bool:
    try:
        return bool(law.support.is_discrete)
    except (NotImplementedError, AttributeError):  # a law that doesn't say
        return False


def _draw(law: Any, size: int, rng: np.random.Generator) -> Any:
    import torch

    del rng  # it knows the global generator only, which is seeded
    with torch.no_grad():
        return law.sample((size,))


def _log_prob(law: Any, samples: NDArray[Any]) -> Any:
    import torch

    with torch.no_grad():
        seen = law.sample((1,))  # of the type and on the device that log_prob wants
        rows = torch.as_tensor(samples).to(seen.device, seen.dtype)
        if rows.ndim == 2 and not law.event_shape:
            rows = rows[:, 0]
        try:
            inside = law.support.check(rows)
        except (NotImplementedError, AttributeError):
            return law.log_prob(rows)
        # Most laws refuse what is outside their support, where the density is 0.
        found = torch.full((len(rows),), -torch.inf, dtype=torch.float64, device=rows.device)
        found[inside] = law.log_prob(rows[inside]).double()
        return found


def _moments(law: Any) -> Moments | None:
    inner = law  # and what it is made of, by Independent or MixtureSameFamily
    while inner is not None:
        if made_by(inner, "torch", *WITHOUT_MOMENTS):
            return None
        inner = getattr(inner, "base_dist", None) or getattr(inner, "component_distribution", None)
    try:
        mean = law.mean
        covariance = law.covariance_matrix if law.event_shape else law.variance
    except (NotImplementedError, AttributeError):
        return None
    d = int(law.event_shape.numel())
    found = tuple(
        part.detach().cpu().double().numpy().reshape(shape)
        for part, shape in ((mean, (d,)), (covariance, (d, d)))
    )
    return (found[0], found[1]) if all(np.isfinite(part).all() for part in found) else None


# --- modules --------------------------------------------------------------------------------------


@contextmanager
def _evaluating(module: Any) -> Iterator[torch.device]:
    """Run without gradients and without dropout, and leave every part in the mode it was in."""
    import torch

    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield next(iter(module.parameters()), torch.empty(0)).device
    finally:
        for part, training in modes:
            part.training = training


def _how_sampled(name: str, module: Any) -> tuple[bool, str | None]:
    """Return whether ``sample`` takes a shape, and the parameter that chance comes in by.

    Raises
    ------
    InvalidSpec
        If it can't be called with a number alone.
    """
    signature = inspect.signature(module.sample)
    parameters = list(signature.parameters.values())
    chance = next(
        (p.name for p in parameters if p.name in ("generator", "rng", "random_state", "seed")), None
    )
    try:
        signature.bind(1, **({} if chance is None else {chance: None}))
    except TypeError as error:
        raise InvalidSpec(
            f"{name} must have a sample that is called with a number; got "
            f"{type(module).__name__} with sample{signature}: {error}; wrap it in a function "
            "f(n, seed)"
        ) from error
    first = parameters[0]
    shaped = (
        "shape" in first.name or isinstance(first.default, tuple) or _is_shape(first.annotation)
    )
    return shaped, chance


def _is_shape(annotation: Any) -> bool:
    """Say whether a parameter takes a shape and no number, by the names in its annotation."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"\b(?:Union|Optional)\[(.*)\]", r"\1", text)
    while text != (outer := re.sub(r"\[[^\[\]]*\]", "", text)):  # what a tuple is of
        text = outer
    names = {part.strip().rpartition(".")[2] for part in re.split(r"[|,]", text)}
    return bool(names & SHAPES) and "int" not in names


def _draw_module(module: Any, size: int, rng: np.random.Generator) -> Any:
    shaped, chance = _how_sampled("model", module)
    with _evaluating(module) as device:
        keywords: dict[str, Any] = {}
        if chance == "generator":
            keywords["generator"] = torch_generator(rng, device)
        elif chance == "rng":
            keywords["rng"] = rng
        elif chance is not None:
            keywords[chance] = seed_of(rng)
        drawn = module.sample((size,) if shaped else size, **keywords)
    if isinstance(drawn, tuple) and len(drawn) == 2 and np.shape(drawn[1]) == (size,):
        _demand_densities(module, drawn[1])
        return drawn[0]  # samples and their log-densities, as several flows return them
    return drawn


def _demand_densities(module: Any, second: Any) -> None:
    import torch

    kept = torch.as_tensor(second)
    if not kept.is_floating_point():
        raise ModelError(
            f"{type(module).__name__}.sample must return samples, or samples and their "
            f"log-densities; got labels of {kept.dtype} beside them: return the samples alone, or "
            "with the labels as a column"
        )


def _log_prob_module(module: Any, samples: NDArray[Any]) -> Any:
    with _evaluating(module) as device:
        return module.log_prob(_tensor(module, samples, device))


def _tensor(module: Any, samples: NDArray[Any], device: Any) -> torch.Tensor:
    import torch

    dtypes = [p.dtype for p in module.parameters() if p.dtype.is_floating_point]
    return torch.as_tensor(samples).to(device, dtypes[0] if dtypes else torch.get_default_dtype())


def _draw_flow(flow: Any, size: int, rng: np.random.Generator) -> Any:
    with _evaluating(flow):
        return _draw(_law(flow), size, rng)


def _log_prob_flow(flow: Any, samples: NDArray[Any]) -> Any:
    with _evaluating(flow):
        return _log_prob(_law(flow), samples)


def _law(flow: Any) -> Any:
    """Return the distribution that a flow stands for now."""
    law = flow()
    if not made_by(law, "torch", "Distribution"):
        raise ModelError(
            f"{type(flow).__name__}() must return a torch distribution; got {type(law).__name__}"
        )
    _demand_event(f"{type(flow).__name__}()", law, ModelError)
    return law


def _move(module: Any, device: Any) -> Any:
    import torch

    there = torch.empty(0, device=device).device
    held = [*module.parameters(), *module.buffers()]
    return module if all(p.device == there for p in held) else copy.deepcopy(module).to(there)


NUMBERS = Library("numbers", _draw, log_prob=_log_prob, moments=_moments)
CODES = Library("codes", _draw, log_prob=_log_prob)
MODULE = Library("numbers", _draw_module, log_prob=_log_prob_module, move=_move)
MODULE_WITHOUT_DENSITY = Library("numbers", _draw_module, move=_move)
FLOW = Library("numbers", _draw_flow, log_prob=_log_prob_flow, move=_move)
